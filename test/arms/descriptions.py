"""Arms by their URDFs in `urdf/`: the kinematics of real ones, in shapes of our own."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from robo_dopamine_ros.arms.kinematics import Kinematics

URDF = Path(__file__).parent / 'urdf'


@dataclass(frozen=True)
class Described:
    """One arm: what its driver calls its parts, and where it starts."""

    name: str
    joints: tuple[str, ...]
    base: str
    tool: str
    home: tuple[float, ...]  # away from limits and singularities [rad]

    @cached_property
    def text(self) -> str:
        return (URDF / f'{self.name}.urdf').read_text()

    @cached_property
    def kinematics(self) -> Kinematics:
        return Kinematics(self.text, self.joints, self.base, self.tool)

    def within(self, share: np.ndarray) -> np.ndarray:
        """Give joints at these shares (0..1) of their ranges; shares too many are left out."""
        limits = self.kinematics.limits
        return limits.lower + share[: len(self.joints)] * (limits.upper - limits.lower)


ARMS = {
    arm.name: arm
    for arm in (
        Described(
            'ur5e',
            (
                'shoulder_pan_joint',
                'shoulder_lift_joint',
                'elbow_joint',
                'wrist_1_joint',
                'wrist_2_joint',
                'wrist_3_joint',
            ),
            'base',
            'tool0',
            (0.3, -1.6, 1.9, -1.9, -1.5, 0.2),
        ),
        Described(
            'piper',
            tuple(f'joint{i}' for i in range(1, 7)),
            'base_link',
            'link6',
            (0.1, 1.4, -1.2, 0.1, 0.6, 0.0),
        ),
        Described(
            'fr3',
            tuple(f'fr3_joint{i}' for i in range(1, 8)),
            'base',
            'fr3_link8',
            (0.1, -0.7, 0.1, -2.3, 0.1, 1.7, 0.7),
        ),
    )
}
