"""The arm behind a position controller: what it is sent never jumps."""

from dataclasses import replace
from types import SimpleNamespace as Message
from typing import Any

import numpy as np
import pytest
from cases import CONTROLLER, NOW, STAMP
from descriptions import ARMS, URDF
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.arms.arm import DriverCommand, Joints
from robo_dopamine_ros.arms.config import make_arm
from robo_dopamine_ros.arms.grippers import GripperConfig
from robo_dopamine_ros.arms.ik_controller import INTERRUPTION_REPORT_TIME, MAX_TICK_INTERVAL
from robo_dopamine_ros.arms.joint_state import KinematicsConfig
from robo_dopamine_ros.arms.position_controller import PositionControllerConfig
from robo_dopamine_ros.geometry import integrate_twist, pose_difference, rotate_vector
from robo_dopamine_ros.types import SECOND, ArmState, Pose

UR5E = ARMS['ur5e']
HOME = np.array(UR5E.home)
FILE = KinematicsConfig(urdf=str(URDF / 'ur5e.urdf'))
COMMANDS = 'forward_position_controller/commands'
TICK = 0.02  # [s]


def arm(**controller: Any) -> Any:
    """Make an arm with these settings whose joints were received."""
    parameters = PositionControllerConfig(**{'manager': '', 'kinematics': FILE, **controller})
    made = make_arm(replace(CONTROLLER.parameters, position_controller=parameters), 0.1)
    measure(made, HOME, NOW)
    return made


def measure(made: Any, q: np.ndarray, now: float, **others: Any) -> None:
    joints = Joints(UR5E.joints, np.asarray(q), **{'velocities': np.zeros(6), **others})
    made.on_message('joint_states', joints, STAMP + round((now - NOW) * SECOND), now)


def state(made: Any, now: float = NOW) -> ArmState:
    given = made.state(now)
    assert isinstance(given, ArmState), given
    return given


def sent(command: DriverCommand) -> np.ndarray:
    (value,) = [out.value for out in command.messages if out.channel == COMMANDS]
    return value


def test_the_first_joints_are_the_measured_ones_then_the_tool_moves() -> None:
    made, now = arm(), NOW
    goal = integrate_twist(state(made).pose, np.array([0, 0, 0.015, 0, 0, 0]), 1.0)
    command = made.command(goal, 0.5, now)
    assert np.array_equal(sent(command), HOME)
    assert command.reason == 'rests where it is: the target is 15.0 mm, 0.000 rad away'
    for _ in range(20):
        now += TICK
        measure(made, sent(command), now)
        command = made.command(goal, 0.5, now)
    assert command.reason == ''
    assert command.target.position == pytest.approx(goal.position, abs=1e-6)
    reached = UR5E.kinematics.pose(sent(command))
    assert reached.position == pytest.approx(command.target.position)


def test_a_target_that_stayed_behind_is_never_gone_back_to() -> None:
    made, now = arm(), NOW
    goal = integrate_twist(state(made).pose, np.array([0, 0, 0.1, 0, 0, 0]), 1.0)
    for _ in range(10):
        command = made.command(goal, 0.5, now)
        assert np.array_equal(sent(command), HOME)
        assert command.reason.endswith('100.0 mm, 0.000 rad away, it must begin at the tool')
        assert command.target.position == pytest.approx(state(made).pose.position)
        now += TICK
        measure(made, HOME, now)


events = st.lists(
    st.tuples(
        st.lists(st.floats(-0.1, 0.1), min_size=6, max_size=6),  # way of the target [m, rad]
        st.lists(st.floats(-0.02, 0.02), min_size=6, max_size=6),  # lag of the arm [rad]
        st.sampled_from([TICK, TICK, TICK, 0.01, 0.1, 0.6]),  # until the next tick [s]
        st.sampled_from([False] * 9 + [True]),  # whether somebody pushes it elsewhere
    ),
    min_size=1,
    max_size=15,
)


@settings(max_examples=100, deadline=None)
@given(events=events)
def test_what_is_sent_never_jumps(events: list) -> None:
    """No joint steps further than its speed allows in the time since the message before."""
    made, now, q, before, then = arm(), NOW, HOME, HOME, None
    limits = UR5E.kinematics.limits
    for way, lag, seconds, pushed in events:
        now += seconds
        q = HOME - 0.4 * np.sign(before - HOME + 1e-9) if pushed else before + np.array(lag)
        measure(made, q, now)
        target = integrate_twist(state(made, now).pose, np.array(way), 1.0)
        command = made.command(target, 0.5, now)
        if not command.messages:
            assert 'would step' in command.reason
            assert 'would step' in state(made, now).fault, 'the gate must latch'
            continue
        joints = sent(command)
        assert then is None or (np.abs(joints - before) <= (now - then) * 1.0 + 1e-5).all()
        assert ((limits.lower <= joints) & (joints <= limits.upper)).all()
        assert np.abs(pose_difference(command.target, UR5E.kinematics.pose(joints))).max() < 1e-9
        before, then = joints, now


