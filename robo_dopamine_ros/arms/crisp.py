"""An arm under a CRISP Cartesian controller: Franka with franka_ros2, and the simulator.

As crisp_controllers 1.2 and later do it, which take and give poses of `end_effector_frame` in
`base_frame`; its CartesianController, PoseBroadcaster and TwistBroadcaster must run. It reads no
frame_id or stamp of a target, holds the last one for ever, and ignores all of them while
`target_pose` has more than one publisher.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
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

TARGET, POSE, TWIST = 'target_pose', 'current_pose', 'current_twist'
UNKNOWN = np.full(6, np.nan)


@dataclass(frozen=True)
class CrispParameters:
    """What differs between robots that CRISP controls."""

    joint_states: str = 'joint_states'  # topic
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
        self._vital = [POSE, TWIST, joints, *([wrench] if wrench else [])]
        base, tool = parameters.base_frame, parameters.tool_frame
        state = {
            POSE: Channel(POSE, 'geometry_msgs/msg/PoseStamped', reliable=False, frame=base),
            TWIST: Channel(TWIST, 'geometry_msgs/msg/TwistStamped', reliable=False, frame=tool),
            joints: Channel(joints, 'sensor_msgs/msg/JointState', reliable=False),
            wrench: Channel(wrench, 'geometry_msgs/msg/WrenchStamped', reliable=False),
            self._activity.name: self._activity,
            **{channel.name: channel for channel in self._gripper.hears},
        }
        absent = {'', '' if self._crisp.franka.hardware else self._activity.name}
        self.hears: Sequence[Channel] = [c for name, c in state.items() if name not in absent]
        target = Channel(TARGET, 'geometry_msgs/msg/PoseStamped', exclusive=True)
        self.tells: Sequence[Channel] = [target, *self._gripper.tells]

    def hear(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Take in what the controllers say."""
        if self._gripper.hears and channel == self._p.gripper.state:
            self._gripper.hear(value)
        if channel == POSE:
            value = finite_pose(value)
        elif channel == self._crisp.joint_states:
            value = of_joints(value, self._p.joints)
        elif channel in (TWIST, self._crisp.wrench):
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
        pose, joints = heard[POSE], heard[self._crisp.joint_states].value
        wrench = heard.value(self._crisp.wrench, UNKNOWN)
        return ArmState(
            stamp=pose.stamp,
            pose=pose.value,
            twist=rotated_twist(heard[TWIST].value, pose.value.orientation),
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
        told = Out(TARGET, target, self._p.base_frame)
        return Told([told, *self._gripper.grip(gripper)], target)

    def start(self) -> Script:
        """Activate the controllers of a Franka; elsewhere they run from the beginning."""
        return started(self._crisp.franka)

    def recover(self) -> Script:
        """Recover a Franka from an error; without one there is nothing to do."""
        return recovered(self._crisp.franka)
