"""An arm under a CRISP Cartesian controller: Franka with franka_ros2, and the simulator.

As crisp_controllers 1.2 and later do it, which take and give poses of `end_effector_frame` in
`base_frame`; its CartesianController, PoseBroadcaster and TwistBroadcaster must run. It reads no
frame_id or stamp of a target, holds the last one for ever, and ignores all of them while
`target_pose` has more than one publisher.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from robo_dopamine_ros.arms.arm import Channel, Out, Script, Told
from robo_dopamine_ros.arms.controllers import activity, unfit
from robo_dopamine_ros.arms.franka import FrankaParameters, recovered, started
from robo_dopamine_ros.arms.grippers import Gripper
from robo_dopamine_ros.arms.mount import Mount
from robo_dopamine_ros.arms.readings import Readings, finite, finite_pose, of_joints
from robo_dopamine_ros.geometry import rotated_twist
from robo_dopamine_ros.types import ArmState, Pose

TARGET = Channel('target_pose', 'geometry_msgs/msg/PoseStamped', exclusive=True)
POSE = Channel('current_pose', 'geometry_msgs/msg/PoseStamped', reliable=False)
TWIST = Channel('current_twist', 'geometry_msgs/msg/TwistStamped', reliable=False)
JOINTS = Channel('joint_states', 'sensor_msgs/msg/JointState', reliable=False)
WRENCH = Channel('external_wrench', 'geometry_msgs/msg/WrenchStamped', reliable=False)
UNKNOWN = np.full(6, np.nan)


@dataclass(frozen=True)
class CrispParameters:
    """What differs between robots that CRISP controls."""

    joint_states: str = JOINTS.name  # topic
    wrench: str = ''  # topic of force and torque at the tool, base frame; empty: not known
    wrench_by_tool: bool = False  # it is what the tool exerts, as Franka reports it
    franka: FrankaParameters = field(default_factory=FrankaParameters)


class Crisp:
    """Tells poses, hears pose, twist and joints."""

    name = 'crisp'

    def __init__(self, mount: Mount, parameters: CrispParameters, patience: float) -> None:
        """`patience` is the silence after which the driver counts as lost [s]."""
        self._mount, self._p, self._patience = mount, parameters, patience
        self._gripper, self._readings = Gripper(mount.gripper), Readings()
        self._activity = activity(self._p.franka.manager)
        joints, wrench = self._p.joint_states, self._p.wrench
        self._vital = [POSE.name, TWIST.name, joints, *([wrench] if wrench else [])]
        state = [
            replace(POSE, frame=mount.base_frame),
            replace(TWIST, frame=mount.tool_frame),
            replace(JOINTS, name=joints),
            *([replace(WRENCH, name=wrench)] if wrench else []),
            *([self._activity] if self._p.franka.hardware else []),
            *self._gripper.hears,
        ]
        self.hears: Sequence[Channel] = list({c.name: c for c in state}.values())
        self.tells: Sequence[Channel] = [TARGET, *self._gripper.tells]

    def hear(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Take in what the controllers say."""
        if self._gripper.hears and channel == self._mount.gripper.state:
            self._gripper.hear(value)
        if channel == POSE.name:
            value = finite_pose(value)
        elif channel == self._p.joint_states:
            value = of_joints(value, self._mount.joints)
        elif channel in (TWIST.name, self._p.wrench):
            value = finite(value)
        if value is not None:
            self._readings.hear(channel, value, stamp, now)

    def state(self, now: float) -> ArmState | str:
        """Give what the controllers report; all of it must be alive."""
        franka, heard = self._p.franka, self._readings
        fault = unfit(heard.value(self._activity.name), franka.controllers, franka.hardware)
        silent = heard.silent(self._vital, now, self._patience)
        gripper = (channel.name for channel in self._gripper.hears)
        silent = silent or heard.silent(gripper, now, self._mount.gripper.patience)
        if silent:
            return '; '.join(filter(None, (fault, silent)))
        pose, joints = heard[POSE.name], heard[self._p.joint_states].value
        wrench = heard.value(self._p.wrench, UNKNOWN)
        return ArmState(
            stamp=pose.stamp,
            pose=pose.value,
            twist=rotated_twist(heard[TWIST.name].value, pose.value.orientation),
            joints=joints.positions,
            joint_velocities=joints.velocities,
            joint_names=joints.names,
            gripper=self._gripper.opening,
            wrench=-wrench if self._p.wrench_by_tool else wrench,
            fault=fault,
            driver=self.name,
        )

    def tell(self, target: Pose, gripper: float, now: float) -> Told:
        """Publish the target; how stiffly it is followed is the controller's own matter."""
        told = Out(TARGET.name, target, self._mount.base_frame)
        return Told([told, *self._gripper.grip(gripper)], target)

    def start(self) -> Script:
        """Activate the controllers of a Franka; elsewhere they run from the beginning."""
        return started(self._p.franka)

    def recover(self) -> Script:
        """Recover a Franka from an error; without one there is nothing to do."""
        return recovered(self._p.franka)
