"""Arm under a CRISP Cartesian controller: Franka with franka_ros2, and the simulator.

Written for crisp_controllers 1.2 and later, which receive and publish poses of
`end_effector_frame` in `base_frame`; its CartesianController, PoseBroadcaster and TwistBroadcaster
must run. The controller reads neither frame_id nor stamp of a target, holds the last target
without a timeout, and ignores all targets while `target_pose` has more than one publisher.

Since franka_ros2 3.3 (Jazzy) and 2.4 (Humble), an error leaves the driver's process running, sets
the hardware to `unconfigured` and deactivates all controllers, broadcasters included, so that no
state is published. What is inactive is known from the controller manager's topic `activity`
(Jazzy). FrankaRobotState, which has the robot's mode, is not subscribed: it is a large message at
1 kHz, too much for Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from robo_dopamine_ros.arms import controller_manager
from robo_dopamine_ros.arms.arm import (
    UNKNOWN_WRENCH,
    Call,
    CallSequence,
    Channel,
    DriverCommand,
    Joints,
    LatestMessages,
    OutgoingMessage,
    check_finite,
    normalized_pose,
)
from robo_dopamine_ros.arms.grippers import Gripper, GripperOwner
from robo_dopamine_ros.geometry import rotate_twist
from robo_dopamine_ros.types import ArmState, Pose

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.config import ArmConfig

TARGET_POSE = Channel('target_pose', 'geometry_msgs/msg/PoseStamped', exclusive=True)
CURRENT_POSE = Channel('current_pose', 'geometry_msgs/msg/PoseStamped', reliable=False)
CURRENT_TWIST = Channel('current_twist', 'geometry_msgs/msg/TwistStamped', reliable=False)
JOINT_STATES = Channel('joint_states', 'sensor_msgs/msg/JointState', reliable=False)
EXTERNAL_WRENCH = Channel('external_wrench', 'geometry_msgs/msg/WrenchStamped', reliable=False)

FRANKA_NOT_TOLD = 'collision thresholds: franka_msgs can only set them; safety rules: see Desk'


@dataclass(frozen=True)
class FrankaConfig:
    """Names of franka_ros2, including a prefix or namespace of its launch file."""

    hardware: str = ''  # hardware component, FrankaHardwareInterface; empty: no Franka
    controllers: tuple[str, ...] = ()  # that must be active, broadcasters included
    manager: str = 'controller_manager'  # node of the controller manager
    error_recovery: str = 'action_server/error_recovery'  # action

    def __post_init__(self) -> None:
        if self.hardware and not self.controllers:
            raise ValueError('controllers is empty; name the broadcasters and the one of the arm')


@dataclass(frozen=True)
class CrispConfig:
    """Settings of an arm under CRISP."""

    joint_states: str = JOINT_STATES.name  # topic
    wrench: str = ''  # topic of force and torque at the tool, base frame; empty: not known
    wrench_by_tool: bool = False  # it is exerted by the tool, as Franka reports it, not on it
    franka: FrankaConfig = field(default_factory=FrankaConfig)


class CrispArm(GripperOwner):
    """Commands target poses; reads pose, twist and joints."""

    name = 'crisp'

    def __init__(self, config: 'ArmConfig', crisp: CrispConfig, timeout: float) -> None:
        """`timeout` is the silence after which the driver counts as lost [s]."""
        self._config, self._crisp, self._timeout = config, crisp, timeout
        self._gripper, self._latest = Gripper(config.gripper), LatestMessages()
        self._activity = controller_manager.activity_channel(crisp.franka.manager)
        joints, wrench = crisp.joint_states, crisp.wrench
        self._required = [CURRENT_POSE.name, CURRENT_TWIST.name, joints]
        self._required += [wrench] if wrench else []
        inputs = [
            replace(CURRENT_POSE, frame=config.base_frame),
            replace(CURRENT_TWIST, frame=config.tool_frame),
            replace(JOINT_STATES, name=joints),
            *([replace(EXTERNAL_WRENCH, name=wrench)] if wrench else []),
            *([self._activity] if crisp.franka.hardware else []),
            *self._gripper.inputs,
        ]
        self.inputs: Sequence[Channel] = list({c.name: c for c in inputs}.values())
        self.not_told = FRANKA_NOT_TOLD if crisp.franka.hardware else ''
        self.outputs: Sequence[Channel] = [TARGET_POSE, *self._gripper.outputs]

    def on_message(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Handle a message of the controllers or the gripper."""
        if self._gripper.inputs and channel == self._config.gripper.state:
            self._gripper.on_joint_state(value, now)
        if channel == CURRENT_POSE.name:
            value = normalized_pose(value)
        elif channel == self._crisp.joint_states:
            value = _select_joints(value, self._config.joints)
        elif channel == CURRENT_TWIST.name:
            value = check_finite(value)
        if value is not None:
            self._latest.on_message(channel, value, stamp, now)

    def state(self, now: float) -> ArmState | str:
        """Return the state that the controllers report; none of them may be silent."""
        franka, latest = self._crisp.franka, self._latest
        activity = latest.get(self._activity.name)
        fault = controller_manager.inactive_reason(activity, franka.controllers, franka.hardware)
        silent = latest.timeout_reason(self._required, now, self._timeout)
        silent = silent or self._gripper.missing(now)
        if silent:
            return '; '.join(filter(None, (fault, silent)))
        pose, joints = latest[CURRENT_POSE.name], latest[self._crisp.joint_states].value
        wrench = latest.get(self._crisp.wrench, UNKNOWN_WRENCH)
        return ArmState(
            stamp=pose.stamp,
            pose=pose.value,
            twist=rotate_twist(latest[CURRENT_TWIST.name].value, pose.value.orientation),
            joints=joints.positions,
            joint_velocities=joints.velocities,
            joint_names=joints.names,
            gripper=self._gripper.opening,
            wrench=-wrench if self._crisp.wrench_by_tool else wrench,
            fault=fault,
            driver=self.name,
        )

    def command(
        self, target: Pose, gripper: float, now: float, commanded: bool = True
    ) -> DriverCommand:
        """Return the target pose; the stiffness is a parameter of the controller."""
        message = OutgoingMessage(TARGET_POSE.name, target, self._config.base_frame)
        return DriverCommand([message, *self._gripper.command(gripper, now, commanded)], target)

    def start(self) -> CallSequence:
        """Activate the controllers of a Franka; those of other robots are active from the start."""
        franka = self._crisp.franka
        if not franka.hardware:
            return ''
        return (yield from controller_manager.activate(franka.manager, franka.controllers))

    def arming_obstacle(self) -> str:
        """Return nothing: what the driver does not tell cannot be checked."""
        return ''

    def recover(self) -> CallSequence:
        """Recover a Franka from an error: clear it, activate the hardware, then the controllers.

        Each step needs the one before. The controllers start at the measured pose, so nothing
        moves. For other robots there is nothing to do.
        """
        franka = self._crisp.franka
        if not franka.hardware:
            return ''
        kind, label = 'franka_msgs/action/ErrorRecovery', 'clear the error'
        reply = yield Call(franka.error_recovery, kind, timeout=10.0, label=label)
        if isinstance(reply, str):
            return reply
        error = yield from controller_manager.activate_hardware(franka.manager, franka.hardware)
        if error:
            return error
        return (yield from controller_manager.activate(franka.manager, franka.controllers))


def _select_joints(joints: Joints, names: Sequence[str]) -> Joints | None:
    """Return the joints of these names in their order, all of them where no names are given.

    None where one is missing, as in messages of other joints on the same topic. Velocities that
    are left out or NaN become 0; ValueError for positions that are not finite.
    """
    if not joints.names or not set(names) <= set(joints.names):
        return None
    names = names or joints.names
    order = [joints.names.index(name) for name in names]
    given = len(joints.velocities) == len(joints.names)
    velocities = joints.velocities[order] if given else np.zeros(len(order))
    velocities = np.where(np.isfinite(velocities), velocities, 0.0)
    return Joints(tuple(names), check_finite(joints.positions[order]), velocities)