def test_after_a_gap_it_begins_where_it_is() -> None:
    made = arm()
    made.command(state(made).pose, 0.5, NOW)
    elsewhere = HOME + 0.05
    measure(made, elsewhere, NOW + 0.2)
    assert sent(made.command(CONTROLLER.pose, 0.5, NOW + 0.2)) == pytest.approx(HOME)
    measure(made, elsewhere, NOW + 0.2 + MAX_TICK_INTERVAL + 0.01)
    now = NOW + 0.2 + MAX_TICK_INTERVAL + 0.01
    assert np.array_equal(sent(made.command(state(made, now).pose, 0.5, now)), elsewhere)


def test_a_joint_that_does_not_follow_is_a_fault_until_it_is_let_go() -> None:
    made = arm()
    made.command(state(made).pose, 0.5, NOW)
    pushed = HOME + np.array([0, 0, 0.3, 0, 0, 0])
    measure(made, pushed, NOW + TICK)
    words = 'elbow_joint does not follow: it is 0.300 rad from where it was sent, more than 0.25'
    assert state(made, NOW + TICK).fault == words
    now, before = NOW + TICK, HOME
    while not np.allclose(before, pushed, atol=1e-6):
        command = made.command(CONTROLLER.pose, 0.5, now)
        assert command.reason == 'returns to where the arm was found, because it did not follow'
        assert (np.abs(sent(command) - before) <= 1.0 * TICK + 1e-9).all()
        before, now = sent(command), now + TICK
        measure(made, pushed, now)
        assert now < NOW + 1.0, 'it must let go within a second'
    assert state(made, now).fault == ''
    assert np.allclose(sent(made.command(CONTROLLER.pose, 0.5, now)), pushed, atol=1e-6)


def test_joints_are_mapped_by_name_and_the_others_passed_over() -> None:
    made, order = arm(), [3, 1, 5, 0, 2, 4]
    q = HOME + 0.01 * np.arange(6)
    names = ('finger', *(UR5E.joints[i] for i in order))
    joints = Joints(names, np.array([0.02, *q[order]]), np.array([np.nan, *range(6)]))
    made.on_message('joint_states', joints, STAMP, NOW)
    made.on_message('joint_states', Joints(('finger',), np.array([0.03])), STAMP, NOW)
    assert state(made).joint_names == UR5E.joints
    assert state(made).joints == pytest.approx(q)
    assert state(made).joint_velocities == pytest.approx([3, 1, 4, 0, 5, 2])
    twist = UR5E.kinematics.pose_and_jacobian(q)[1] @ [3, 1, 4, 0, 5, 2]
    assert state(made).twist == pytest.approx(twist)


@pytest.mark.parametrize('velocities', [np.zeros(0), np.full(6, np.nan)])
def test_velocities_that_nobody_tells_come_from_the_positions(velocities: np.ndarray) -> None:
    made = arm()
    assert state(made).joint_velocities == pytest.approx(np.zeros(6))
    measure(made, HOME + 0.02, NOW + TICK, velocities=velocities)
    assert state(made, NOW + TICK).joint_velocities == pytest.approx(np.ones(6))
    measure(made, HOME + 0.04, NOW + 10, velocities=velocities)
    assert state(made, NOW + 10).joint_velocities == pytest.approx(np.zeros(6)), 'too long ago'


