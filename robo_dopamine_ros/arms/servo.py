"""An arm behind MoveIt Servo, which takes twists: the way to the target is closed here.

As servo_node of moveit_servo 2.12 (Jazzy) and 2.5 (Humble) does it. It halts when the newest twist
is 0.1 s old, so one leaves every tick, and its own watchdog sees nothing of a policy that died: the
gate's does. Poses are not told: Humble has no such command, Jazzy no acceleration limit for it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from robo_dopamine_ros.arms.arm import Call, Channel, Out, Script, Told
from robo_dopamine_ros.arms.chain import UNKNOWN, Chain, ChainParameters
from robo_dopamine_ros.arms.grippers import Gripper
from robo_dopamine_ros.arms.mount import Mount
from robo_dopamine_ros.arms.readings import Readings, finite
from robo_dopamine_ros.arms.servo_status import TYPES, fault, words
from robo_dopamine_ros.arms.ur import Ur, UrParameters
from robo_dopamine_ros.geometry import between, slowed
from robo_dopamine_ros.types import ArmState, Pose

TWIST = 1  # of moveit_msgs/srv/ServoCommandType
UNITS, ABOUT = 'moveit_servo.command_in_type', 'moveit_servo.apply_twist_commands_about_ee_frame'
LOOK = 0.5  # after a start, until its status can be believed [s]


@dataclass(frozen=True)
class ServoParameters:
    """Servo, and how hard the tool is drawn to its target; Servo's own limits hold as well."""

    distribution: str = 'jazzy'  # of Servo, jazzy or humble: they are started and speak differently
    node: str = 'servo_node'  # its name
    joint_states: str = 'joint_states'  # topic
    description: str = 'robot_description'  # topic of the URDF
    urdf: str = ''  # file with the URDF, where there is no such topic; empty: the topic
    offset: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # tool frame to tool: xyz, rpy
    wrench: str = ''  # topic of force and torque on the tool, tool frame; empty: not known
    gain: float = 4.0  # speed per distance to the target [1/s]
    speed: float = 0.25  # largest that is told [m/s]
    turning: float = 1.0  # largest that is told [rad/s]
    ur: UrParameters = field(default_factory=UrParameters)

    def __post_init__(self) -> None:
        if self.distribution not in TYPES:
            given, known = self.distribution, ', '.join(TYPES)
            raise ValueError(f'distribution = {given!r}; it must be {known}')
        if not 0 < self.gain <= 10:
            raise ValueError(f'gain = {self.gain} 1/s; it must lie in 0..10: more would oscillate')
        for name in ('speed', 'turning'):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be above 0')


