"""Every arm with what its driver says while it stands still; the conformance test takes all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robo_dopamine_ros.arms import choose
from robo_dopamine_ros.arms.arm import Arm, Joints
from robo_dopamine_ros.arms.parameters import ArmParameters
from robo_dopamine_ros.types import Pose

PATIENCE = 0.1  # [s]
NOW = 100.0  # steady time at which all was said [s]
STAMP = 5_000_000_000  # [ns]
POSE = Pose(np.array([0.5, 0.1, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))  # tool down
FR3 = tuple(f'fr3_joint{i}' for i in range(1, 8))


@dataclass(frozen=True)
class Case:
    """One arm, and the first words of its driver."""

    parameters: ArmParameters
    says: Mapping[str, Any]  # by channel, in the order in which it is said
    vital: tuple[str, ...]  # channels whose silence beyond PATIENCE loses the arm
    pose: Pose = POSE  # of the tool, as said
    steady: dict[str, Any] = field(default_factory=dict)  # other channels, said once

    def make(self) -> Arm:
        """Make the arm, which has heard nothing."""
        return choose.make(self.parameters, PATIENCE)

    def say(self, arm: Arm, now: float = NOW, *unsaid: str, **instead: Any) -> None:
        """Say all but what is unsaid."""
        for channel, value in {**self.says, **instead}.items():
            if channel not in unsaid:
                arm.hear(channel, value, STAMP, now)

    def alive(self) -> Arm:
        """Make the arm, which has heard everything."""
        arm = self.make()
        self.say(arm)
        return arm


CRISP = Case(
    ArmParameters(),
    says={
        'current_pose': POSE,
        'current_twist': np.zeros(6),
        'joint_states': Joints(FR3, np.linspace(-1, 1, 7), np.zeros(7)),
        'gripper/joint_states': Joints(('gripper',), np.array([0.4])),
    },
    vital=('current_pose', 'current_twist', 'joint_states'),
)
CASES = {'crisp': CRISP}
