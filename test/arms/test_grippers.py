"""Grippers: what they are told, when, and how far they say they are open."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.arms.grippers import Gripper, GripperParameters

FRANKA = GripperParameters(
    kind='command',
    command='franka_gripper/gripper_action',
    state='franka_gripper/joint_states',
    closed=0.0,
    open=0.04,
    effort=20.0,
    binary=True,
)
ROBOTIQ = GripperParameters(kind='parallel', command='grip', joint='knuckle', closed=0.8, open=0.0)
openings = st.floats(0, 1)


def told(gripper: Gripper, opening: float) -> Any:
    """Give the one command; None when nothing was sent."""
    outs = gripper.grip(opening)
    assert len(outs) <= 1
    return outs[0].value if outs else None


def test_commands_have_the_form_of_their_kind() -> None:
    assert told(Gripper(GripperParameters()), 0.5) == pytest.approx([0.5])
    joint = told(Gripper(GripperParameters(kind='joint', joint='finger', open=0.1)), 0.5)
    assert joint.names == ('finger',)
    assert joint.positions == pytest.approx([0.05])
    assert told(Gripper(ROBOTIQ), 0.25) == {
        'command': {'name': ['knuckle'], 'position': [pytest.approx(0.6)], 'effort': [10.0]}
    }
    assert told(Gripper(GripperParameters(kind='none')), 0.5) is None


def test_a_franka_hand_counts_one_finger_both_ways() -> None:
    gripper = Gripper(FRANKA)
    assert told(gripper, 1.0) == {'command': {'position': 0.04, 'max_effort': 20.0}}
    fingers = ('fr3_finger_joint1', 'fr3_finger_joint2')
    gripper.hear(Joints(fingers, np.array([0.01, 0.01])))
    assert gripper.opening == pytest.approx(0.25)


@given(st.lists(openings, min_size=1, max_size=30))
def test_only_changes_are_told_and_the_ends_always(wishes: list[float]) -> None:
    gripper, last = Gripper(GripperParameters(hysteresis=0.1)), None
    for wish in wishes:
        command = told(gripper, wish)
        if command is None:
            assert last is not None
            assert abs(wish - last) < 0.1
            assert wish == last or wish not in (0.0, 1.0)
        else:
            last = float(command[0])
            assert last == wish


@given(st.lists(openings, min_size=1, max_size=30))
def test_a_binary_gripper_opens_or_closes_and_does_not_chatter(wishes: list[float]) -> None:
    gripper, last = Gripper(GripperParameters(hysteresis=0.1, binary=True)), None
    for wish in wishes:
        command = told(gripper, wish)
        if command is not None:
            assert command[0] in (0.0, 1.0)
            assert last is None or (wish > 0.6 if command[0] else wish <= 0.4)
            last = command[0]
        elif last is not None:
            assert wish <= 0.6 if last == 0.0 else wish > 0.4


@given(openings, st.sampled_from([FRANKA, ROBOTIQ, GripperParameters()]))
def test_openings_and_positions_agree(opening: float, parameters: GripperParameters) -> None:
    gripper = Gripper(parameters)
    assert gripper.opening_at(gripper.position_at(opening)) == pytest.approx(opening, abs=1e-9)


@pytest.mark.parametrize('binary', [False, True])
def test_nothing_is_told_before_anything_else_is_wished_than_there_is(binary: bool) -> None:
    gripper = Gripper(GripperParameters(binary=binary))
    gripper.hear(Joints(('gripper',), np.array([0.4])))
    assert told(gripper, 0.41) is None, 'a hand that holds something is left alone'
    assert told(gripper, np.nan) is None
    assert told(gripper, 0.2) == pytest.approx([0.0 if binary else 0.2])
    assert told(gripper, 0.4) == (None if binary else pytest.approx([0.4]))


def test_without_a_state_it_is_where_it_was_told_to_be() -> None:
    gripper = Gripper(GripperParameters(state=''))
    assert not gripper.hears
    gripper.grip(0.3)
    assert gripper.opening == 0.3


def test_other_joints_on_its_topic_are_not_its_state() -> None:
    gripper = Gripper(GripperParameters(joint='finger'))
    gripper.hear(Joints(('shoulder',), np.array([0.7])))
    assert gripper.opening == 1.0
    with pytest.raises(ValueError, match='the gripper is at nan'):
        gripper.hear(Joints(('finger',), np.array([np.nan])))


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'kind': 'claw'}, "kind = 'claw'; it must be none, array, joint, command, parallel"),
        ({'command': ''}, 'command is empty'),
        ({'kind': 'joint'}, 'joint is empty'),
        ({'closed': 1.0}, r'closed = open = 1\.0'),
        ({'open': np.nan}, 'open = nan'),
        ({'hysteresis': 0.5}, r'hysteresis = 0\.5'),
        ({'patience': 0.0}, r'patience = 0\.0'),
        ({'effort': np.nan}, 'effort = nan'),
    ],
)
def test_parameters_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GripperParameters(**wrong)
