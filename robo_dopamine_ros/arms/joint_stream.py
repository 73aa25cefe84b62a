"""An arm behind a position controller of ros2_control: our own inverse kinematics, joint by joint.

Gazebo, Universal Robots without MoveIt, and any arm with a forward_position_controller. That one
has no time-out and follows whoever speaks: it holds the last joints for ever, so a hold is told
like any motion, and nothing else may publish there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from robo_dopamine_ros.arms.arm import Channel, Out, Script, Told
from robo_dopamine_ros.arms.chain import UNKNOWN, Chain, ChainParameters
from robo_dopamine_ros.arms.controllers import activated, activity, unfit
from robo_dopamine_ros.arms.follower import Follower
from robo_dopamine_ros.arms.grippers import Gripper
from robo_dopamine_ros.arms.mount import Mount
from robo_dopamine_ros.arms.readings import Readings, finite
from robo_dopamine_ros.arms.ur import Ur, UrParameters
from robo_dopamine_ros.types import ArmState, Pose


@dataclass(frozen=True)
class JointStreamParameters:
    """The controller, what tells where the joints are, and the robot behind it."""

    controller: str = 'forward_position_controller'  # takes the joints in the order of `joints`
    manager: str = 'controller_manager'  # its node; empty: nobody is asked to activate it
    joint_states: str = 'joint_states'  # topic
    wrench: str = ''  # topic of force and torque on the tool, tool frame; empty: not known
    chain: ChainParameters = field(default_factory=ChainParameters)
    ur: UrParameters = field(default_factory=UrParameters)


class JointStream:
    """Tells joints, hears joints; the poses between are computed from the URDF."""

    name = 'joint_stream'

    def __init__(self, mount: Mount, parameters: JointStreamParameters, patience: float) -> None:
        """`patience` is the silence after which the driver counts as lost [s]."""
        if not mount.joints:
            raise ValueError('joints is empty; name those of the controller, in its order')
        self._p, self._patience = parameters, patience
        self._grip_patience = mount.gripper.patience
        self._gripper, self._readings = Gripper(mount.gripper), Readings()
        self._ur = Ur(self._p.ur, self._readings)
        base, tool = mount.base_frame, mount.tool_frame
        self._chain = Chain(self._p.chain, mount.joints, base, tool)
        self._follower = Follower(self._chain)
        self._activity = activity(self._p.manager)
        self._target = f'{self._p.controller}/commands'
        self._grip_state = mount.gripper.state if self._gripper.hears else ''
        joints, wrench = self._p.joint_states, self._p.wrench
        self._vital = [joints, *([wrench] if wrench else []), *self._ur.vital]
        channels = {
            **{channel.name: channel for channel in self._gripper.hears},
            joints: Channel(joints, 'sensor_msgs/msg/JointState', depth=10, reliable=False),
            wrench: Channel(wrench, 'geometry_msgs/msg/WrenchStamped', reliable=False),
            self._activity.name: self._activity,
            **{channel.name: channel for channel in (*self._chain.hears, *self._ur.hears)},
        }
        absent = {'', '' if self._p.manager else self._activity.name}
        self.hears: Sequence[Channel] = [c for name, c in channels.items() if name not in absent]
        target = Channel(self._target, 'std_msgs/msg/Float64MultiArray', exclusive=True)
        self.tells: Sequence[Channel] = [target, *self._gripper.tells]

    def hear(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Take in what the driver says."""
        if channel == self._grip_state:
            self._gripper.hear(value)
        if channel == self._p.chain.description:
            self._chain.describe(value)
        elif channel == self._p.wrench:
            value = finite(value)
        elif channel == self._p.joint_states and not self._chain.hear(value, stamp):
            return
        self._readings.hear(channel, value, stamp, now)
        if unready := self._unready():
            self._follower.stop(unready, now)

    def state(self, now: float) -> ArmState | str:
        """Give what is measured; the pose is that of the joints."""
        heard = self._readings
        fault = self._unready() or self._follower.stopped(now) or self._follower.behind()
        silent = heard.silent(self._vital, now, self._patience)
        grip = [self._grip_state] if self._grip_state else []
        silent = silent or heard.silent(grip, now, self._grip_patience)
        missing = [self._chain.missing, self._ur.missing, silent]
        if any(missing):
            return '; '.join(filter(None, (fault, *missing)))
        wrench = heard.value(self._p.wrench, UNKNOWN)
        return self._chain.state(self.name, fault, self._gripper.opening, wrench)

    def tell(self, target: Pose, gripper: float, now: float) -> Told:
        """Send the joints of the next tick; nothing while the robot could not follow."""
        if stopped := self._unready() or self._follower.stopped(now):
            return Told([], self._chain.tool(), f'nothing is told: {stopped}')
        step = self._follower.follow(target, now)
        outs = [Out(self._target, step.joints), *self._gripper.grip(gripper)]
        return Told(outs, step.pose, step.reason)

    def start(self) -> Script:
        """Activate the controller; the arm holds where it is."""
        wrong = yield from self._ur.started()
        if wrong or not self._p.manager:
            return wrong
        return (yield from activated(self._p.manager, [self._p.controller]))

    def recover(self) -> Script:
        """Bring a stopped UR back; elsewhere there is nothing to do."""
        return self._ur.recovered()

    def _unready(self) -> str:
        """Say why the arm would not follow, empty: it would."""
        activity = self._readings.value(self._activity.name)
        unready = (self._ur.unready(), unfit(activity, [self._p.controller]))
        return ', '.join(filter(None, unready))
