"""Arm behind a position controller of ros2_control, with our own inverse kinematics.

For Gazebo, Universal Robots without MoveIt, and any arm with a forward_position_controller. That
controller has no timeout and executes the commands of every publisher: it holds the last joint
positions forever, so a hold is commanded like any motion, and the gate must be its only publisher.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from robo_dopamine_ros.arms import controller_manager
from robo_dopamine_ros.arms.arm import (
    UNKNOWN_WRENCH,
    CallSequence,
    Channel,
    DriverCommand,
    LatestMessages,
    OutgoingMessage,
)
from robo_dopamine_ros.arms.grippers import Gripper, GripperOwner
from robo_dopamine_ros.arms.ik_controller import IkController
from robo_dopamine_ros.arms.joint_state import JointStateReader, KinematicsConfig
from robo_dopamine_ros.arms.tool_limits import ToolLimits
from robo_dopamine_ros.arms.ur import UrConfig, UrRobot
from robo_dopamine_ros.types import ArmState, Pose

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.config import ArmConfig


@dataclass(frozen=True)
class PositionControllerConfig:
    """The controller, the topics of the arm's state, and the robot behind it."""

    controller: str = 'forward_position_controller'  # takes the joints in the order of `joints`
    manager: str = 'controller_manager'  # its node; empty: the controller is not activated
    joint_states: str = 'joint_states'  # topic
    wrench: str = ''  # topic of force and torque on the tool, tool frame; empty: not known
    kinematics: KinematicsConfig = field(default_factory=KinematicsConfig)
    ur: UrConfig = field(default_factory=UrConfig)


class PositionControllerArm(GripperOwner):
    """Commands and reads joint positions; the URDF relates them to poses of the tool."""

    name = 'position_controller'

    def __init__(
        self, config: 'ArmConfig', controller: PositionControllerConfig, timeout: float
    ) -> None:
        """`timeout` is the silence after which the driver counts as lost [s]."""
        if not config.joints:
            raise ValueError('joints is empty; name those of the controller, in its order')
        self._config, self._controller, self._timeout = config, controller, timeout
        self._gripper, self._latest = Gripper(config.gripper), LatestMessages()
        self._ur = UrRobot(controller.ur, self._latest, config.model)
        base, tool = config.base_frame, config.tool_frame
        self._joints = JointStateReader(
            controller.kinematics, config.joints, base, tool, config.model, config.whole_arm
        )
        self._ik = IkController(self._joints)
        self._activity = controller_manager.activity_channel(controller.manager)
        self._command_topic = f'{controller.controller}/commands'
        self._gripper_state = config.gripper.state if self._gripper.inputs else ''
        joints, wrench = controller.joint_states, controller.wrench
        self._required = [joints, *([wrench] if wrench else []), *self._ur.required]
        channels = {
            **{channel.name: channel for channel in self._gripper.inputs},
            joints: Channel(joints, 'sensor_msgs/msg/JointState', depth=10, reliable=False),
            wrench: Channel(wrench, 'geometry_msgs/msg/WrenchStamped', reliable=False),
            self._activity.name: self._activity,
            **{channel.name: channel for channel in (*self._joints.inputs, *self._ur.inputs)},
        }
        absent = {'', '' if controller.manager else self._activity.name}
        self.inputs: Sequence[Channel] = [c for name, c in channels.items() if name not in absent]
        output = Channel(self._command_topic, 'std_msgs/msg/Float64MultiArray', exclusive=True)
        self.outputs: Sequence[Channel] = [output, *self._gripper.outputs]

    def on_message(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Handle a message of the driver, the gripper or the robot, or the URDF."""
        if channel == self._gripper_state:
            self._gripper.on_joint_state(value, now)
        if channel == self._controller.kinematics.description:
            self._joints.on_robot_description(value)
        elif channel == self._controller.joint_states and not self._joints.on_joint_state(
            value, stamp, now
        ):
            return
        self._latest.on_message(channel, value, stamp, now)
        if fault := self._driver_fault():
            self._ik.interrupt(fault, now)

    def state(self, now: float) -> ArmState | str:
        """Return the measured state, with the tool pose computed from the joints."""
        latest = self._latest
        fault = self._driver_fault() or self._ik.interruption(now) or self._ik.tracking_fault()
        silent = latest.timeout_reason(self._required, now, self._timeout)
        silent = silent or self._gripper.missing(now)
        missing = [self._joints.missing, self._ur.missing, silent]
        if any(missing):
            return '; '.join(filter(None, (fault, *missing)))
        wrench = latest.get(self._controller.wrench, UNKNOWN_WRENCH)
        return self._joints.arm_state(self.name, fault, self._gripper.opening, wrench)

    def command(
        self, target: Pose, gripper: float, now: float, commanded: bool = True
    ) -> DriverCommand:
        """Return the joint positions of this tick; nothing while the robot could not follow."""
        if blocked := self._driver_fault() or self._ik.interruption(now):
            return DriverCommand([], self._joints.tool_pose(), f'nothing is sent: {blocked}')
        step = self._ik.step(target, now)
        if isinstance(step, str):
            return DriverCommand([], self._joints.tool_pose(), f'nothing is sent: {step}')
        message = OutgoingMessage(self._command_topic, step.joints)
        messages = [message, *self._gripper.command(gripper, now, commanded)]
        return DriverCommand(messages, step.pose, step.reason)

    def limit_tool(self, limits: ToolLimits) -> None:
        """Set the limits of the tool that the joints sent must keep."""
        self._ik.tool_limits = limits

    def start(self) -> CallSequence:
        """Activate the controller; the arm holds its position."""
        error = yield from self._ur.start()
        if error or not self._controller.manager:
            return error
        controllers = [self._controller.controller]
        return (yield from controller_manager.activate(self._controller.manager, controllers))

    @property
    def not_told(self) -> str:
        """Return the settings of the robot that its driver does not tell."""
        return self._ur.not_told

    def arming_obstacle(self) -> str:
        """Return why the arm must not be armed, empty: nothing is known against it."""
        return self._ur.arming_obstacle()

    def recover(self) -> CallSequence:
        """Recover a stopped UR; for other robots there is nothing to do."""
        return self._ur.recover()

    def _driver_fault(self) -> str:
        """Return why the arm would not follow, empty: it would."""
        activity = self._latest.get(self._activity.name)
        inactive = controller_manager.inactive_reason(activity, [self._controller.controller])
        return ', '.join(filter(None, (self._ur.fault(), inactive, self._joints.fault)))
