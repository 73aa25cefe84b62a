"""Arms that are told joints, against processes with the topics and manners of their drivers."""

import importlib.util
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from arms.descriptions import ARMS, URDF
from rig import Rig
from std_msgs.msg import Float64MultiArray

from robo_dopamine_ros.arms.agx import ALL, AgxParameters
from robo_dopamine_ros.arms.arm import Told
from robo_dopamine_ros.arms.chain import ChainParameters
from robo_dopamine_ros.arms.choose import make
from robo_dopamine_ros.arms.grippers import GripperParameters
from robo_dopamine_ros.arms.joint_stream import JointStreamParameters
from robo_dopamine_ros.arms.parameters import ArmParameters
from robo_dopamine_ros.arms.ur import UrParameters
from robo_dopamine_ros.ros.driver import Driver
from robo_dopamine_ros.types import Pose

UR5E, PIPER = ARMS['ur5e'], ARMS['piper']
AGX_MESSAGES = importlib.util.find_spec('agx_arm_msgs') is not None
FILE = ChainParameters(urdf=str(URDF / 'ur5e.urdf'))
WATCHED = UrParameters(watched=True, settling=0.6, headless=True)


def stream_of(parameters: JointStreamParameters) -> ArmParameters:
    return ArmParameters(
        arm='joint_stream',
        base_frame=UR5E.base,
        tool_frame=UR5E.tool,
        joints=UR5E.joints,
        gripper=GripperParameters(kind='none'),
        joint_stream=parameters,
    )


AGX = ArmParameters(
    arm='agx',
    base_frame=PIPER.base,
    tool_frame=PIPER.tool,
    joints=PIPER.joints,
    gripper=GripperParameters(kind='joint', command=ALL, joint='gripper', open=0.07),
    agx=AgxParameters(chain=ChainParameters(urdf=str(URDF / 'piper.urdf'))),
)


