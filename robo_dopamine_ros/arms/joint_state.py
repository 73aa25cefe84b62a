"""State of the joints between two links: kinematics from the URDF, positions from JointState."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.arms.arm import UNKNOWN_WRENCH, Channel, Joints, check_finite
from robo_dopamine_ros.arms.differential_ik import IkConfig
from robo_dopamine_ros.arms.joint_turns import JointTurns
from robo_dopamine_ros.arms.whole_arm import WholeArm, WholeArmConfig, make_whole_arm
from robo_dopamine_ros.geometry import rotate_twist
from robo_dopamine_ros.types import SECOND, ArmState, Pose

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.kinematics import Kinematics

WHOLE_ARM = WholeArmConfig()
MAX_VELOCITY_INTERVAL = 0.1  # positions further apart give no velocity [s]


@dataclass(frozen=True)
class KinematicsConfig:
    """Source of the URDF, offset of the tool, and inverse kinematics."""

    description: str = 'robot_description'  # topic of the URDF
    urdf: str = ''  # file with the URDF, for drivers without that topic; empty: the topic
    offset: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # tool frame to tool: xyz, rpy
    ik: IkConfig = field(default_factory=IkConfig)

    def __post_init__(self) -> None:
        if not (self.description or self.urdf):
            raise ValueError('description and urdf are empty; one must say where the URDF is')
        if len(self.offset) != 6 or not np.isfinite(self.offset).all():
            raise ValueError(f'offset = {self.offset}; it must be x y z, roll pitch yaw [m, rad]')


class JointStateReader:
    """Reads the URDF and joint states, whose joints come in any order."""

    def __init__(
        self,
        config: KinematicsConfig,
        joints: Sequence[str],
        base: str,
        tool: str,
        model: str = '',
        whole_arm: WholeArmConfig = WHOLE_ARM,
    ) -> None:
        """ValueError where the file of the URDF cannot be used, or pinocchio is missing."""
        self._offset, self._links = config.offset, (tuple(joints), base, tool)
        self._shape = (model, whole_arm)
        self.whole_arm: WholeArm | None = None  # known with the URDF, where the model is known
        self.ik = config.ik
        self._urdf = ''
        self._kinematics: Kinematics | None = None
        self._turns: JointTurns | None = None  # known with the limits of the URDF
        self.joints = Joints(tuple(joints), np.zeros(0))  # newest measured, in the order given
        self.stamp = 0  # of those [ns]
        self._received = -math.inf  # steady time of their arrival [s]
        topic = Channel(config.description, 'std_msgs/msg/String', transient_local=True)
        self.inputs = [] if config.urdf else [topic]
        if config.urdf:
            self.on_robot_description(_read(config.urdf))

    @property
    def kinematics(self) -> 'Kinematics':
        """Kinematics of the URDF; only after it was received."""
        assert self._kinematics is not None
        return self._kinematics

    @property
    def missing(self) -> str:
        """Topic that must be received before the pose is known, empty: none."""
        topics = [channel.name for channel in self.inputs if self._kinematics is None]
        return f'nothing heard yet on {topics[0]}' if topics else ''

    def on_robot_description(self, urdf: str) -> None:
        """Build the kinematics of a URDF; ValueError when it lacks one of our joints or links."""
        if urdf == self._urdf:
            return
        try:
            from robo_dopamine_ros.arms.kinematics import Kinematics
        except ImportError as error:
            raise ValueError(
                f'{error}; joints need pinocchio: pip install pin, or rosdep install'
            ) from error
        self._kinematics = Kinematics(urdf, *self._links, self._offset)
        self.whole_arm = make_whole_arm(self._kinematics, *self._shape)
        limits, rotates = self._kinematics.limits, self._kinematics.rotates
        self._turns = JointTurns(self.joints.names, limits.lower, limits.upper, rotates)
        if len(self.joints.positions):  # they came before the URDF
            positions = self._turns.update(self.joints.positions, self._received)
            self.joints = replace(self.joints, positions=positions)
        self._urdf = urdf

    @property
    def fault(self) -> str:
        """Why the measured joints cannot be commanded, empty: they can."""
        return self._turns.fault if self._turns else ''

    def on_joint_state(self, joints: Joints, stamp: int, now: float) -> bool:
        """Store our joints; return whether the message has them. ValueError where one is missing.

        Only our joints must be finite. Angles are continuous from message to message, although the
        driver may wrap them at +-pi. Velocities that are left out or NaN, as of drivers that do not
        measure them, are computed from two successive positions. `now` is steady time [s].
        """
        names = self.joints.names
        missing = [name for name in names if name not in joints.names]
        if len(missing) == len(names):
            return False  # of another part of the robot, on the same topic
        if missing:
            raise ValueError(f'{", ".join(missing)} is missing, there is {", ".join(joints.names)}')
        if len(joints.positions) != len(joints.names):
            raise ValueError(f'{len(joints.names)} joints but {len(joints.positions)} positions')
        order = [joints.names.index(name) for name in names]
        positions = check_finite(joints.positions[order])
        if self._turns:
            positions = self._turns.update(positions, now)
        given = len(joints.velocities) == len(joints.names)
        velocities = joints.velocities[order] if given else np.full(len(names), np.nan)
        if not np.isfinite(velocities).all():
            velocities = self._velocities(positions, stamp)
        self.joints, self.stamp = Joints(names, positions, velocities), stamp
        self._received = now
        return True

    def tool_pose(self) -> Pose:
        """Return the measured pose of the tool, base frame."""
        return self.kinematics.pose(self.joints.positions)

    def arm_state(
        self, driver: str, fault: str, gripper: float, wrench: np.ndarray = UNKNOWN_WRENCH
    ) -> ArmState:
        """Return the state of the arm; `wrench` (6,) is given in the tool frame [N, N m]."""
        pose, jacobian = self.kinematics.pose_and_jacobian(self.joints.positions)
        return ArmState(
            stamp=self.stamp,
            pose=pose,
            twist=jacobian @ self.joints.velocities,
            joints=self.joints.positions,
            joint_velocities=self.joints.velocities,
            joint_names=self.joints.names,
            gripper=gripper,
            wrench=rotate_twist(wrench, pose.orientation),
            fault=fault,
            driver=driver,
        )

    def _velocities(self, positions: np.ndarray, stamp: int) -> np.ndarray:
        """Return the difference quotient to the previous positions, 0 where those are too old."""
        seconds = (stamp - self.stamp) / SECOND
        if not len(self.joints.positions) or not 0 < seconds < MAX_VELOCITY_INTERVAL:
            return np.zeros(len(positions))
        velocities: np.ndarray = (positions - self.joints.positions) / seconds
        return velocities


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f'urdf = {path!r}: {error}') from error
