"""Arms whose joints are commanded, against processes that behave like their drivers."""

import importlib.util
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from arms.descriptions import ARMS, URDF
from rig import Rig
from std_msgs.msg import Float64MultiArray

from robo_dopamine_ros.arms.agx import JOINT_COMMAND_TOPIC, AgxConfig
from robo_dopamine_ros.arms.arm import DriverCommand
from robo_dopamine_ros.arms.config import ArmConfig, make_arm
from robo_dopamine_ros.arms.grippers import GripperConfig
from robo_dopamine_ros.arms.joint_state import KinematicsConfig
from robo_dopamine_ros.arms.position_controller import PositionControllerConfig
from robo_dopamine_ros.arms.ur import UrConfig
from robo_dopamine_ros.ros.arm_bridge import ArmBridge
from robo_dopamine_ros.types import Pose

UR5E, PIPER = ARMS['ur5e'], ARMS['piper']
AGX_MESSAGES = importlib.util.find_spec('agx_arm_msgs') is not None
FILE = KinematicsConfig(urdf=str(URDF / 'ur5e.urdf'))
UR = UrConfig(enabled=True, unlock_delay=0.6, headless=True)


def arm_config(controller: PositionControllerConfig) -> ArmConfig:
    return ArmConfig(
        arm='position_controller',
        base_frame=UR5E.base,
        tool_frame=UR5E.tool,
        joints=UR5E.joints,
        gripper=GripperConfig(kind='none'),
        position_controller=controller,
    )


AGX = ArmConfig(
    arm='agx',
    base_frame=PIPER.base,
    tool_frame=PIPER.tool,
    joints=PIPER.joints,
    gripper=GripperConfig(kind='joint', command=JOINT_COMMAND_TOPIC, joint='gripper', open=0.07),
    agx=AgxConfig(kinematics=KinematicsConfig(urdf=str(URDF / 'piper.urdf'))),
)


