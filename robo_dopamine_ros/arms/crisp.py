"""An arm under a CRISP Cartesian controller: Franka with franka_ros2, and the simulator.

As crisp_controllers 1.2 and later do it, which take and give poses of `end_effector_frame` in
`base_frame`; its CartesianController, PoseBroadcaster and TwistBroadcaster must run. It reads no
frame_id or stamp of a target, holds the last one for ever, and ignores all of them while
`target_pose` has more than one publisher.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from robo_dopamine_ros.arms.arm import Channel, Out, Script, Told
from robo_dopamine_ros.arms.controllers import activity, unfit
from robo_dopamine_ros.arms.franka import FrankaParameters, recovered, started
from robo_dopamine_ros.arms.grippers import Gripper
from robo_dopamine_ros.arms.readings import Readings, finite, finite_pose, of_joints
from robo_dopamine_ros.geometry import rotated_twist
from robo_dopamine_ros.types import ArmState, Pose

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.parameters import ArmParameters

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

    def __init__(self, parameters: 'ArmParameters', patience: float) -> None:
        """`patience` is the silence after which the driver counts as lost [s]."""
        self._p, self._crisp, self._patience = parameters, parameters.crisp, patience
        self._gripper, self._readings = Gripper(parameters.gripper), Readings()
        self._activity = activity(self._crisp.franka.manager)
        joints, wrench = self._crisp.joint_states, self._crisp.wrench
        self._vital = [POSE.name, TWIST.name, joints, *([wrench] if wrench else [])]
        state = [
            replace(POSE, frame=parameters.base_frame),
            replace(TWIST, frame=parameters.tool_frame),
            replace(JOINTS, name=joints),
            *([replace(WRENCH, name=wrench)] if wrench else []),
            *([self._activity] if self._crisp.franka.hardware else []),
            *self._gripper.hears,
        ]
        self.hears: Sequence[Channel] = list({c.name: c for c in state}.values())
        self.tells: Sequence[Channel] = [TARGET, *self._gripper.tells]

    def hear(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Take in what the controllers say."""
        if self._gripper.hears and channel == self._p.gripper.state:
            self._gripper.hear(value)
        if channel == POSE.name:
            value = finite_pose(value)
        elif channel == self._crisp.joint_states:
            value = of_joints(value, self._p.joints)
        elif channel in (TWIST.name, self._crisp.wrench):
            value = finite(value)
        if value is not None:
            self._readings.hear(channel, value, stamp, now)

    def state(self, now: float) -> ArmState | str:
        """Give what the controllers report; all of it must be alive."""
        franka, heard = self._crisp.franka, self._readings
        fault = unfit(heard.value(self._activity.name), franka.controllers, franka.hardware)
        silent = heard.silent(self._vital, now, self._patience)
        gripper = (channel.name for channel in self._gripper.hears)
        silent = silent or heard.silent(gripper, now, self._p.gripper.patience)
        if silent:
            return '; '.join(filter(None, (fault, silent)))
        pose, joints = heard[POSE.name], heard[self._crisp.joint_states].value
        wrench = heard.value(self._crisp.wrench, UNKNOWN)
        return ArmState(
            stamp=pose.stamp,
            pose=pose.value,
            twist=rotated_twist(heard[TWIST.name].value, pose.value.orientation),
            joints=joints.positions,
            joint_velocities=joints.velocities,
            joint_names=joints.names,
            gripper=self._gripper.opening,
            wrench=-wrench if self._crisp.wrench_by_tool else wrench,
            fault=fault,
            driver=self.name,
        )

    def tell(self, target: Pose, gripper: float, now: float) -> Told:
        """Publish the target; how stiffly it is followed is the controller's own matter."""
        told = Out(TARGET.name, target, self._p.base_frame)
        return Told([told, *self._gripper.grip(gripper)], target)

    def start(self) -> Script:
        """Activate the controllers of a Franka; elsewhere they run from the beginning."""
        return started(self._crisp.franka)

    def recover(self) -> Script:
        """Recover a Franka from an error; without one there is nothing to do."""
        return recovered(self._crisp.franka)
