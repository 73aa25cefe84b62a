"""Grippers: what is commanded, when, and the opening they report."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.arms.grippers import Gripper, GripperConfig

FRANKA = GripperConfig(
    kind='command',
    command='franka_gripper/gripper_action',
    state='franka_gripper/joint_states',
    closed=0.0,
    open=0.04,
    effort=20.0,
    binary=True,
)
ROBOTIQ = GripperConfig(kind='parallel', command='grip', joint='knuckle', closed=0.8, open=0.0)
openings = st.floats(0, 1)


NOW = 100.0  # [s]


def command(gripper: Gripper, opening: float, now: float = NOW) -> Any:
    """Return the value of the message, None when nothing was sent."""
    outs = gripper.command(opening, now)
    assert len(outs) <= 1
    return outs[0].value if outs else None


def test_commands_have_the_form_of_their_kind() -> None:
    assert command(Gripper(GripperConfig()), 0.5) == pytest.approx([0.5])
    joint = command(Gripper(GripperConfig(kind='joint', joint='finger', open=0.1)), 0.5)
    assert joint.names == ('finger',)
    assert joint.positions == pytest.approx([0.05])
    assert command(Gripper(ROBOTIQ), 0.25) == {
        'command': {'name': ['knuckle'], 'position': [pytest.approx(0.6)], 'effort': [10.0]}
    }
    assert command(Gripper(GripperConfig(kind='none')), 0.5) is None


def test_a_franka_hand_counts_one_finger_both_ways() -> None:
    gripper = Gripper(FRANKA)
    assert command(gripper, 1.0) == {'command': {'position': 0.04, 'max_effort': 20.0}}
    fingers = ('fr3_finger_joint1', 'fr3_finger_joint2')
    gripper.on_joint_state(Joints(fingers, np.array([0.01, 0.01])), NOW)
    assert gripper.opening == pytest.approx(0.25)


@given(st.lists(openings, min_size=1, max_size=30))
def test_only_changes_are_sent_and_the_ends_always(openings: list[float]) -> None:
    gripper, last = Gripper(GripperConfig(hysteresis=0.1)), None
    for opening in openings:
        sent = command(gripper, opening)
        if sent is None:
            assert last is not None
            assert abs(opening - last) < 0.1
            assert opening == last or opening not in (0.0, 1.0)
        else:
            last = float(sent[0])
            assert last == opening


@given(st.lists(openings, min_size=1, max_size=30))
def test_a_binary_gripper_opens_or_closes_and_does_not_chatter(openings: list[float]) -> None:
    gripper, last = Gripper(GripperConfig(hysteresis=0.1, binary=True)), None
    for opening in openings:
        sent = command(gripper, opening)
        if sent is not None:
            assert sent[0] in (0.0, 1.0)
            assert last is None or (opening > 0.6 if sent[0] else opening <= 0.4)
            last = sent[0]
        elif last is not None:
            assert opening <= 0.6 if last == 0.0 else opening > 0.4


@given(openings, st.sampled_from([FRANKA, ROBOTIQ, GripperConfig()]))
def test_openings_and_positions_agree(opening: float, parameters: GripperConfig) -> None:
    gripper = Gripper(parameters)
    assert gripper.to_opening(gripper.to_position(opening)) == pytest.approx(opening, abs=1e-9)


@pytest.mark.parametrize('binary', [False, True])
def test_the_first_command_is_sent_only_for_another_opening(binary: bool) -> None:
    gripper = Gripper(GripperConfig(binary=binary))
    gripper.on_joint_state(Joints(('gripper',), np.array([0.4])), NOW)
    assert command(gripper, 0.41) is None, 'a hand that holds something is left alone'
    assert command(gripper, np.nan) is None
    assert command(gripper, 0.2) == pytest.approx([0.0 if binary else 0.2])
    assert command(gripper, 0.4) == (None if binary else pytest.approx([0.4]))


def test_without_a_state_the_opening_is_the_one_commanded() -> None:
    gripper = Gripper(GripperConfig(state=''))
    assert not gripper.inputs
    gripper.command(0.3, NOW)
    assert gripper.opening == 0.3


def test_other_joints_on_its_topic_are_not_its_state() -> None:
    gripper = Gripper(GripperConfig(joint='finger'))
    gripper.on_joint_state(Joints(('shoulder',), np.array([0.7])), NOW)
    assert gripper.opening == 1.0
    assert gripper.missing(NOW) == 'nothing heard yet on gripper/joint_states of finger'


def test_a_position_that_is_not_a_number_is_silence_of_the_gripper_alone() -> None:
    gripper = Gripper(GripperConfig(joint='finger'))
    at(gripper, 0.3)
    at(gripper, np.nan, NOW + 1.0)
    assert gripper.opening == pytest.approx(0.3)
    assert gripper.problems == {'gripper/joint_states': 'finger is at nan'}
    assert gripper.missing(NOW + 1.9) == ''
    words = 'silence on gripper/joint_states of finger for 2.10 s: finger is at nan'
    assert gripper.missing(NOW + 2.1) == words
    at(gripper, 0.3, NOW + 2.2)
    assert not gripper.missing(NOW + 2.2)
    assert not gripper.problems


def at(gripper: Gripper, opening: float, now: float = NOW) -> None:
    position = gripper.to_position(opening) if np.isfinite(opening) else opening
    gripper.on_joint_state(Joints(('finger',), np.array([position])), now)


def told(gripper: Gripper, requested: float, seconds: float, opening: float | None) -> list[float]:
    """Request an opening for some time; return the times at which it was told."""
    times = []
    for tick in range(round(seconds / 0.02)):
        now = NOW + 0.02 * tick
        if opening is not None:
            at(gripper, opening, now)
        if command(gripper, requested, now) is not None:
            times.append(round(now - NOW, 2))
    return times


JAWS = GripperConfig(kind='command', command='grip', joint='finger')


def test_a_goal_that_failed_is_told_again_ever_more_seldom_until_it_is_reached() -> None:
    gripper = Gripper(JAWS)
    at(gripper, 1.0)
    times = []
    for tick in range(1000):
        now = NOW + 0.02 * tick
        at(gripper, 1.0, now)
        if command(gripper, 0.0, now) is not None:
            times.append(now - NOW)
            gripper.on_goal_end('grip failed', now)
    assert np.diff(times) == pytest.approx([1, 2, 4, 8], abs=0.05)
    assert gripper.problems == {
        'grip': 'the gripper is at 1.00 and was told 0.00: grip failed; told again 4 times'
    }
    at(gripper, 0.02, NOW + 20.0)
    assert not gripper.problems
    assert told(gripper, 0.0, 60.0, 0.02) == []


def test_a_goal_that_ended_at_an_object_is_left_alone() -> None:
    gripper = Gripper(JAWS)
    at(gripper, 1.0)
    assert command(gripper, 0.0) is not None
    gripper.on_goal_end('', NOW + 1.0)
    assert told(gripper, 0.0, 60.0, 0.4) == [], 'what it holds would be let go'
    assert not gripper.problems


@pytest.mark.parametrize('kind', ['array', 'joint'])
def test_a_message_without_effect_is_told_again(kind: str) -> None:
    gripper = Gripper(GripperConfig(kind=kind, joint='finger'))
    at(gripper, 1.0)
    assert told(gripper, 0.0, 16.0, 1.0) == pytest.approx([0.0, 1.0, 3.0, 7.0, 15.0], abs=0.05)
    words = 'the gripper is at 1.00 and was told 0.00; told again 4 times'
    assert list(gripper.problems.values()) == [words]
    at(gripper, 0.0, NOW + 17.0)
    assert told(gripper, 0.0, 60.0, 0.6) == [], 'it was there: a person moved it since'


def test_without_a_source_of_commands_nothing_is_told_again() -> None:
    """A hand may be between the fingers of a stopped arm."""
    gripper = Gripper(JAWS)
    at(gripper, 1.0)
    assert command(gripper, 0.0) is not None
    gripper.on_goal_end('grip failed', NOW)
    for seconds in range(60):
        assert not gripper.command(0.0, NOW + seconds, commanded=False)
    assert command(gripper, 0.0, NOW + 61.0) is not None, 'requested again'


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'kind': 'claw'}, "kind = 'claw'; it must be none, array, joint, command, parallel"),
        ({'command': ''}, 'command is empty'),
        ({'kind': 'joint'}, 'joint is empty'),
        ({'closed': 1.0}, r'closed = open = 1\.0'),
        ({'open': np.nan}, 'open = nan'),
        ({'hysteresis': 0.5}, r'hysteresis = 0\.5'),
        ({'timeout': 0.0}, r'timeout = 0\.0'),
        ({'effort': np.nan}, 'effort = nan'),
    ],
)
def test_parameters_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GripperConfig(**wrong)


@pytest.mark.parametrize('binary', [False, True])
@pytest.mark.parametrize('state', ['gripper/joint_states', ''])
def test_a_gripper_that_nobody_commands_is_left_alone(binary: bool, state: str) -> None:
    gripper = Gripper(GripperConfig(binary=binary, state=state))
    assert gripper.command(1.0, NOW)
    if state:
        gripper.on_joint_state(Joints(('finger',), np.array([0.6])), NOW)  # moved by another tool
    assert gripper.command(math.nan, NOW) == []
    assert gripper.command(math.nan, NOW) == []
    assert gripper.command(0.0, NOW)
    assert gripper.command(math.nan, NOW) == []
    assert gripper.command(0.0, NOW), 'commanded again: others may have moved it meanwhile'
