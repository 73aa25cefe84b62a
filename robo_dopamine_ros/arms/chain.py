"""The joints of an arm between two links: what the URDF says of them, and where they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.arms.arm import Channel, Joints
from robo_dopamine_ros.arms.inverse import JointMotion
from robo_dopamine_ros.arms.readings import finite
from robo_dopamine_ros.geometry import rotated_twist
from robo_dopamine_ros.types import SECOND, ArmState, Pose

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.kinematics import Kinematics

UNKNOWN = np.full(6, np.nan)  # wrench
STEADY = 0.1  # two readings further apart tell no velocity [s]


@dataclass(frozen=True)
class ChainParameters:
    """Where the URDF comes from, where the tool is, and how the joints may move."""

    description: str = 'robot_description'  # topic of the URDF
    urdf: str = ''  # file with the URDF, for drivers without that topic; empty: the topic
    offset: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # tool frame to tool: xyz, rpy
    motion: JointMotion = field(default_factory=JointMotion)

    def __post_init__(self) -> None:
        if not (self.description or self.urdf):
            raise ValueError('description and urdf are empty; one must say where the URDF is')
        if len(self.offset) != 6 or not np.isfinite(self.offset).all():
            raise ValueError(f'offset = {self.offset}; it must be x y z, roll pitch yaw [m, rad]')


class Chain:
    """Takes in the URDF and joint states whose joints come in any order."""

    def __init__(
        self, parameters: ChainParameters, joints: Sequence[str], base: str, tool: str
    ) -> None:
        """ValueError where the file with the URDF cannot be used, or pinocchio is missing."""
        self._offset, self._between = parameters.offset, (tuple(joints), base, tool)
        self.motion = parameters.motion
        self._text = ''
        self._kinematics: Kinematics | None = None
        self.joints = Joints(tuple(joints), np.zeros(0))  # as measured, in our order
        self.stamp = 0  # of the newest joints [ns]
        topic = Channel(parameters.description, 'std_msgs/msg/String', kept=True)
        self.hears = [] if parameters.urdf else [topic]
        if parameters.urdf:
            self.describe(_read(parameters.urdf))

    @property
    def kinematics(self) -> 'Kinematics':
        """What the URDF says; only once it was heard."""
        assert self._kinematics is not None
        return self._kinematics

    @property
    def missing(self) -> str:
        """What must be heard before anything is known, empty: nothing."""
        waits = [channel.name for channel in self.hears if self._kinematics is None]
        return f'nothing heard yet on {waits[0]}' if waits else ''

    def describe(self, text: str) -> None:
        """Take in the URDF; ValueError when it lacks what was named."""
        if text == self._text:
            return
        try:
            from robo_dopamine_ros.arms.kinematics import Kinematics
        except ImportError as error:
            raise ValueError(
                f'{error}; joints need pinocchio: pip install pin, or rosdep install'
            ) from error
        self._kinematics = Kinematics(text, *self._between, self._offset)
        self._text = text

    def hear(self, joints: Joints, stamp: int) -> bool:
        """Take in joint states, whether they are of ours; ValueError where one is missing."""
        names = self.joints.names
        missing = [name for name in names if name not in joints.names]
        if len(missing) == len(names):
            return False  # of another part of the robot, on the same topic
        if missing:
            raise ValueError(f'{", ".join(missing)} is missing, there is {", ".join(joints.names)}')
        if len(joints.positions) != len(joints.names):
            raise ValueError(f'{len(joints.names)} joints but {len(joints.positions)} positions')
        order = [joints.names.index(name) for name in names]
        positions = finite(joints.positions[order])
        told = len(joints.velocities) == len(joints.names)
        velocities = joints.velocities[order] if told else np.full(len(names), np.nan)
        if not np.isfinite(velocities).all():  # as broadcasters say what a driver does not measure
            velocities = self._velocities(positions, stamp)
        self.joints, self.stamp = Joints(names, positions, velocities), stamp
        return True

    def tool(self) -> Pose:
        """Give the measured pose of the tool in the base frame."""
        return self.kinematics.pose(self.joints.positions)

    def state(
        self, driver: str, fault: str, gripper: float, wrench: np.ndarray = UNKNOWN
    ) -> ArmState:
        """Give what the joints tell, and what others do; the wrench is that in the tool frame."""
        pose, jacobian = self.kinematics.pose_and_jacobian(self.joints.positions)
        return ArmState(
            stamp=self.stamp,
            pose=pose,
            twist=jacobian @ self.joints.velocities,
            joints=self.joints.positions,
            joint_velocities=self.joints.velocities,
            joint_names=self.joints.names,
            gripper=gripper,
            wrench=rotated_twist(wrench, pose.orientation),
            fault=fault,
            driver=driver,
        )

    def _velocities(self, positions: np.ndarray, stamp: int) -> np.ndarray:
        """Give what the last two readings tell."""
        seconds = (stamp - self.stamp) / SECOND
        if not len(self.joints.positions) or not 0 < seconds < STEADY:
            return np.zeros(len(positions))
        return (positions - self.joints.positions) / seconds


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f'urdf = {path!r}: {error}') from error
