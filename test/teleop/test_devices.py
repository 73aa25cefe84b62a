"""Gamepad, SpaceMouse and twists, as their drivers tell of them."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.teleop import clutch, joy, spacenav, twist
from robo_dopamine_ros.teleop.curve import Curve
from robo_dopamine_ros.teleop.joy import Joy, JoyMap, Panel
from robo_dopamine_ros.teleop.layout import Axes
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.teleop.reading import BadReadingError, Press, Reading
from robo_dopamine_ros.teleop.spacenav import SpaceMap, SpaceNav
from robo_dopamine_ros.teleop.twist import Twist, TwistMap

PACE = Pace(0.1, 0.5)
STRAIGHT = Curve(0.0, 0.0)


def panel(*down: str, **axes: float) -> Panel:
    """What game_controller_node sends."""
    assert set(down) <= set(joy.BUTTONS)
    return Panel(
        tuple(axes.get(name, 0.0) for name in joy.AXES),
        tuple(int(name in down) for name in joy.BUTTONS) + (0,) * 6,
    )


def push(device: Joy, *down: str, **axes: float) -> Reading:
    return device.hear(joy.TOPIC, panel(*down, **axes), 0.0)


@pytest.mark.parametrize(
    ('axis', 'down', 'expected'),
    [
        ('LY', (), [0.1, 0, 0, 0, 0, 0]),
        ('LX', (), [0, 0.1, 0, 0, 0, 0]),
        ('RY', (), [0, 0, 0.1, 0, 0, 0]),
        ('RX', (), [0, 0, 0, 0, 0, 0.5]),
        ('LX', ('X',), [0, 0, 0, -0.5, 0, 0]),
        ('LY', ('X',), [0, 0, 0, 0, 0.5, 0]),
        ('LT', (), [0, 0, 0, 0, 0, 0]),
    ],
)
def test_sticks_move_along_their_axes(
    axis: str, down: tuple[str, ...], expected: list[float]
) -> None:
    reading = push(Joy(JoyMap(), PACE), *down, **{axis: 1.0})
    assert reading.twist == pytest.approx(np.array(expected))


def test_the_dead_man_is_a_button_that_is_held() -> None:
    device = Joy(JoyMap(), PACE)
    assert [push(device, *down).held for down in ((), ('LB',), ('LB',), ())] == [0, 1, 1, 0]


def test_a_button_counts_once_as_it_goes_down_and_not_when_it_was_down_before() -> None:
    device = Joy(JoyMap(), PACE)
    assert push(device, 'B').pressed == frozenset()
    assert push(device).pressed == frozenset()
    assert push(device, 'B', 'DPAD_UP').pressed == {Press.STOP, Press.SUCCESS}
    assert push(device, 'B', 'Y').pressed == {Press.TAKE_OVER}


def test_a_trigger_may_be_the_gripper() -> None:
    device = Joy(JoyMap(axes=('y', 'x', 'yaw', 'z', '', 'squeeze')), PACE)
    assert [push(device, RT=value).opening for value in (0.0, -0.25, -1.0)] == [1.0, 0.75, 0.0]
    between = Axes(('-opening',), (1.0,))
    assert between.opening(np.array([1.0])) == 0.0
    assert push(Joy(JoyMap(), PACE), RT=-1.0).opening is None


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        (Panel((0.0,) * 3, (0,) * 21), 'joy axes: 3 values; there must be 4 or more'),
        (Panel((0.0,) * 6, (0,) * 11), 'joy: 11 buttons; there must be 15 or more'),
        (Panel((0.0, math.nan, 0.0, 0.0), (0,) * 15), 'joy axes: .*nan.*finite number'),
    ],
)
def test_messages_of_another_device_are_refused(wrong: Panel, text: str) -> None:
    with pytest.raises(BadReadingError, match=text):
        Joy(JoyMap(), PACE).hear(joy.TOPIC, wrong, 0.0)


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        ({'axes': ('x', 'x', '', '', '', '')}, 'axes: x stands 2 times; once is right'),
        ({'axes': ('x', 'up', '', '', '', '')}, "axes: 'up'; it must be one of x, y"),
        ({'buttons': ('stop',)}, r"buttons = \('stop',\); one of them must be dead_man"),
        ({'scales': (1.0, 2.0)}, r'scales = .*; it must be 6 shares'),
        ({'tilted': ('x',)}, r'tilted = .* as long as axes'),
        ({'silence': 0.0}, 'silence = 0.0 s; it must be above 0'),
    ],
)
def test_a_map_that_cannot_be_is_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        JoyMap(**wrong)


twists = st.lists(st.floats(-1, 1), min_size=6, max_size=6).map(np.array)


@given(twists, st.builds(Curve, dead_zone=st.floats(0, 0.3), expo=st.floats(0, 1)))
def test_a_practised_person_gets_the_twist_they_want(shares: np.ndarray, curve: Curve) -> None:
    layout = JoyMap(
        axes=('-y', 'x', 'yaw', 'z', '', ''), scales=(0.5, 1, 1, 0.8, 1, 1), curve=curve
    )
    shares[3:5] = 0  # roll and pitch have no axis
    shares *= 0.5 / max(1.0, float(np.linalg.norm(shares[:3])))
    twist = np.append(shares[:3] * PACE.speed, shares[3:] * PACE.turning)
    reading = Joy(layout, PACE).hear(joy.TOPIC, joy.practised(layout, PACE, twist, {'stop'}), 0.0)
    assert reading.twist == pytest.approx(twist, abs=2e-3)
    assert not reading.held


def cap(device: SpaceNav, now: float, axes: tuple[float, ...], *buttons: int) -> Reading:
    return device.hear(spacenav.TOPIC, Panel(axes, buttons), now)


NOTHING = (0.0,) * 6
FORWARD = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_a_silent_spacemouse_stands_still_and_stays_alive() -> None:
    device = SpaceNav(SpaceMap(curve=STRAIGHT), PACE)
    assert device.silence == math.inf
    assert device.look(0.0) is None, 'it never spoke'
    cap(device, 1.0, FORWARD, 0, 1)
    soon, later = device.look(1.1), device.look(2.0)
    assert soon is not None
    assert later is not None
    assert (soon.held, later.held) == (True, True)
    assert soon.twist == pytest.approx(np.array(FORWARD) * 0.1)
    assert not np.any(later.twist)


def test_buttons_a_spacemouse_does_not_name_are_as_they_were() -> None:
    device = SpaceNav(SpaceMap(), PACE)
    assert not cap(device, 0.0, NOTHING).held
    assert cap(device, 0.1, NOTHING, 0, 1).held
    assert cap(device, 0.2, FORWARD).held
    gripper = cap(device, 0.3, NOTHING, 1)
    assert (gripper.held, gripper.pressed) == (True, {Press.GRIPPER})
    assert not cap(device, 0.4, NOTHING, 0, 0).held


def test_pushing_the_cap_may_be_the_dead_man() -> None:
    device = SpaceNav(SpaceMap(dead_man='motion'), PACE)
    assert cap(device, 0.0, FORWARD).held
    assert not cap(device, 0.1, NOTHING).held
    cap(device, 0.2, FORWARD)
    still = device.look(1.0)
    assert still is not None
    assert not still.held, 'silence is letting go'


def test_a_twist_counts_only_while_the_dead_mans_topic_speaks() -> None:
    device = Twist(TwistMap(scale=0.5), PACE)
    wish = np.array([0.1, 0, 0, 0, 0, 0.2])
    assert device.hear(twist.TOPIC, wish, 0.0).twist is None, 'no dead-man known'
    pressed = device.hear(joy.TOPIC, panel('LB'), 0.1)
    assert (pressed.held, pressed.twist) == (True, None)
    assert device.hear(twist.TOPIC, wish, 0.2).twist == pytest.approx([0.05, 0, 0, 0, 0, 0.2])
    assert device.hear(twist.TOPIC, wish, 0.5).twist is None, 'the gamepad is silent'
    device.hear(joy.TOPIC, panel(), 0.6)
    assert not device.hear(twist.TOPIC, wish, 0.6).held


def test_a_twist_is_never_faster_than_the_pace() -> None:
    device = Twist(TwistMap(clutch=clutch.ClutchMap(topic=clutch.FLAG, silence=0.0)), PACE)
    device.hear(clutch.FLAG, True, 0.0)
    reading = device.hear(twist.TOPIC, np.array([3.0, 4.0, 0, 0, 0, -9.0]), 99.0)
    assert reading.twist == pytest.approx([0.06, 0.08, 0, 0, 0, -0.5])


@pytest.mark.parametrize('wrong', [np.full(6, math.nan), np.zeros(5)])
def test_what_is_no_twist_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(BadReadingError, match='teleop/twist'):
        Twist(TwistMap(), PACE).hear(twist.TOPIC, wrong, 0.0)
