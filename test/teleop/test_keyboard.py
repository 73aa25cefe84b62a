"""The keyboard: keys that repeat move, keys that are held press once."""

import numpy as np
import pytest

from robo_dopamine_ros.teleop.device import ButtonEvent, DeviceReading
from robo_dopamine_ros.teleop.keyboard import (
    EVENT_KEYS,
    KEYS,
    MOTION_KEYS,
    Keyboard,
    KeyboardConfig,
    key_table,
)
from robo_dopamine_ros.teleop.mapping import MOTIONS, SpeedLimits


@pytest.fixture
def keyboard() -> Keyboard:
    return Keyboard(KeyboardConfig(), SpeedLimits(0.1, 0.5))


def typed(keyboard: Keyboard, keys: str, now: float) -> DeviceReading:
    return keyboard.on_message(KEYS, keys, now)


def test_a_key_moves_while_it_repeats(keyboard: Keyboard) -> None:
    assert not keyboard.poll(0.0).held
    assert typed(keyboard, 'w', 1.0).held
    assert keyboard.poll(1.1).twist == pytest.approx([0.1, 0, 0, 0, 0, 0])
    assert not keyboard.poll(1.2).held
    assert not np.any(keyboard.poll(1.2).twist)


def test_every_motion_has_a_key_each_way(keyboard: Keyboard) -> None:
    assert set(MOTION_KEYS.values()) == {sign + motion for motion in MOTIONS for sign in ('', '-')}
    assert not set(MOTION_KEYS) & set(EVENT_KEYS)
    for now, (key, motion) in enumerate(MOTION_KEYS.items()):
        twist = typed(keyboard, key, float(now)).twist
        assert twist is not None
        (axis,) = np.flatnonzero(twist)
        assert motion == ('-' if twist[axis] < 0 else '') + MOTIONS[axis]


def test_the_newest_key_counts(keyboard: Keyboard) -> None:
    assert typed(keyboard, 'wwwd', 0.0).twist == pytest.approx([0, -0.1, 0, 0, 0, 0])
    assert typed(keyboard, '\x1b[A', 0.05).twist == pytest.approx([0.1, 0, 0, 0, 0, 0])


def test_a_key_that_is_held_presses_once(keyboard: Keyboard) -> None:
    times = [0.0, 0.5, 0.53, 0.56, 2.0]
    pressed = [ButtonEvent.TAKE_OVER in typed(keyboard, 't', now).pressed for now in times]
    assert pressed == [True, False, False, False, True]
    assert all(ButtonEvent.FASTER in typed(keyboard, '+', now).pressed for now in (3.0, 3.1, 3.2))


@pytest.mark.parametrize(
    ('key', 'event'),
    [('\n', ButtonEvent.START), ('1', ButtonEvent.SUCCESS), ('Z', ButtonEvent.REARM)],
)
def test_a_key_that_must_be_held_does_nothing_when_it_is_tapped(
    keyboard: Keyboard, key: str, event: ButtonEvent
) -> None:
    assert not typed(keyboard, key, 0.0).pressed
    assert keyboard.poll(0.1).notice == f'{event.value}: keep holding for 0.5 s'
    assert not typed(keyboard, key, 2.0).pressed, 'another tap'
    times = [2.3, 2.45, 2.51, 2.6, 3.2]
    pressed = [event in typed(keyboard, key, now).pressed for now in times]
    assert pressed == [False, False, True, False, False]
    assert keyboard.poll(3.2).notice == ''


def test_hold_to_run_is_a_key_that_repeats(keyboard: Keyboard) -> None:
    assert not keyboard.poll(0.0).enabled
    assert typed(keyboard, 'h', 1.0).enabled
    assert not keyboard.poll(1.0).held, 'it is not the dead-man'
    assert not keyboard.poll(1.2).enabled


def test_the_gripper_key_holds_the_dead_man_without_motion(keyboard: Keyboard) -> None:
    reading = typed(keyboard, 'g', 0.0)
    assert (reading.held, reading.pressed) == (True, {ButtonEvent.GRIPPER})
    assert not np.any(reading.twist)
    assert not typed(keyboard, '?', 1.0).held


def test_people_can_read_every_key() -> None:
    shown = ' '.join(key for key, _ in key_table())
    assert all(key in shown for key in MOTION_KEYS)
    assert len(key_table()) == len(MOTION_KEYS) // 2 + 1 + len(EVENT_KEYS)
