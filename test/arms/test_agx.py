"""An AgileX arm: all joints in every message, nothing before units agree, faults as text."""

from dataclasses import replace
from types import SimpleNamespace as Message
from typing import Any

import numpy as np
import pytest
from cases import AGX, NOW, STAMP
from descriptions import ARMS

from robo_dopamine_ros.arms.agx import JOINT_COMMAND_TOPIC, MOVE_JS_TOPIC, AgxConfig
from robo_dopamine_ros.arms.arm import Call, Joints
from robo_dopamine_ros.arms.config import make_arm
from robo_dopamine_ros.arms.grippers import GripperConfig
from robo_dopamine_ros.arms.ik_controller import INTERRUPTION_REPORT_TIME
from robo_dopamine_ros.geometry import integrate_twist
from robo_dopamine_ros.types import ArmState, Pose

PIPER = ARMS['piper']
HOME = np.array(PIPER.home)
NONE = GripperConfig(kind='none')


def arm(**parameters: Any) -> Any:
    made = make_arm(replace(AGX.parameters, **parameters), 0.1)
    AGX.send(made)
    return made


def state(made: Any, now: float = NOW) -> ArmState:
    given = made.state(now)
    assert isinstance(given, ArmState), given
    return given


def status(arm_status: int = 0, ctrl_mode: int = 1, limits: tuple = (), silent: tuple = ()) -> Any:
    return Message(
        arm_status=arm_status,
        ctrl_mode=ctrl_mode,
        joint_angle_limit=limits,
        communication_status_joint=silent,
    )


def test_every_joint_is_in_every_message_and_the_gripper_once_it_is_commanded() -> None:
    made = arm()
    for tick, opening in enumerate((0.5, 0.8, 0.8)):
        now = NOW + 0.02 * tick
        AGX.send(made, now)
        (out,) = made.command(AGX.pose, opening, now).messages
        sent = opening != 0.5  # where it is already
        assert out.channel == JOINT_COMMAND_TOPIC
        assert out.value.names == (*PIPER.joints, *(['gripper'] if sent else []))
        expected = [*HOME, *([0.8 * 0.07] if sent else [])]
        assert out.value.positions == pytest.approx(expected, abs=1e-6)
        assert not len(out.value.velocities), 'with any, the driver would control torques'
        assert not len(out.value.efforts)


def test_the_gripper_is_not_told_again_while_nobody_commands() -> None:
    made = arm()
    pose = state(made).pose
    for k, commanded in enumerate([True, False, False, True]):
        (out,) = made.command(pose, 1.0, NOW + 0.02 * k, commanded).messages
        assert ('gripper' in out.value.names) is commanded


def test_a_gripper_that_is_not_a_number_does_not_silence_the_arm() -> None:
    made, later = arm(), NOW + 0.15
    broken = Joints((*PIPER.joints, 'gripper'), np.array([*HOME, np.nan]), np.zeros(7))
    AGX.send(made, later, **{'feedback/joint_states': broken})
    assert state(made, later).gripper == pytest.approx(0.5)
    assert 'gripper is at nan' in made.problems.values()


def test_without_a_gripper_there_are_only_joints() -> None:
    made = arm(gripper=NONE, agx=AgxConfig(command=MOVE_JS_TOPIC))
    (out,) = made.command(AGX.pose, 0.5, NOW).messages
    assert (out.channel, out.value.names) == (MOVE_JS_TOPIC, PIPER.joints)


def test_nothing_is_sent_until_the_poses_have_agreed_once() -> None:
    made = arm()
    beside = integrate_twist(AGX.pose, np.array([0.006, 0, 0, 0, 0, 0]), 1.0)
    made = make_arm(AGX.parameters, 0.1)
    AGX.send(made, NOW, **{'feedback/tcp_pose': beside})
    command = made.command(AGX.pose, 0.5, NOW)
    assert not command.messages
    for words in ('feedback/tcp_pose says [', '6.0 mm and 0.0 deg apart', 'tcp_offset must agree'):
        assert words in command.reason
        assert words in state(made).fault
    made.on_message('feedback/tcp_pose', AGX.pose, STAMP, NOW)
    assert state(made).fault == ''
    assert made.command(AGX.pose, 0.5, NOW).messages
    made.on_message('feedback/tcp_pose', beside, STAMP, NOW)
    assert state(made).fault == '', 'while it moves the two may have different times'


@pytest.mark.parametrize(
    ('reported', 'words'),
    [
        (Pose(AGX.pose.position * 1000, AGX.pose.orientation), 'mm and 0.0 deg apart'),
        (
            integrate_twist(AGX.pose, np.array([0, 0, 0, 0, 0, 0.06]), 1.0),
            '0.0 mm and 3.4 deg apart',
        ),
    ],
)
def test_other_units_and_frames_are_found_out(reported: Pose, words: str) -> None:
    made = make_arm(AGX.parameters, 0.1)
    AGX.send(made, NOW, **{'feedback/tcp_pose': reported})
    assert words in state(made).fault


