"""Arm behind MoveIt Servo, which takes twists: a proportional controller here closes the loop.

Written for servo_node of moveit_servo 2.12 (Jazzy) and 2.5 (Humble). Servo halts when the newest
twist is 0.1 s old, so one is sent every tick; its own timeout therefore does not notice a dead
policy, that of the gate does. Poses are not commanded: Humble has no such command, and Jazzy no
acceleration limit for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from robo_dopamine_ros.arms.arm import (
    UNKNOWN_WRENCH,
    Call,
    CallSequence,
    Channel,
    DriverCommand,
    LatestMessages,
    OutgoingMessage,
)
from robo_dopamine_ros.arms.grippers import Gripper, GripperOwner
from robo_dopamine_ros.arms.joint_state import JointStateReader, KinematicsConfig
from robo_dopamine_ros.arms.ur import UrConfig, UrRobot
from robo_dopamine_ros.geometry import limit_twist, pose_difference
from robo_dopamine_ros.types import ArmState, Pose, require_positive

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.config import ArmConfig

TWIST_COMMAND = 1  # of moveit_msgs/srv/ServoCommandType
UNITS_PARAMETER = 'moveit_servo.command_in_type'
FRAME_PARAMETER = 'moveit_servo.apply_twist_commands_about_ee_frame'
STATUS_DELAY = 0.5  # from a start until the status is valid [s]
STATUS_TYPES = {'jazzy': 'moveit_msgs/msg/ServoStatus', 'humble': 'std_msgs/msg/Int8'}
INVALID, COLLISION = 'refuses the command', 'halts: collision'
APPROACHING, LEAVING = 'slows down towards a singularity', 'slows down leaving a singularity'
SINGULAR = 'halts: singularity, only the way back is free'
NEAR, BOUND = 'slows down near a collision', 'halts joints at their bounds'
STATUS_TEXTS = {  # of the codes from -1 on
    'jazzy': (INVALID, '', APPROACHING, SINGULAR, LEAVING, NEAR, COLLISION, BOUND),
    'humble': (INVALID, '', APPROACHING, SINGULAR, NEAR, COLLISION, BOUND, LEAVING),
}
MOVABLE_STATUSES = (APPROACHING, LEAVING, SINGULAR, NEAR, BOUND)  # some twists still move the arm


@dataclass(frozen=True)
class ServoConfig:
    """Names of Servo, and gain and limits of the twists; Servo applies its own limits as well."""

    distribution: str = 'jazzy'  # of Servo, jazzy or humble; start and status codes differ
    node: str = 'servo_node'  # its name
    joint_states: str = 'joint_states'  # topic
    description: str = 'robot_description'  # topic of the URDF
    urdf: str = ''  # file with the URDF, where there is no such topic; empty: the topic
    offset: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # tool frame to tool: xyz, rpy
    wrench: str = ''  # topic of force and torque on the tool, tool frame; empty: not known
    gain: float = 4.0  # speed per distance to the target [1/s]
    speed: float = 0.25  # largest one commanded [m/s]
    angular_speed: float = 1.0  # largest one commanded [rad/s]
    ur: UrConfig = field(default_factory=UrConfig)

    def __post_init__(self) -> None:
        if self.distribution not in STATUS_TYPES:
            given, known = self.distribution, ', '.join(STATUS_TYPES)
            raise ValueError(f'distribution = {given!r}; it must be {known}')
        if not 0 < self.gain <= 10:
            raise ValueError(f'gain = {self.gain} 1/s; it must lie in 0..10: more would oscillate')
        require_positive(self, 'speed', 'angular_speed')


class ServoArm(GripperOwner):
    """Commands twists; reads joints and the status of Servo."""

    name = 'servo'

    def __init__(self, config: 'ArmConfig', servo: ServoConfig, timeout: float) -> None:
        """`timeout` is the silence after which the driver counts as lost [s]."""
        if not config.joints:
            raise ValueError('joints is empty; name those between base_frame and tool_frame')
        self._config, self._servo, self._timeout = config, servo, timeout
        self._gripper, self._latest = Gripper(config.gripper), LatestMessages()
        kinematics = KinematicsConfig(servo.description, servo.urdf, servo.offset)
        base, tool = config.base_frame, config.tool_frame
        self._joints = JointStateReader(kinematics, config.joints, base, tool)
        self._ur = UrRobot(servo.ur, self._latest, config.model)
        status = STATUS_TYPES[servo.distribution]
        self._status = Channel(f'{servo.node}/status', status, reliable=False)
        wrench = Channel(servo.wrench, 'geometry_msgs/msg/WrenchStamped', reliable=False)
        inputs = [
            Channel(servo.joint_states, 'sensor_msgs/msg/JointState', depth=10, reliable=False),
            self._status,
            *([wrench] if servo.wrench else []),
            *self._joints.inputs,
            *self._ur.inputs,
            *self._gripper.inputs,
        ]
        self._required = [servo.joint_states, self._status.name, *self._ur.required]
        self._required += [servo.wrench] if servo.wrench else []
        self.inputs: Sequence[Channel] = list({c.name: c for c in reversed(inputs)}.values())
        twists = f'{servo.node}/delta_twist_cmds'
        self._twists = Channel(twists, 'geometry_msgs/msg/TwistStamped', exclusive=True)
        self.outputs: Sequence[Channel] = [self._twists, *self._gripper.outputs]

    def on_message(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Handle joints, the URDF, the status of Servo, or a message of gripper or robot."""
        if channel in {c.name for c in self._gripper.inputs}:
            self._gripper.on_joint_state(value, now)
        if channel in {c.name for c in self._joints.inputs}:
            self._joints.on_robot_description(value)
        elif channel == self._servo.joint_states and not self._joints.on_joint_state(
            value, stamp, now
        ):
            return
        self._latest.on_message(channel, value, stamp, now)

    def state(self, now: float) -> ArmState | str:
        """Return the measured state; a paused Servo publishes no status, and counts as lost."""
        latest, fault = self._latest, self._fault()
        silent = latest.timeout_reason(self._required, now, self._timeout)
        silent = silent or self._gripper.missing(now)
        missing = [self._joints.missing, self._ur.missing, silent]
        if any(missing):
            return '; '.join(filter(None, (fault, *missing)))
        wrench = latest.get(self._servo.wrench, UNKNOWN_WRENCH)
        return self._joints.arm_state(self.name, fault, self._gripper.opening, wrench)

    def command(
        self, target: Pose, gripper: float, now: float, commanded: bool = True
    ) -> DriverCommand:
        """Return the twist towards the target, base frame: gain times distance, limited."""
        twist = self._servo.gain * pose_difference(self._joints.tool_pose(), target)
        twist = limit_twist(twist, self._servo.speed, self._servo.angular_speed)
        message = OutgoingMessage(self._twists.name, twist, self._config.base_frame)
        status = _status_text(self._latest.get(self._status.name), self._servo.distribution)
        reason = f'Servo {status}' if status else ''
        return DriverCommand(
            [message, *self._gripper.command(gripper, now, commanded)], target, reason
        )

    def start(self) -> CallSequence:
        """Check Servo's parameters, then let it accept twists in m/s; it does not move the arm."""
        yield from self._ur.ask_model()
        error = yield from self._check_parameters()
        if error:
            return error
        for name, kind, request in self._start_calls():
            reply = yield Call(f'{self._servo.node}/{name}', kind, request)
            if isinstance(reply, str):
                return reply
            if not reply.success:
                return f'{self._servo.node}/{name} failed: {getattr(reply, "message", "")}'
        yield STATUS_DELAY
        return self._fault()

    @property
    def not_told(self) -> str:
        """Return the settings of the robot that its driver does not tell."""
        return self._ur.not_told

    def arming_obstacle(self) -> str:
        """Return why the arm must not be armed, empty: nothing is known against it."""
        return self._ur.arming_obstacle()

    def recover(self) -> CallSequence:
        """Recover a stopped UR; out of a collision people must guide the arm by hand."""
        return (yield from self._ur.recover())

    def _start_calls(self) -> list[tuple[str, str, dict[str, Any]]]:
        if self._servo.distribution == 'humble':
            return [('start_servo', 'std_srvs/srv/Trigger', {})]
        kind, request = 'moveit_msgs/srv/ServoCommandType', {'command_type': TWIST_COMMAND}
        switch = ('switch_command_type', kind, request)  # Servo drops every command before it
        return [switch, ('pause_servo', 'std_srvs/srv/SetBool', {'data': False})]

    def _check_parameters(self) -> CallSequence:
        """Refuse a Servo whose twists are unitless, or do not rotate about the tool."""
        jazzy = self._servo.distribution == 'jazzy'  # Humble lacks the second parameter
        names = [UNITS_PARAMETER, *([FRAME_PARAMETER] if jazzy else [])]
        node, kind = self._servo.node, 'rcl_interfaces/srv/GetParameters'
        label = f'look at {", ".join(names)}'
        reply = yield Call(f'{node}/get_parameters', kind, {'names': names}, label=label)
        if isinstance(reply, str):
            return reply
        if len(reply.values) != len(names):  # one unknown name, and the response is empty
            return f'{node} has not all of {", ".join(names)}; is it a Servo of this kind?'
        units = reply.values[0].string_value
        if units != 'speed_units':
            return f"{UNITS_PARAMETER} is {units!r}; set it to 'speed_units', m/s and rad/s"
        if not all(value.bool_value for value in reply.values[1:]):
            return f'{FRAME_PARAMETER} is false; set it to true'
        return ''

    def _fault(self) -> str:
        """Return what prevents all motion, empty: nothing."""
        status = _status_text(self._latest.get(self._status.name), self._servo.distribution)
        fault = f'Servo {status}' if status and status not in MOVABLE_STATUSES else ''
        return ', '.join(filter(None, (self._ur.fault(), fault)))


def _status_text(status: Any, distribution: str) -> str:
    """Return the meaning of a status message; empty for normal operation and before the first.

    The codes of Jazzy and Humble differ from 3 on.
    """
    code = getattr(status, 'code', status)  # Jazzy's message has more fields
    if code is None:
        return ''
    known = dict(enumerate(STATUS_TEXTS[distribution], start=-1))
    return known.get(code, f'says {code}, which {distribution} does not know')