class JointRig(Rig):
    """Commands its arm as the gate does: every tick, and nothing unless its state is known."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.sent: list[DriverCommand] = []
        self._next = 0.0

    def aim(self, goal: Pose) -> None:
        now = time.monotonic()
        if now >= self._next and self.alive:
            self._next = now + 0.02
            self.sent.append(self.bridge.command(goal, 0.5, now))

    def go(self, goal: Pose) -> None:
        start = self.measured.pose
        self.until(lambda: self.sent and self.sent[-1].messages, lambda: self.aim(start))
        self.until(lambda: self.near(goal), lambda: self.aim(goal))

    def near(self, goal: Pose) -> bool:
        return float(np.abs(self.position - goal.position).max()) < 1e-3


@pytest.fixture
def controller(bench: Any) -> Iterator[JointRig]:
    parameters = PositionControllerConfig(manager='', kinematics=FILE)
    rig = JointRig(bench, arm_config(parameters), 'position_controller_driver.py', 'ur5e')
    yield rig
    rig.close()


def test_the_urdf_comes_on_a_latched_topic(bench: Any) -> None:
    parameters = arm_config(PositionControllerConfig(manager=''))
    rig = JointRig(bench, parameters, 'position_controller_driver.py', 'ur5e')
    try:
        words = 'nothing heard yet on robot_description; nothing heard yet on joint_states'
        assert rig.state() == words
        rig.until(lambda: rig.alive)
    finally:
        rig.close()


def test_a_position_controller_moves_the_tool_to_its_target(controller: JointRig) -> None:
    assert controller.state() == 'nothing heard yet on joint_states'
    controller.until(lambda: controller.alive)
    assert controller.measured.joints == pytest.approx(UR5E.home)
    assert controller.run(controller.arm.start()) == ('', [])
    controller.go(controller.raised(0.03))
    assert controller.bridge.other_publishers() == ''
    other = controller.node.create_publisher(
        Float64MultiArray, 'forward_position_controller/commands', 1
    )
    controller.until(controller.bridge.other_publishers)
    assert 'there must be one' in controller.bridge.other_publishers()
    controller.node.destroy_publisher(other)


def test_bad_states_are_named_and_forgiven(controller: JointRig) -> None:
    for fault, reason in (
        ('drop', 'silence on joint_states for'),
        ('nan', 'joint_states is refused: [nan nan nan nan nan nan] is not finite'),
        ('missing', 'joint_states is refused: wrist_1_joint is missing, there is wrist_3_joint, '),
    ):
        controller.until(lambda: controller.alive)
        controller.fake.say(fault)
        controller.until(lambda reason=reason: reason in str(controller.state()))
        controller.fake.say('')
    controller.until(lambda: controller.alive)


def test_joints_that_do_not_follow_are_a_fault_and_are_not_pushed_on(controller: JointRig) -> None:
    controller.until(lambda: controller.alive)
    controller.go(controller.raised(0.0))
    controller.fake.say('stuck')
    goal = controller.raised(0.5)
    controller.until(
        lambda: 'does not follow' in controller.measured.fault, lambda: controller.aim(goal)
    )
    assert 'does not follow' in controller.measured.fault
    returned = 'it must begin at the tool'
    controller.until(lambda: returned in controller.sent[-1].reason, lambda: controller.aim(goal))
    assert not controller.measured.fault
    last = controller.sent[-1].messages[0].value
    assert last == pytest.approx(controller.measured.joints, abs=1e-4)


def test_a_ur_that_starts_again_by_itself_is_not_sent_where_it_was_going(bench: Any) -> None:
    parameters = PositionControllerConfig(manager='', kinematics=FILE, ur=UR)
    rig = JointRig(bench, arm_config(parameters), 'position_controller_driver.py', 'ur5e', 'ur')
    try:
        rig.until(lambda: rig.alive and not rig.measured.fault)
        reason, steps = rig.run(rig.arm.start())
        assert not reason
        assert [step.split(':')[0] for step in steps] == ['ask for its model']
        assert not rig.bridge.arm.arming_obstacle(), 'its driver does not tell'
        rig.go(rig.raised(0.02))

        goal = rig.raised(0.1)
        rig.fake.say('blip')
        rig.until(lambda: 'does not run' in rig.measured.fault, lambda: rig.aim(goal))
        rig.until(lambda: np.abs(rig.measured.joint_velocities).max() < 1e-3)
        still = rig.position
        rig.sent.clear()
        rig.until(lambda: not rig.measured.fault, lambda: rig.aim(goal))
        assert not any(sent.messages for sent in rig.sent[:-1]), 'the fault may end with the last'
        rig.until(lambda: rig.sent[-1].messages, lambda: rig.aim(goal))
        assert 'it must begin at the tool' in rig.sent[-1].reason
        assert rig.position == pytest.approx(still, abs=0.01)

        rig.fake.say('stop')
        rig.until(lambda: 'does not run, speed scaling is 0.0 %' in rig.measured.fault)
        reason, steps = rig.run(rig.arm.recover())
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


def test_a_piper_is_sent_nothing_in_wrong_units_then_all_joints_and_the_gripper(
    agx: JointRig,
) -> None:
    agx.fake.say('degrees')
    steps = ['enable: done', 'open to commands: done']
    assert agx.run(agx.arm.start()) == ('', steps)
    agx.until(lambda: agx.alive)
    assert 'feedback/tcp_pose says [' in agx.measured.fault
    assert 'deg apart; units' in agx.measured.fault
    command = agx.bridge.command(agx.raised(0.0), 0.5, time.monotonic())
    assert not command.messages
    assert 'nothing is sent' in command.reason
    agx.fake.say('')
    agx.until(lambda: not agx.measured.fault)
    agx.go(agx.raised(0.02))
    agx.until(lambda: agx.measured.gripper == pytest.approx(0.5), lambda: agx.aim(agx.raised(0)))


@pytest.mark.skipif(not AGX_MESSAGES, reason='not installed: agx_arm_msgs')
def test_what_a_piper_suffers_from_is_a_fault(agx: JointRig) -> None:
    agx.run(agx.arm.start())
    agx.until(lambda: agx.alive and not agx.measured.fault)
    agx.fake.say('collision')
    agx.until(lambda: agx.measured.fault == 'collision (7)')
    assert agx.run(agx.arm.recover())[0] == 'collision (7)'


@pytest.mark.skipif(AGX_MESSAGES, reason='agx_arm_msgs is installed')
def test_without_its_messages_a_piper_says_what_to_install(bench: Any) -> None:
    driver = ArmBridge(bench.node, make_arm(AGX, 0.1))
    assert 'needs agx_arm_msgs: apt install' in driver.channel_errors['feedback/arm_status']