class JointRig(Rig):
    """Tells its arm as the gate does: every tick, and nothing unless the arm is known."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.told: list[Told] = []
        self._next = 0.0

    def aim(self, goal: Pose) -> None:
        now = time.monotonic()
        if now >= self._next and self.alive:
            self._next = now + 0.02
            self.told.append(self.driver.tell(goal, 0.5, now))

    def go(self, goal: Pose) -> None:
        start = self.measured.pose
        self.until(lambda: self.told and self.told[-1].outs, lambda: self.aim(start))
        self.until(lambda: self.near(goal), lambda: self.aim(goal))

    def near(self, goal: Pose) -> bool:
        return float(np.abs(self.place - goal.position).max()) < 1e-3


@pytest.fixture
def stream(bench: Any) -> Iterator[JointRig]:
    parameters = JointStreamParameters(manager='', chain=FILE)
    rig = JointRig(bench, stream_of(parameters), 'stream_driver.py', 'ur5e')
    yield rig
    rig.close()


def test_the_urdf_comes_on_a_latched_topic(bench: Any) -> None:
    parameters = stream_of(JointStreamParameters(manager=''))
    rig = JointRig(bench, parameters, 'stream_driver.py', 'ur5e')
    try:
        words = 'nothing heard yet on robot_description; nothing heard yet on joint_states'
        assert rig.state() == words
        rig.until(lambda: rig.alive)
    finally:
        rig.close()


def test_a_position_controller_takes_the_tool_where_it_is_told(stream: JointRig) -> None:
    assert stream.state() == 'nothing heard yet on joint_states'
    stream.until(lambda: stream.alive)
    assert stream.measured.joints == pytest.approx(UR5E.home)
    assert stream.perform(stream.arm.start()) == ('', [])
    stream.go(stream.raised(0.03))
    assert stream.driver.rivals() == ''
    other = stream.node.create_publisher(
        Float64MultiArray, 'forward_position_controller/commands', 1
    )
    stream.until(stream.driver.rivals)
    assert 'there must be one' in stream.driver.rivals()
    stream.node.destroy_publisher(other)


def test_bad_states_are_named_and_forgiven(stream: JointRig) -> None:
    for fault, reason in (
        ('drop', 'silence on joint_states for'),
        ('nan', 'joint_states is refused: [nan nan nan nan nan nan] is not finite'),
        ('missing', 'joint_states is refused: wrist_1_joint is missing, there is wrist_3_joint, '),
    ):
        stream.until(lambda: stream.alive)
        stream.fake.say(fault)
        stream.until(lambda reason=reason: reason in str(stream.state()))
        stream.fake.say('')
    stream.until(lambda: stream.alive)


def test_joints_that_do_not_follow_are_a_fault_and_are_not_pushed_on(stream: JointRig) -> None:
    stream.until(lambda: stream.alive)
    stream.go(stream.raised(0.0))
    stream.fake.say('stuck')
    goal = stream.raised(0.5)
    stream.until(lambda: 'does not follow' in stream.measured.fault, lambda: stream.aim(goal))
    assert 'does not follow' in stream.measured.fault
    stream.until(lambda: not stream.measured.fault, lambda: stream.aim(goal))
    assert stream.told[-1].outs[0].value == pytest.approx(stream.measured.joints)
    assert 'it must begin at the tool' in stream.told[-1].reason


def test_a_ur_that_starts_again_by_itself_is_not_sent_where_it_was_going(bench: Any) -> None:
    parameters = JointStreamParameters(manager='', chain=FILE, ur=WATCHED)
    rig = JointRig(bench, stream_of(parameters), 'stream_driver.py', 'ur5e', 'ur')
    try:
        rig.until(lambda: rig.alive and not rig.measured.fault)
        assert rig.perform(rig.arm.start()) == ('', [])
        rig.go(rig.raised(0.02))

        goal = rig.raised(0.1)
        rig.fake.say('blip')
        rig.until(lambda: 'does not run' in rig.measured.fault, lambda: rig.aim(goal))
        rig.until(lambda: np.abs(rig.measured.joint_velocities).max() < 1e-3)
        still = rig.place
        rig.told.clear()
        rig.until(lambda: not rig.measured.fault, lambda: rig.aim(goal))
        assert not any(told.outs for told in rig.told[:-1]), 'the fault may end with the last'
        rig.until(lambda: rig.told[-1].outs, lambda: rig.aim(goal))
        assert 'it must begin at the tool' in rig.told[-1].reason
        assert rig.place == pytest.approx(still, abs=0.01)

        rig.fake.say('stop')
        rig.until(lambda: 'does not run, speed scaling is 0.0 %' in rig.measured.fault)
        reason, steps = rig.perform(rig.arm.recover())
        assert not reason
        assert steps == ['unlock the protective stop: done', 'send the program again: done']
        rig.until(lambda: not rig.measured.fault)
        rig.go(rig.raised(0.01))
    finally:
        rig.close()


@pytest.fixture
def agx(bench: Any) -> Iterator[JointRig]:
    rig = JointRig(bench, AGX, 'agx_driver.py')
    yield rig
    rig.close()


def test_a_piper_is_told_nothing_in_wrong_units_then_all_joints_and_the_gripper(
    agx: JointRig,
) -> None:
    agx.fake.say('degrees')
    steps = ['enable: done', 'open to commands: done']
    assert agx.perform(agx.arm.start()) == ('', steps)
    agx.until(lambda: agx.alive)
    assert 'feedback/tcp_pose says [' in agx.measured.fault
    assert 'deg apart; units' in agx.measured.fault
    told = agx.driver.tell(agx.raised(0.0), 0.5, time.monotonic())
    assert not told.outs
    assert 'nothing is told' in told.reason
    agx.fake.say('')
    agx.until(lambda: not agx.measured.fault)
    agx.go(agx.raised(0.02))
    agx.until(lambda: agx.measured.gripper == pytest.approx(0.5), lambda: agx.aim(agx.raised(0)))


@pytest.mark.skipif(not AGX_MESSAGES, reason='not installed: agx_arm_msgs')
def test_what_a_piper_suffers_from_is_a_fault(agx: JointRig) -> None:
    agx.perform(agx.arm.start())
    agx.until(lambda: agx.alive and not agx.measured.fault)
    agx.fake.say('collision')
    agx.until(lambda: agx.measured.fault == 'collision (7)')
    assert agx.perform(agx.arm.recover())[0] == 'collision (7)'


@pytest.mark.skipif(AGX_MESSAGES, reason='agx_arm_msgs is installed')
def test_without_its_messages_a_piper_says_what_to_install(bench: Any) -> None:
    driver = Driver(bench.node, make(AGX, 0.1))
    assert 'needs agx_arm_msgs: apt install' in driver.notes['feedback/arm_status']