@pytest.mark.parametrize(
    ('status', 'words'),
    [
        (status(), ''),
        (status(ctrl_mode=0), ''),
        (status(ctrl_mode=2), 'it is being taught by hand (2)'),
        (status(ctrl_mode=99), 'it is in another mode (99)'),
        (status(1), 'emergency stop (1)'),
        (status(7), 'collision (7)'),
        (status(200), 'unknown status (200)'),
        (status(4, limits=(False, True)), 'target angle out of range (4), joint 2 is at its limit'),
        (status(silent=(False, False, True)), 'joint 3 does not communicate'),
    ],
)
def test_its_status_is_a_fault(status: Any, words: str) -> None:
    made = arm()
    made.on_message('feedback/arm_status', status, STAMP, NOW)
    assert state(made).fault == words
    assert bool(made.command(AGX.pose, 0.5, NOW).messages) == (not words)


def test_a_fault_between_two_ticks_is_seen_and_the_arm_found_anew() -> None:
    made = arm()
    made.command(AGX.pose, 0.5, NOW)
    made.on_message('feedback/arm_status', status(7), STAMP, NOW)
    made.on_message('feedback/arm_status', status(), STAMP, NOW)
    assert state(made).fault == 'until just now: collision (7)'
    later = NOW + INTERRUPTION_REPORT_TIME
    elsewhere = Joints((*PIPER.joints, 'gripper'), np.array([*HOME + 0.05, 0.03]), np.zeros(7))
    AGX.send(made, later, **{'feedback/joint_states': elsewhere})
    assert state(made, later).fault == ''
    (out,) = made.command(AGX.pose, 0.5, later).messages
    assert out.value.positions[:6] == pytest.approx(HOME + 0.05)


def test_a_gripper_fault_matters_only_where_there_is_a_gripper() -> None:
    names = ('voltage_too_low', 'motor_overheating', 'driver_overcurrent', 'driver_overheating')
    well = dict.fromkeys((*names, 'sensor_status', 'driver_error_status'), False)
    ill = Message(**{**well, 'motor_overheating': True})
    for made, words in ((arm(), 'gripper: motor too hot'), (arm(gripper=NONE), '')):
        made.on_message('feedback/gripper_status', ill, STAMP, NOW)
        assert state(made).fault == words


def test_a_joint_that_would_be_left_out_is_refused() -> None:
    made = arm()
    seven = Joints((*PIPER.joints, 'joint7', 'gripper'), np.zeros(8), np.zeros(8))
    with pytest.raises(ValueError, match='the arm has joint7 too; joints must name all of them'):
        made.on_message('feedback/joint_states', seven, STAMP, NOW)
    hand = Joints((*PIPER.joints, 'left_thumb_metacarpal_joint'), np.zeros(7), np.zeros(7))
    made.on_message('feedback/joint_states', hand, STAMP, NOW)
    with pytest.raises(ValueError, match='none of our joints is there, but gripper'):
        made.on_message('feedback/joint_states', Joints(('gripper',), np.zeros(1)), STAMP, NOW)


def test_it_is_enabled_then_opened_to_commands_and_looked_at() -> None:
    made, calls = arm(), []
    made.on_message('feedback/arm_status', status(6), STAMP, NOW)

    def run(script: Any, answer: Any) -> str:
        reply = None
        try:
            while True:
                step = script.send(reply)
                if isinstance(step, Call):
                    calls.append((step.name, step.request))
                elif len(calls) == 2:
                    made.on_message('feedback/arm_status', status(), STAMP, NOW)
                reply = answer
        except StopIteration as end:
            return end.value

    assert run(made.start(), Message(success=True, message='')) == ''
    assert calls == [('enable_agx_arm', {'data': True}), ('control_enable', {'data': True})]
    no = Message(success=False, message='Agx_arm is not connected')
    assert run(made.recover(), no) == 'enable_agx_arm: Agx_arm is not connected'
    made.on_message('feedback/arm_status', status(1), STAMP, NOW)
    calls += [('', {})]  # now nothing mends it
    assert run(made.recover(), Message(success=True, message='')) == 'emergency stop (1)'


@pytest.mark.parametrize(
    ('wrong', 'words'),
    [
        (
            {'driver_package': 'piper_ros'},
            'driver_package = piper_ros; it is not supported, because its vers',
        ),
        ({'driver_package': 'agx'}, "driver_package = 'agx'; it must be agx_arm_ros"),
        ({'command': 'control/move_j'}, 'it must be control/joint_states or control/move_js'),
    ],
)
def test_what_is_not_supported(wrong: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AgxConfig(**wrong)


@pytest.mark.parametrize(
    ('wrong', 'words'),
    [
        ({'joints': ()}, 'joints is empty; name every joint of the arm'),
        (
            {'agx': AgxConfig(command=MOVE_JS_TOPIC)},
            f'agx.command = {MOVE_JS_TOPIC}; they must be joint',
        ),
        ({'gripper': GripperConfig()}, 'gripper.kind = array'),
    ],
)
def test_what_does_not_go_together(wrong: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_arm(replace(AGX.parameters, **wrong), 0.1)
