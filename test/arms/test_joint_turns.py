"""Angles that a driver wraps are continuous; where turns are not known, nothing may be sent."""

import math

import numpy as np
import pytest
from cases import AGX, CONTROLLER, STAMP
from descriptions import ARMS
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.arms.agx import JOINT_COMMAND_TOPIC, AgxConfig
from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.arms.joint_guard import JointGuard
from robo_dopamine_ros.arms.joint_turns import MAX_SILENCE, TURN, JointTurns
from robo_dopamine_ros.types import SECOND, ArmState

TICK, NOW = 0.02, 100.0  # [s]
UR5E = ARMS['ur5e']


def wrap(angle: np.ndarray) -> np.ndarray:
    """As a driver reports it that wraps at +-pi."""
    return (np.asarray(angle) + math.pi) % TURN - math.pi


def turns(lower: float = -TURN, upper: float = TURN, rotates: bool = True) -> JointTurns:
    return JointTurns(('wrist',), np.array([lower]), np.array([upper]), np.array([rotates]))


steps = st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=200)


@given(start=st.floats(-3.1, 3.1), steps=steps, wraps=st.booleans())
def test_angles_are_continuous_whether_the_driver_wraps_them_or_not(
    start: float, steps: list[float], wraps: bool
) -> None:
    counter, angle, now = turns(), start, NOW
    for step in [0.0, *steps]:
        angle, now = float(np.clip(angle + step, -6.2, 6.2)), now + TICK
        reported = wrap(angle) if wraps else angle
        assert counter.update(np.array([reported]), now)[0] == pytest.approx(angle, abs=1e-9)
        assert not counter.fault


@pytest.mark.parametrize(
    ('lower', 'upper', 'reported', 'true'),
    [
        (-TURN, TURN, 4.0, 4.0),  # a UR that stands a turn further: as it is reported
        (-TURN, TURN, -2.3, -2.3),
        (0.5445, 4.5169, wrap(3.9), 3.9),  # the sixth joint of an FR3: only one is possible
        (-2.9, 2.9, 3.5, 3.5 - TURN),
        (-2.0, 2.0, 2.5, 2.5),  # none is possible: as it is reported
        (-math.inf, math.inf, 40.0, 40.0),  # a continuous joint
    ],
)
def test_the_first_angle_is_the_possible_one(
    lower: float, upper: float, reported: float, true: float
) -> None:
    given = turns(lower, upper).update(np.array([reported]), NOW)
    assert given[0] == pytest.approx(true)


def test_a_misread_angle_is_no_turn_where_no_turn_fits() -> None:
    counter = turns(-2.9, 2.9)
    counter.update(np.array([2.8]), NOW)
    assert counter.update(np.array([-2.8]), NOW + TICK)[0] == -2.8


def test_what_slides_does_not_turn() -> None:
    counter = turns(-10.0, 10.0, rotates=False)
    counter.update(np.array([-3.0]), NOW)
    assert counter.update(np.array([3.0]), NOW + TICK)[0] == 3.0


def test_after_a_silence_an_angle_one_turn_away_is_a_fault_until_it_is_back() -> None:
    counter = turns()
    counter.update(np.array([3.5]), NOW)
    later = NOW + MAX_SILENCE + 0.3
    assert counter.update(np.array([3.6]), later)[0] == 3.6
    assert not counter.fault, 'the arm was moved a little'
    later += MAX_SILENCE + 0.3
    for _ in range(3):
        later += TICK
        assert counter.update(wrap(np.array([3.6])), later)[0] == pytest.approx(3.6 - TURN)
        assert 'wrist was at 3.60 rad and is reported at -2.68 rad after' in counter.fault
        assert counter.fault.endswith('restart the driver, then the gate')
    assert counter.update(np.array([3.6]), later + TICK)[0] == 3.6
    assert not counter.fault


def measured(q: np.ndarray, joints: tuple[str, ...], now: float) -> tuple[Joints, int]:
    return Joints(joints, q, np.zeros(len(q))), STAMP + round((now - NOW) * SECOND)