class Servo:
    """Tells twists, hears joints and what Servo says of itself."""

    name = 'servo'

    def __init__(self, mount: Mount, parameters: ServoParameters, patience: float) -> None:
        """`patience` is the silence after which the driver counts as lost [s]."""
        if not mount.joints:
            raise ValueError('joints is empty; name those between base_frame and tool_frame')
        self._p = p = parameters
        self._base, self._patience = mount.base_frame, patience
        self._gripper, self._readings = Gripper(mount.gripper), Readings()
        self._grip_patience = mount.gripper.patience
        chain = ChainParameters(p.description, p.urdf, p.offset)
        self._chain = Chain(chain, mount.joints, self._base, mount.tool_frame)
        self._ur = Ur(p.ur, self._readings)
        self._status = Channel(f'{p.node}/status', TYPES[p.distribution], reliable=False)
        wrench = Channel(p.wrench, 'geometry_msgs/msg/WrenchStamped', reliable=False)
        state = [
            Channel(p.joint_states, 'sensor_msgs/msg/JointState', depth=10, reliable=False),
            self._status,
            *([wrench] if p.wrench else []),
            *self._chain.hears,
            *self._ur.hears,
            *self._gripper.hears,
        ]
        self._vital = [p.joint_states, self._status.name, *self._ur.vital]
        self._vital += [p.wrench] if p.wrench else []
        self.hears: Sequence[Channel] = list({c.name: c for c in reversed(state)}.values())
        twists = f'{p.node}/delta_twist_cmds'
        self._twists = Channel(twists, 'geometry_msgs/msg/TwistStamped', exclusive=True)
        self.tells: Sequence[Channel] = [self._twists, *self._gripper.tells]

    def hear(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Take in joints, the URDF and Servo's status."""
        if channel in {c.name for c in self._gripper.hears}:
            self._gripper.hear(value)
        if channel in {c.name for c in self._chain.hears}:
            self._chain.describe(value)
        elif channel == self._p.wrench:
            value = finite(value)
        elif channel == self._p.joint_states and not self._chain.hear(value, stamp):
            return
        self._readings.hear(channel, value, stamp, now)

    def state(self, now: float) -> ArmState | str:
        """Give what is measured; a Servo that is paused says nothing, and is not there."""
        wrong = self._fault()
        silent = self._readings.silent(self._vital, now, self._patience)
        gripper = (channel.name for channel in self._gripper.hears)
        silent = silent or self._readings.silent(gripper, now, self._grip_patience)
        missing = [self._chain.missing, self._ur.missing, silent]
        if any(missing):
            return '; '.join(filter(None, (wrong, *missing)))
        wrench = self._readings.value(self._p.wrench, UNKNOWN)
        return self._chain.state(self.name, wrong, self._gripper.opening, wrench)

    def tell(self, target: Pose, gripper: float, now: float) -> Told:
        """Send the twist that draws the tool to the target, in the base frame."""
        wish = self._p.gain * between(self._chain.tool(), target)
        wish = slowed(wish, self._p.speed, self._p.turning)
        twist = Out(self._twists.name, wish, self._base)
        said = words(self._readings.value(self._status.name), self._p.distribution)
        reason = f'Servo {said}' if said else ''
        return Told([twist, *self._gripper.grip(gripper)], target, reason)

    def start(self) -> Script:
        """Have Servo take twists in m/s, once it was found to do so; it moves nothing by itself."""
        wrong = yield from self._checked()
        if wrong:
            return wrong
        for name, kind, request in self._begin():
            reply = yield Call(f'{self._p.node}/{name}', kind, request)
            if isinstance(reply, str):
                return reply
            if not reply.success:
                return f'{self._p.node}/{name} failed: {getattr(reply, "message", "")}'
        yield LOOK
        return self._fault()

    def recover(self) -> Script:
        """Bring the robot back; out of a collision it must be led by hand."""
        return (yield from self._ur.recovered())

    def _begin(self) -> list[tuple[str, str, dict[str, Any]]]:
        if self._p.distribution == 'humble':
            return [('start_servo', 'std_srvs/srv/Trigger', {})]
        return [  # before its type is set, Servo drops every command
            ('switch_command_type', 'moveit_msgs/srv/ServoCommandType', {'command_type': TWIST}),
            ('pause_servo', 'std_srvs/srv/SetBool', {'data': False}),
        ]

    def _checked(self) -> Script:
        """Refuse a Servo whose twists are unitless, or not about the tool."""
        names = [UNITS, ABOUT][: 1 + (self._p.distribution == 'jazzy')]  # Humble lacks the other
        name, kind = f'{self._p.node}/get_parameters', 'rcl_interfaces/srv/GetParameters'
        reply = yield Call(name, kind, {'names': names}, title=f'look at {", ".join(names)}')
        if isinstance(reply, str):
            return reply
        if len(reply.values) != len(names):  # one unknown name, and nothing is answered
            return f'{self._p.node} has not all of {", ".join(names)}; is it a Servo of this kind?'
        units = reply.values[0].string_value
        if units != 'speed_units':
            return f"{UNITS} is {units!r}; set it to 'speed_units', m/s and rad/s"
        if not all(about.bool_value for about in reply.values[1:]):
            return f'{ABOUT} is false; set it to true'
        return ''

    def _fault(self) -> str:
        said = fault(self._readings.value(self._status.name), self._p.distribution)
        return ', '.join(filter(None, (self._ur.unready(), f'Servo {said}' if said else '')))
