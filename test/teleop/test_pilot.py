"""From readings to wishes: who is silent, who let go, and what the gripper is told."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.teleop.pilot import LET_GO, RELEASED, SILENT, Motion, Pilot, Seen
from robo_dopamine_ros.teleop.reading import Press, Reading
from robo_dopamine_ros.types import Action

X = np.array([0.1, 0, 0, 0, 0, 0])
LOOSE = Reading(held=False)
OPEN = Seen(gripper=1.0)


def driving(motion: Motion | None = None, silence: float = 0.2) -> Pilot:
    """A pilot who has seen the dead-man released."""
    pilot = Pilot(motion or Motion(pace=Pace(0.2, 1.0)), silence)
    pilot.hear(LOOSE, OPEN, 0, 0.0)
    return pilot


def wish(pilot: Pilot, reading: Reading, seen: Seen | None = None, now: float = 0.0) -> Action:
    action = pilot.hear(reading, seen or OPEN, 7, now)
    assert action is not None
    return action


def test_a_wish_carries_motion_stamp_and_pace() -> None:
    action = wish(driving(), Reading(True, X))
    assert (action.valid, action.stamp, action.reason) == (True, 7, '')
    assert action.twist == pytest.approx(X)


@given(
    st.lists(st.floats(-5, 5), min_size=6, max_size=6),
    st.lists(st.sampled_from([Press.FASTER, Press.SLOWER]), max_size=8),
)
def test_no_wish_is_faster_than_the_pace(twist: list[float], steps: list[Press]) -> None:
    pilot = driving()
    for step in steps:
        wish(pilot, Reading(False, pressed=frozenset({step})))
    assert 0 < pilot.factor <= 1
    action = wish(pilot, Reading(True, np.array(twist)))
    assert np.linalg.norm(action.twist[:3]) <= 0.2 * pilot.factor * (1 + 1e-9)
    assert np.linalg.norm(action.twist[3:]) <= 1.0 * pilot.factor * (1 + 1e-9)


def test_letting_go_is_announced_and_moves_nothing() -> None:
    action = wish(driving(), Reading(False, X))
    assert (action.valid, action.reason) == (False, RELEASED)
    assert not action.twist.any()


def test_a_dead_man_that_was_never_seen_released_does_not_count() -> None:
    pilot = Pilot(Motion(), 0.2)
    action = wish(pilot, Reading(True, X))
    assert (action.valid, action.reason) == (False, LET_GO)
    wish(pilot, LOOSE)
    assert wish(pilot, Reading(True, X)).valid


def test_nothing_is_wished_of_a_gate_that_is_silent() -> None:
    action = wish(driving(), Reading(True, X), Seen())
    assert (action.valid, action.reason) == (False, SILENT)


def test_a_device_that_dies_with_the_dead_man_held_is_named_and_must_be_let_go() -> None:
    pilot = driving()
    wish(pilot, Reading(True, X), now=1.0)
    assert not pilot.check(1.2)
    assert pilot.check(1.21)
    assert pilot.dead == 'silent for more than 0.2 s while the dead-man was held'
    assert not pilot.check(1.3), 'said once'
    assert wish(pilot, Reading(True, X), now=2.0).reason == LET_GO
    assert pilot.dead == ''
    wish(pilot, LOOSE, now=2.1)
    assert wish(pilot, Reading(True, X), now=2.2).valid


def test_buttons_alone_do_not_keep_a_device_alive() -> None:
    pilot = driving()
    assert pilot.hear(Reading(True, None), OPEN, 0, 0.19) is None
    assert pilot.check(0.21)


def test_a_device_that_never_spoke_is_not_dead_and_one_that_may_be_silent_never_is() -> None:
    assert not Pilot(Motion(), 0.2).check(99.0)
    assert not driving(silence=math.inf).check(99.0)


@given(st.floats(-3, 3), st.lists(st.floats(-0.1, 0.1), min_size=6, max_size=6))
def test_forward_is_where_the_person_looks(facing: float, twist: list[float]) -> None:
    turn = Rotation.from_rotvec([0, 0, facing])
    motion = Motion(facing=facing, pace=Pace(0.2, 1.0))
    action = wish(driving(motion), Reading(True, np.array(twist)))
    assert action.twist[:3] == pytest.approx(turn.apply(twist[:3]), abs=1e-9)
    assert action.twist[3:] == pytest.approx(turn.apply(twist[3:]), abs=1e-9)


def test_in_the_frame_of_the_tool_its_orientation_must_be_known() -> None:
    motion = Motion(frame='tool', pace=Pace(0.2, 1.0))
    down = Seen(np.array([1.0, 0, 0, 0]), 1.0)  # half a turn about x: z points down
    ahead = Reading(True, np.array([0, 0, 0.1, 0, 0, 0.5]))
    assert wish(driving(motion), ahead, down).twist == pytest.approx([0, 0, -0.1, 0, 0, -0.5])
    blind = wish(driving(motion), ahead)
    assert (blind.valid, blind.reason) == (
        False,
        'no arm/state: the frame of the tool is not known',
    )


TOGGLE = Reading(True, X, frozenset({Press.GRIPPER}))


def test_the_gripper_stays_as_it_is_until_its_button_is_pressed() -> None:
    pilot, closed = driving(), Seen(gripper=0.0)
    assert wish(pilot, Reading(True, X), closed).gripper == 0.0
    assert wish(pilot, TOGGLE, closed).gripper == 1.0
    assert wish(pilot, Reading(True, X), closed).gripper == 1.0, 'until the gate has heard'
    assert wish(pilot, TOGGLE, closed).gripper == 0.0
    wish(pilot, Reading(False, pressed=frozenset({Press.GRIPPER})), closed)
    assert wish(pilot, Reading(True, X), closed).gripper == 0.0, 'the dead-man was not held'
    assert wish(pilot, Reading(True, X), Seen(gripper=0.3)).gripper == 0.3


def test_a_trigger_at_rest_does_not_open_what_is_closed() -> None:
    pilot, closed = driving(), Seen(gripper=0.0)

    def squeezed(opening: float, *pressed: Press) -> float:
        reading = Reading(True, X, frozenset(pressed), opening)
        return wish(pilot, reading, closed).gripper

    assert [squeezed(opening) for opening in (1.0, 0.98, 0.6, 0.98, 0.0)] == [0, 0, 0.6, 0.98, 0]
    assert squeezed(0.0, Press.GRIPPER) == 1.0
    assert squeezed(0.02) == 1.0, 'the button was touched last'


@pytest.mark.parametrize(
    'wrong', [{'frame': 'camera'}, {'facing': math.nan}, {'factor': 0.0}, {'factor': 2.0}]
)
def test_motion_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Motion(**wrong)
