"""An AgileX PiPER behind agx_arm_ros, streamed joint by joint with our own inverse kinematics.

As branch `ros2` of agx_arm_ros does it. It takes a joint that a message leaves out for 0 rad, so
all are named always; the gripper goes in the same message, as its width. It must be started with
`fast_mode:=true`, otherwise every message is a motion of its own. Nothing is told before the
driver's pose of the tool and ours, from its joints, have agreed once: then units, URDF, tool frame
and offset are right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robo_dopamine_ros.arms.agx_status import arm_fault, gripper_fault
from robo_dopamine_ros.arms.arm import Call, Channel, Joints, Out, Script, Told
from robo_dopamine_ros.arms.chain import Chain, ChainParameters
from robo_dopamine_ros.arms.follower import Follower
from robo_dopamine_ros.arms.grippers import Gripper
from robo_dopamine_ros.arms.mount import Mount
from robo_dopamine_ros.arms.readings import Readings, finite_pose
from robo_dopamine_ros.geometry import between
from robo_dopamine_ros.types import ArmState, Pose

JOINTS, POSE = 'feedback/joint_states', 'feedback/tcp_pose'
STATUS, GRIP = 'feedback/arm_status', 'feedback/gripper_status'
ALL, STREAM = 'control/joint_states', 'control/move_js'
HANDS = ('left_', 'right_')  # with which the joints of a hand begin
NEAR, ALIKE = 0.005, math.radians(3.0)  # two poses of the tool that agree [m, rad]
LOOK, LOOKS = 0.1, 30  # at the state of an arm that was just enabled, how often [s]


@dataclass(frozen=True)
class AgxParameters:
    """How the driver is told."""

    flavour: str = 'agx_arm_ros'  # which driver it is
    command: str = ALL  # topic; control/move_js needs no fast_mode, but takes no gripper along
    chain: ChainParameters = field(default_factory=ChainParameters)

    def __post_init__(self) -> None:
        if self.flavour == 'piper_ros':
            raise ValueError(
                'flavour = piper_ros; it is not supported, because its versions differ in their '
                'units and cannot be told apart: run agx_arm_ros instead'
            )
        if self.flavour != 'agx_arm_ros':
            raise ValueError(f'flavour = {self.flavour!r}; it must be agx_arm_ros')
        if self.command not in (ALL, STREAM):
            raise ValueError(f'command = {self.command!r}; it must be {ALL} or {STREAM}')


class Agx:
    """Tells all joints and the gripper at once, hears them and the tool."""

    name = 'agx'

    def __init__(self, mount: Mount, parameters: AgxParameters, patience: float) -> None:
        """`patience` is the silence after which the driver counts as lost [s]."""
        if not mount.joints:
            raise ValueError('joints is empty; name every joint of the arm, joint1 and on')
        self._p, grip = parameters, mount.gripper
        self._gripper, self._readings, self._patience = Gripper(grip), Readings(), patience
        self._finger = grip.joint if self._gripper.tells else ''
        if self._gripper.tells and (grip.kind, grip.command, self._p.command) != (
            'joint',
            ALL,
            ALL,
        ):
            raise ValueError(
                f'gripper.kind = {grip.kind}, gripper.command = {grip.command}, agx.command = '
                f'{self._p.command}; they must be joint, {ALL}, {ALL}, or the kind none'
            )
        self._width: Joints | None = None  # as the gripper was told
        base, tool = mount.base_frame, mount.tool_frame
        self._chain = Chain(self._p.chain, mount.joints, base, tool)
        self._follower = Follower(self._chain)
        self._agreed = False  # whether the driver's pose and ours did
        self.hears: Sequence[Channel] = [
            *self._chain.hears,
            Channel(JOINTS, 'sensor_msgs/msg/JointState', reliable=False),
            Channel(POSE, 'geometry_msgs/msg/PoseStamped', reliable=False),
            Channel(STATUS, 'agx_arm_msgs/msg/AgxArmStatus', reliable=False, optional=True),
            Channel(GRIP, 'agx_arm_msgs/msg/GripperStatus', reliable=False, optional=True),
        ]
        told = Channel(self._p.command, 'sensor_msgs/msg/JointState', exclusive=True)
        self.tells: Sequence[Channel] = [told]

    def hear(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Take in what the driver says."""
        if channel == self._p.chain.description:
            self._chain.describe(value)
        elif channel == POSE:
            value = finite_pose(value)
        elif channel == JOINTS:
            self._hear_joints(value, stamp)
        self._readings.hear(channel, value, stamp, now)
        if unready := self._unready():
            self._follower.stop(unready, now)

    def state(self, now: float) -> ArmState | str:
        """Give what is measured; the pose is that of the joints."""
        silent = self._readings.silent((JOINTS, POSE), now, self._patience)
        if silent or self._chain.missing:
            return '; '.join(filter(None, (self._chain.missing, silent)))
        stopped = self._unready() or self._follower.stopped(now)
        fault = stopped or self._disagreement() or self._follower.behind()
        return self._chain.state(self.name, fault, self._gripper.opening)

    def tell(self, target: Pose, gripper: float, now: float) -> Told:
        """Send the joints of the next tick; nothing while the arm could not follow."""
        stopped = self._unready() or self._follower.stopped(now) or self._disagreement()
        if stopped:
            return Told([], self._chain.tool(), f'nothing is told: {stopped}')
        step = self._follower.follow(target, now)
        for out in self._gripper.grip(gripper):
            self._width = out.value
        joints = Joints(self._chain.joints.names, step.joints)
        if self._width:  # said every time: one message alone may be lost
            positions = np.concatenate([joints.positions, self._width.positions])
            joints = Joints((*joints.names, *self._width.names), positions)
        return Told([Out(self._p.command, joints)], step.pose, step.reason)

    def start(self) -> Script:
        """Enable the motors, which hold where they are, and let the driver hear commands."""
        for name, title in (('enable_agx_arm', 'enable'), ('control_enable', 'open to commands')):
            call = Call(name, 'std_srvs/srv/SetBool', {'data': True}, timeout=10.0, title=title)
            reply = yield call
            if isinstance(reply, str):
                return reply
            if not reply.success:
                return f'{name}: {reply.message or "refused"}'
        for _ in range(LOOKS):
            if not self._unready():
                break
            yield LOOK
        return self._unready()

    def recover(self) -> Script:
        """Enable it again; an emergency stop is for people at the arm."""
        return (yield from self.start())

    def _hear_joints(self, joints: Joints, stamp: int) -> None:
        known = {*self._chain.joints.names, 'gripper', self._finger}
        more = [n for n in joints.names if n not in known and not n.startswith(HANDS)]
        if more:  # what is not named in a command is sent to 0
            raise ValueError(f'the arm has {", ".join(more)} too; joints must name all of them')
        if not self._chain.hear(joints, stamp):
            raise ValueError(f'none of our joints is there, but {", ".join(joints.names)}')
        if self._finger in joints.names:
            self._gripper.hear(joints)

    def _unready(self) -> str:
        """Say why the arm would not follow, empty: it would, as far as is known."""
        arm, gripper = (self._readings.value(name) for name in (STATUS, GRIP))
        faults = [arm_fault(arm)] if arm else []
        faults += [gripper_fault(gripper)] if gripper and self._finger else []
        return ', '.join(filter(None, faults))

    def _disagreement(self) -> str:
        """Say how the driver's pose of the tool differs from ours, empty: they agreed once."""
        theirs, ours = self._readings[POSE].value, self._chain.tool()
        gap = between(theirs, ours)
        way, turn = (float(np.linalg.norm(part)) for part in (gap[:3], gap[3:]))
        self._agreed = self._agreed or (way <= NEAR and turn <= ALIKE)
        if self._agreed:
            return ''
        told, found = (np.array2string(p.position, precision=3) for p in (theirs, ours))
        return (
            f'{POSE} says {told} m, the joints say {found} m: {1e3 * way:.1f} mm and '
            f'{math.degrees(turn):.1f} deg apart; units, URDF, tool_frame, offset and the '
            "driver's tcp_offset must agree"
        )
