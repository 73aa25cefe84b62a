"""AgileX PiPER behind agx_arm_ros, commanded joint by joint with our own inverse kinematics.

Written for branch `ros2` of agx_arm_ros, started with `fast_mode:=true`; without it every message
is a motion of its own. The driver moves joints that a message leaves out to 0 rad, so every
message names all of them; the gripper is a joint of the same message, with its width as position.

Nothing is sent before the tool pose of the driver and the one computed from its joints have agreed
once: then units, URDF, tool frame and offset are consistent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from robo_dopamine_ros.arms.arm import (
    Call,
    CallSequence,
    Channel,
    DriverCommand,
    Joints,
    LatestMessages,
    OutgoingMessage,
    normalized_pose,
)
from robo_dopamine_ros.arms.grippers import Gripper, GripperOwner
from robo_dopamine_ros.arms.ik_controller import IkController
from robo_dopamine_ros.arms.joint_state import JointStateReader, KinematicsConfig
from robo_dopamine_ros.arms.tool_limits import ToolLimits
from robo_dopamine_ros.geometry import pose_difference
from robo_dopamine_ros.types import ArmState, Pose

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.config import ArmConfig

JOINT_STATES_TOPIC, TCP_POSE_TOPIC = 'feedback/joint_states', 'feedback/tcp_pose'
ARM_STATUS_TOPIC, GRIPPER_STATUS_TOPIC = 'feedback/arm_status', 'feedback/gripper_status'
JOINT_COMMAND_TOPIC, MOVE_JS_TOPIC = 'control/joint_states', 'control/move_js'
HAND_PREFIXES = ('left_', 'right_')  # of the joints of a dexterous hand
POSITION_TOLERANCE = 0.005  # between the driver's tool pose and ours [m]
ROTATION_TOLERANCE = math.radians(3.0)  # likewise [rad]
POLL_PERIOD, MAX_POLLS = 0.1, 30  # of the status after the arm was enabled [s]
CONTROL_MODES = {
    0: 'on standby',  # until its first command
    1: 'controlled over CAN',
    2: 'being taught by hand',
    3: 'controlled over Ethernet',
    4: 'controlled over WiFi',
    5: 'controlled by a remote',
    6: 'taught by a leader',
    7: 'on a trajectory of its own',
    8: 'controlled over TCP',
}
READY_CONTROL_MODES = (0, 1)
ARM_STATUSES = {
    0: 'normal',
    1: 'emergency stop',
    2: 'no solution',
    3: 'singularity',
    4: 'target angle out of range',
    5: 'a joint does not communicate',
    6: 'a brake is not released',
    7: 'collision',
    8: 'dragged too fast while being taught',
    9: 'a joint is abnormal',
    10: 'abnormal',
    11: 'what it is taught is recorded',
    12: 'what it was taught is played',
    13: 'what it was taught is paused',
    14: 'the main controller is too hot',
    15: 'the release resistor is too hot',
}
GRIPPER_FAULTS = {
    'voltage_too_low': 'voltage too low',
    'motor_overheating': 'motor too hot',
    'driver_overcurrent': 'too much current',
    'driver_overheating': 'driver too hot',
    'sensor_status': 'sensor abnormal',
    'driver_error_status': 'driver abnormal',
}


@dataclass(frozen=True)
class AgxConfig:
    """Topics and kinematics of an AgileX arm."""

    driver_package: str = 'agx_arm_ros'  # ROS package of the driver
    command: str = JOINT_COMMAND_TOPIC  # or control/move_js: needs no fast_mode, has no gripper
    kinematics: KinematicsConfig = field(default_factory=KinematicsConfig)

    def __post_init__(self) -> None:
        if self.driver_package == 'piper_ros':
            raise ValueError(
                'driver_package = piper_ros; it is not supported, because its versions differ in '
                'their units and cannot be told apart: run agx_arm_ros instead'
            )
        if self.driver_package != 'agx_arm_ros':
            raise ValueError(f'driver_package = {self.driver_package!r}; it must be agx_arm_ros')
        if self.command not in (JOINT_COMMAND_TOPIC, MOVE_JS_TOPIC):
            allowed = f'{JOINT_COMMAND_TOPIC} or {MOVE_JS_TOPIC}'
            raise ValueError(f'command = {self.command!r}; it must be {allowed}')


class AgxArm(GripperOwner):
    """Commands all joints and the gripper in one message; reads joints and tool pose."""

    name = 'agx'
    not_told = 'collision level and joint limits of the arm; see its own software'

    def __init__(self, config: 'ArmConfig', agx: AgxConfig, timeout: float) -> None:
        """`timeout` is the silence after which the driver counts as lost [s]."""
        if not config.joints:
            raise ValueError('joints is empty; name every joint of the arm, joint1 and on')
        self._agx, self._timeout = agx, timeout
        self._gripper, self._latest = Gripper(config.gripper), LatestMessages()
        self._finger = config.gripper.joint if self._gripper.outputs else ''
        grip, topic = config.gripper, JOINT_COMMAND_TOPIC
        joined = (grip.kind, grip.command, agx.command) == ('joint', topic, topic)
        if self._gripper.outputs and not joined:
            raise ValueError(
                f'gripper.kind = {grip.kind}, gripper.command = {grip.command}, agx.command = '
                f'{agx.command}; they must be joint, {topic}, {topic}, or the kind none'
            )
        self._width: Joints | None = None  # newest gripper command
        base, tool = config.base_frame, config.tool_frame
        self._joints = JointStateReader(
            agx.kinematics, config.joints, base, tool, config.model, config.whole_arm
        )
        self._ik = IkController(self._joints)
        self._poses_agreed = False  # whether the driver's tool pose and ours did, once
        best_effort = partial(Channel, reliable=False)
        self.inputs: Sequence[Channel] = [
            *self._joints.inputs,
            best_effort(JOINT_STATES_TOPIC, 'sensor_msgs/msg/JointState'),
            best_effort(TCP_POSE_TOPIC, 'geometry_msgs/msg/PoseStamped'),
            best_effort(ARM_STATUS_TOPIC, 'agx_arm_msgs/msg/AgxArmStatus', optional=True),
            best_effort(GRIPPER_STATUS_TOPIC, 'agx_arm_msgs/msg/GripperStatus', optional=True),
        ]
        output = Channel(agx.command, 'sensor_msgs/msg/JointState', exclusive=True)
        self.outputs: Sequence[Channel] = [output]

    def on_message(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Handle a message of the driver, or the URDF."""
        if channel == self._agx.kinematics.description:
            self._joints.on_robot_description(value)
        elif channel == TCP_POSE_TOPIC:
            value = normalized_pose(value)
        elif channel == JOINT_STATES_TOPIC:
            self._on_joint_state(value, stamp, now)
        self._latest.on_message(channel, value, stamp, now)
        if fault := self._status_fault():
            self._ik.interrupt(fault, now)

    def state(self, now: float) -> ArmState | str:
        """Return the measured state, with the tool pose computed from the joints."""
        required = (JOINT_STATES_TOPIC, TCP_POSE_TOPIC)
        silent = self._latest.timeout_reason(required, now, self._timeout)
        if silent or self._joints.missing:
            return '; '.join(filter(None, (self._joints.missing, silent)))
        blocked = self._status_fault() or self._ik.interruption(now)
        fault = blocked or self._pose_disagreement() or self._ik.tracking_fault()
        return self._joints.arm_state(self.name, fault, self._gripper.opening)

    def command(
        self, target: Pose, gripper: float, now: float, commanded: bool = True
    ) -> DriverCommand:
        """Return the joint positions of this tick; nothing while the arm could not follow."""
        blocked = self._status_fault() or self._ik.interruption(now) or self._pose_disagreement()
        if blocked:
            return DriverCommand([], self._joints.tool_pose(), f'nothing is sent: {blocked}')
        step = self._ik.step(target, now)
        if isinstance(step, str):
            return DriverCommand([], self._joints.tool_pose(), f'nothing is sent: {step}')
        if math.isnan(gripper):
            self._width = None  # nobody commands it
        for message in self._gripper.command(gripper, now, commanded):
            self._width = message.value
        joints = Joints(self._joints.joints.names, step.joints)
        if self._width and commanded:  # in every message, because a single one may be lost
            positions = np.concatenate([joints.positions, self._width.positions])
            joints = Joints((*joints.names, *self._width.names), positions)
        message = OutgoingMessage(self._agx.command, joints)
        return DriverCommand([message], step.pose, step.reason)

    def limit_tool(self, limits: ToolLimits) -> None:
        """Set the limits of the tool that the joints sent must keep."""
        self._ik.tool_limits = limits

    def start(self) -> CallSequence:
        """Enable the motors, which hold their position, and let the driver accept commands."""
        for name, label in (('enable_agx_arm', 'enable'), ('control_enable', 'open to commands')):
            call = Call(name, 'std_srvs/srv/SetBool', {'data': True}, timeout=10.0, label=label)
            reply = yield call
            if isinstance(reply, str):
                return reply
            if not reply.success:
                return f'{name}: {reply.message or "refused"}'
        for _ in range(MAX_POLLS):
            if not self._status_fault():
                break
            yield POLL_PERIOD
        return self._status_fault()

    def arming_obstacle(self) -> str:
        """Return nothing: what the driver does not tell cannot be checked."""
        return ''

    def recover(self) -> CallSequence:
        """Enable the arm again; people at the arm must clear an emergency stop."""
        return (yield from self.start())

    def _on_joint_state(self, joints: Joints, stamp: int, now: float) -> None:
        known = {*self._joints.joints.names, 'gripper', self._finger}
        more = [n for n in joints.names if n not in known and not n.startswith(HAND_PREFIXES)]
        if more:  # joints that a command leaves out are moved to 0
            raise ValueError(f'the arm has {", ".join(more)} too; joints must name all of them')
        if not self._joints.on_joint_state(joints, stamp, now):
            raise ValueError(f'none of our joints is there, but {", ".join(joints.names)}')
        if self._finger in joints.names:
            self._gripper.on_joint_state(joints, now)

    def _status_fault(self) -> str:
        """Return why the arm would not follow; empty as far as is known."""
        arm, gripper = (self._latest.get(name) for name in (ARM_STATUS_TOPIC, GRIPPER_STATUS_TOPIC))
        faults = [_arm_fault(arm)] if arm else []
        faults += [_gripper_fault(gripper)] if gripper and self._finger else []
        faults.append(self._joints.fault)
        return ', '.join(filter(None, faults))

    def _pose_disagreement(self) -> str:
        """Return how the driver's tool pose differs from ours; empty once they have agreed."""
        theirs, ours = self._latest[TCP_POSE_TOPIC].value, self._joints.tool_pose()
        gap = pose_difference(theirs, ours)
        distance, angle = (float(np.linalg.norm(part)) for part in (gap[:3], gap[3:]))
        agree = distance <= POSITION_TOLERANCE and angle <= ROTATION_TOLERANCE
        self._poses_agreed = self._poses_agreed or agree
        if self._poses_agreed:
            return ''
        reported, found = (np.array2string(p.position, precision=3) for p in (theirs, ours))
        return (
            f'{TCP_POSE_TOPIC} says {reported} m, the joints say {found} m: '
            f'{1e3 * distance:.1f} mm and {math.degrees(angle):.1f} deg apart; units, URDF, '
            "tool_frame, offset and the driver's tcp_offset must agree"
        )


def _arm_fault(status: Any) -> str:
    """Return what in an AgxArmStatus prevents motion, empty: nothing."""
    mode, arm = status.ctrl_mode, status.arm_status
    faults = []
    if mode not in READY_CONTROL_MODES:
        faults.append(f'it is {CONTROL_MODES.get(mode, "in another mode")} ({mode})')
    if arm != 0:
        faults.append(f'{ARM_STATUSES.get(arm, "unknown status")} ({arm})')
    for flags, text in (
        (status.joint_angle_limit, 'is at its limit'),
        (status.communication_status_joint, 'does not communicate'),
    ):
        faults += [f'joint {number} {text}' for number, flag in enumerate(flags, 1) if flag]
    return ', '.join(faults)


def _gripper_fault(status: Any) -> str:
    """Return what a GripperStatus reports as faulty, empty: nothing."""
    faults = [text for name, text in GRIPPER_FAULTS.items() if getattr(status, name)]
    return f'gripper: {", ".join(faults)}' if faults else ''
