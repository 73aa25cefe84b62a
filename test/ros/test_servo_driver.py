"""The arm behind MoveIt Servo against a process with Servo's topics and faults."""

import importlib.util
import time
from typing import Any

import numpy as np
import pytest
from arms.descriptions import ARMS
from geometry_msgs.msg import TwistStamped
from rig import Rig

from robo_dopamine_ros.arms.config import ArmConfig
from robo_dopamine_ros.arms.grippers import GripperConfig
from robo_dopamine_ros.arms.servo import ServoConfig
from robo_dopamine_ros.types import Pose

UR5E = ARMS['ur5e']
MISSING = '' if importlib.util.find_spec('moveit_msgs') else 'moveit_msgs'
each_distribution = pytest.mark.parametrize(
    'distribution',
    [
        'humble',
        pytest.param(
            'jazzy',
            marks=pytest.mark.skipif(bool(MISSING), reason=f'not installed: {MISSING}'),
        ),
    ],
)


class ServoRig(Rig):
    """Commands its arm as the gate does: every tick, and nothing unless its state is known."""

    def __init__(self, bench: Any, distribution: str) -> None:
        parameters = ArmConfig(
            arm='servo',
            base_frame=UR5E.base,
            tool_frame=UR5E.tool,
            joints=UR5E.joints,
            gripper=GripperConfig(kind='none'),
            servo=ServoConfig(distribution=distribution),
        )
        super().__init__(bench, parameters, 'servo_driver.py', distribution)
        self.reason, self._next = '', 0.0

    def aim(self, goal: Pose) -> None:
        if time.monotonic() >= self._next and self.alive:
            self._next = time.monotonic() + 0.02
            self.reason = self.bridge.command(goal, 1.0, time.monotonic()).reason

    def far(self, goal: Pose) -> bool:
        return float(np.abs(self.position - goal.position).max()) > 1e-3

    def start(self) -> None:
        """Start it, and wait for the URDF."""
        assert self.run(self.arm.start())[0] == ''
        self.until(lambda: self.alive)


@each_distribution
def test_it_moves_once_it_was_started_and_halts_without_commands(
    bench: Any, distribution: str
) -> None:
    rig = ServoRig(bench, distribution)
    try:
        silent = 'silence on' if distribution == 'jazzy' else 'nothing heard yet on'
        goal = None
        if distribution == 'jazzy':  # it runs at once, but drops every command
            rig.until(lambda: rig.alive)
            start, goal = rig.position, rig.raised(0.03)
            until = time.monotonic() + 0.5
            rig.until(lambda: time.monotonic() > until, lambda: rig.aim(goal))
            assert rig.position == pytest.approx(start, abs=1e-6)
        else:
            rig.until(lambda: rig.state() == f'{silent} servo_node/status')
        rig.start()
        goal = goal or rig.raised(0.03)
        rig.until(lambda: not rig.far(goal), lambda: rig.aim(goal))

        other = rig.node.create_publisher(TwistStamped, 'servo_node/delta_twist_cmds', 1)
        rig.until(rig.bridge.other_publishers)
        rig.node.destroy_publisher(other)
        rig.until(lambda: not rig.bridge.other_publishers())
        stale = TwistStamped()
        stale.twist.linear.z = 0.1  # its stamp is 0
        before = rig.position
        late = rig.node.create_publisher(TwistStamped, 'servo_node/delta_twist_cmds', 1)
        until = time.monotonic() + 0.5
        rig.until(lambda: time.monotonic() > until, lambda: late.publish(stale))
        assert rig.position == pytest.approx(before, abs=1e-3)
    finally:
        rig.close()


@each_distribution
def test_what_halts_it_is_named(bench: Any, distribution: str) -> None:
    rig = ServoRig(bench, distribution)
    try:
        rig.until(lambda: 'robot_description' not in str(rig.state()))
        rig.start()
        rig.fake.say('singularity')
        goal = rig.raised(0.05)
        rig.until(lambda: 'halts: singularity' in rig.reason, lambda: rig.aim(goal))
        assert not rig.measured.fault, 'there is a way back'
        rig.fake.say('collision')
        rig.until(lambda: rig.alive and rig.measured.fault == 'Servo halts: collision')
        rig.fake.say('')
        rig.until(lambda: not rig.far(goal), lambda: rig.aim(goal))
        rig.fake.say('pause')
        rig.until(lambda: 'silence on servo_node/status' in str(rig.state()))
        rig.start()
        rig.fake.say('unitless')
        rig.until(lambda: "is 'unitless'; set it" in rig.run(rig.arm.start())[0])
    finally:
        rig.close()