def test_a_wrist_that_passes_half_a_turn_while_it_stands_is_not_sent_round() -> None:
    """The live case: 6.30 rad in one command."""
    made, now, before = CONTROLLER.make(), NOW, None
    made.on_message('robot_description', UR5E.text, STAMP, now)
    for tick in range(200):
        q = np.array([*UR5E.home[:5], math.pi - 0.01 + 0.0002 * tick])
        made.on_message('joint_states', *measured(wrap(q), UR5E.joints, now), now)
        state = made.state(now)
        assert isinstance(state, ArmState), state
        assert not state.fault
        (out,) = made.command(state.pose, 0.5, now).messages
        assert before is None or np.abs(out.value - before).max() <= 1.0 * TICK + 1e-9
        before, now = out.value, now + TICK
    assert before is not None
    assert before[-1] > math.pi


def test_a_wrist_that_is_pushed_over_half_a_turn_comes_back_slowly() -> None:
    made, now, before = CONTROLLER.make(), NOW, None
    made.on_message('robot_description', UR5E.text, STAMP, now)
    for tick in range(100):
        push = 0.5 if tick > 5 else 0.0
        q = np.array([*UR5E.home[:5], math.pi - 0.1 + push])
        made.on_message('joint_states', *measured(wrap(q), UR5E.joints, now), now)
        state = made.state(now)
        assert isinstance(state, ArmState), state
        command = made.command(state.pose, 0.5, now)
        for out in command.messages:
            assert before is None or np.abs(out.value - before).max() <= 1.0 * TICK + 1e-9
            before = out.value
        now += TICK
    assert before is not None
    assert before[-1] == pytest.approx(math.pi + 0.4, abs=1e-6)


def test_a_driver_that_counts_otherwise_after_a_silence_is_not_followed() -> None:
    made, now = CONTROLLER.make(), NOW
    made.on_message('robot_description', UR5E.text, STAMP, now)
    q = np.array([*UR5E.home[:5], 3.5])
    made.on_message('joint_states', *measured(q, UR5E.joints, now), now)
    assert made.command(CONTROLLER.pose, 0.5, now).messages
    now += 1.0
    made.on_message('joint_states', *measured(wrap(q), UR5E.joints, now), now)
    state = made.state(now)
    assert isinstance(state, ArmState), state
    assert 'wrist_3_joint was at 3.50 rad and is reported at -2.78 rad' in state.fault
    command = made.command(state.pose, 0.5, now)
    assert not command.messages
    assert 'nothing is sent' in command.reason


def test_a_piper_is_guarded_as_well() -> None:
    """A jump of what is measured is not sent on: it is refused until its speed allows it."""
    parameters = AgxConfig()
    assert parameters.command == JOINT_COMMAND_TOPIC
    made = AGX.make_connected()
    assert made.command(AGX.pose, 0.5, NOW).messages
    later = NOW + 0.3  # longer than the longest tick: it restarts at the measured joints
    q = np.array([*AGX.messages['feedback/joint_states'].positions])
    q[0] += 1.0
    AGX.send(
        made, later, **{'feedback/joint_states': Joints((*ARMS['piper'].joints, 'gripper'), q)}
    )
    command = made.command(AGX.pose, 0.5, later)
    assert not command.messages
    assert (
        'joint1 would step 1.000 rad in 0.300 s; at 1.00 rad/s it may step 0.300' in command.reason
    )
    state = made.state(later)
    assert isinstance(state, ArmState), state
    assert 'joint1 would step' in state.fault, 'the gate latches'


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 0.3)), min_size=1, max_size=30))
def test_the_guard_lets_no_step_pass_that_is_too_large(events: list) -> None:
    guard, speed, now, last = JointGuard(('a', 'b')), np.array([1.0, 2.0]), NOW, None
    for position, seconds in events:
        now += seconds
        joints = np.array([position, -position])
        refusal = guard.refusal(joints, speed, now)
        too_far = (
            last is not None
            and (np.abs(joints - last[0]) > speed * (now - last[1]) * (1 + 2e-6) + 2e-6).any()
        )
        assert bool(refusal) or not too_far
        if not refusal:
            last = (joints, now)


def test_the_guard_refuses_what_is_not_a_number() -> None:
    guard = JointGuard(('a',))
    assert 'not finite' in guard.refusal(np.array([math.nan]), np.array([1.0]), NOW)