@pytest.mark.parametrize(
    ('joints', 'words'),
    [
        (Joints(UR5E.joints[:5], HOME[:5]), 'wrist_3_joint is missing, there is shoulder_pan_j'),
        (Joints(UR5E.joints, HOME[:5]), '6 joints but 5 positions'),
        (Joints(UR5E.joints, HOME * np.nan), 'nan'),
    ],
)
def test_states_that_cannot_be_are_refused(joints: Joints, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        arm().on_message('joint_states', joints, STAMP, NOW)


def test_the_wrench_is_turned_into_the_base_frame() -> None:
    made = arm(wrench='ft/wrench')
    assert made.state(NOW) == 'nothing heard yet on ft/wrench'
    made.on_message('ft/wrench', np.arange(1.0, 7.0), STAMP, NOW)
    given = state(made)
    assert given.wrench[:3] == pytest.approx(
        rotate_vector(np.arange(1.0, 4.0), given.pose.orientation)
    )
    made.on_message('ft/wrench', np.full(6, np.nan), STAMP, NOW)
    assert np.isnan(state(made).wrench).all(), 'not known: the gate latches where it is limited'


def test_a_finger_may_speak_among_the_joints() -> None:
    gripper = GripperConfig(state='joint_states', joint='finger', closed=0.8, open=0.0)
    parameters = replace(CONTROLLER.parameters, gripper=gripper)
    made = make_arm(parameters, 0.1)
    assert len({c.name for c in made.inputs}) == len(made.inputs)
    made.on_message('robot_description', UR5E.text, STAMP, NOW)
    names = (*UR5E.joints, 'finger')
    made.on_message('joint_states', Joints(names, np.array([*HOME, 0.2]), np.zeros(7)), STAMP, NOW)
    assert state(made).gripper == pytest.approx(0.75)
    (out,) = [o for o in made.command(CONTROLLER.pose, 1.0, NOW).messages if o.channel != COMMANDS]
    assert out.value == pytest.approx([0.0])

    later = NOW + 1.0  # its sensor is broken; the arm is well
    broken = Joints(names, np.array([*HOME, np.nan]), np.zeros(7))
    made.on_message('joint_states', broken, STAMP, later)
    assert state(made, later).gripper == pytest.approx(0.75)
    assert made.problems['joint_states'] == 'finger is at nan'
    later = NOW + 2.5
    made.on_message('joint_states', broken, STAMP, later)
    assert made.state(later) == 'silence on joint_states of finger for 2.50 s: finger is at nan'


def activity(label: str) -> Message:
    found = Message(name='forward_position_controller', state=Message(label=label))
    return Message(hardware_components=[], controllers=[found])


def test_an_inactive_controller_is_a_fault_and_the_arm_is_found_anew_after_it() -> None:
    made = arm(manager='controller_manager')
    made.command(state(made).pose, 0.5, NOW)
    made.on_message('controller_manager/activity', activity('inactive'), STAMP, NOW)
    assert state(made).fault == 'forward_position_controller is inactive'
    command = made.command(CONTROLLER.pose, 0.5, NOW)
    assert (command.messages, command.target.position) == (
        [],
        pytest.approx(CONTROLLER.pose.position),
    )
    assert command.reason == 'nothing is sent: forward_position_controller is inactive'

    later = NOW + TICK
    made.on_message('controller_manager/activity', activity('active'), STAMP, later)
    measure(made, HOME + 0.1, later)
    words = 'until just now: forward_position_controller is inactive'
    assert state(made, later).fault == words, 'a stop between two ticks is seen as well'
    assert not made.command(CONTROLLER.pose, 0.5, later).messages
    later += INTERRUPTION_REPORT_TIME
    measure(made, HOME + 0.1, later)
    assert state(made, later).fault == ''
    assert np.array_equal(sent(made.command(CONTROLLER.pose, 0.5, later)), HOME + 0.1)


def test_the_description_may_come_late_and_must_fit() -> None:
    made = make_arm(CONTROLLER.parameters, 0.1)
    measure(made, HOME, NOW)
    assert made.state(NOW) == 'nothing heard yet on robot_description'
    with pytest.raises(ValueError, match=r'the URDF has no link base; there are base_link, link1'):
        made.on_message('robot_description', ARMS['piper'].text, STAMP, NOW)
    assert made.state(NOW) == 'nothing heard yet on robot_description'
    made.on_message('robot_description', UR5E.text, STAMP, NOW)
    assert state(made).pose.position == pytest.approx(CONTROLLER.pose.position)


def test_wrong_parameters() -> None:
    with pytest.raises(ValueError, match='joints is empty; name those of the controller'):
        make_arm(replace(CONTROLLER.parameters, joints=()), 0.1)
    with pytest.raises(ValueError, match=r"urdf = '/nowhere.urdf': .*No such file"):
        arm(kinematics=KinematicsConfig(urdf='/nowhere.urdf'))
    with pytest.raises(ValueError, match='description and urdf are empty'):
        KinematicsConfig(description='')
    with pytest.raises(ValueError, match=r'offset = \(0.0, 0.1\); it must be x y z, roll pitch'):
        KinematicsConfig(offset=(0.0, 0.1))


def test_an_offset_moves_the_tool() -> None:
    away = KinematicsConfig(urdf=FILE.urdf, offset=(0.0, 0.0, 0.1, 0.0, 0.0, 0.0))
    there = state(arm(kinematics=away)).pose
    here = CONTROLLER.pose
    reached = here.position + rotate_vector(np.array([0, 0, 0.1]), here.orientation)
    assert there.position == pytest.approx(reached)
    assert isinstance(there, Pose)
