"""Gamepad, SpaceMouse and twists, as their drivers publish them."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.teleop import deadman, joy, spacenav, twist_stream
from robo_dopamine_ros.teleop.device import ButtonEvent, DeviceReading, InvalidReadingError
from robo_dopamine_ros.teleop.joy import JoyConfig, JoyDevice
from robo_dopamine_ros.teleop.layouts import JoyState
from robo_dopamine_ros.teleop.mapping import AxisMapping, ResponseCurve, SpeedLimits
from robo_dopamine_ros.teleop.spacenav import SpaceMouse, SpaceMouseConfig
from robo_dopamine_ros.teleop.twist_stream import TwistStream, TwistStreamConfig

LIMITS = SpeedLimits(0.1, 0.5)
STRAIGHT = ResponseCurve(0.0, 0.0)


def joy_state(*down: str, **axes: float) -> JoyState:
    """What game_controller_node sends."""
    assert set(down) <= set(joy.BUTTONS)
    return JoyState(
        tuple(axes.get(name, 0.0) for name in joy.AXES),
        tuple(int(name in down) for name in joy.BUTTONS) + (0,) * 6,
    )


def push(device: JoyDevice, *down: str, **axes: float) -> DeviceReading:
    return device.on_message(joy.TOPIC, joy_state(*down, **axes), 0.0)


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
    reading = push(JoyDevice(JoyConfig(), LIMITS), *down, **{axis: 1.0})
    assert reading.twist == pytest.approx(np.array(expected))


def test_the_dead_man_is_a_button_that_is_held() -> None:
    device = JoyDevice(JoyConfig(), LIMITS)
    assert [push(device, *down).held for down in ((), ('LB',), ('LB',), ())] == [0, 1, 1, 0]


def test_a_button_counts_once_as_it_goes_down_and_not_when_it_was_down_before() -> None:
    device = JoyDevice(JoyConfig(), LIMITS)
    assert push(device, 'B').pressed == frozenset()
    assert push(device).pressed == frozenset()
    assert push(device, 'B', 'DPAD_DOWN').pressed == {ButtonEvent.STOP, ButtonEvent.FAILURE}
    assert push(device, 'B', 'Y').pressed == {ButtonEvent.TAKE_OVER}


@pytest.mark.parametrize(
    ('button', 'event'),
    [('BACK', 'rearm'), ('START', 'start'), ('DPAD_UP', 'success')],
)
def test_what_lets_the_arm_move_or_claims_success_must_be_held(button: str, event: str) -> None:
    device = JoyDevice(JoyConfig(), LIMITS)

    def at(now: float, *down: str) -> DeviceReading:
        return device.on_message(joy.TOPIC, joy_state(*down), now)

    at(0.0)
    pressed = at(0.1, button)
    assert (pressed.pressed, pressed.notice) == (frozenset(), f'{event}: keep holding for 0.5 s')
    assert not at(0.4, button).pressed
    early = at(0.5)
    assert (early.pressed, early.notice) == (
        frozenset(),
        f'{event}: let go too early; hold it for 0.5 s',
    )
    at(1.0, button)
    done = at(1.5, button)
    assert (done.pressed, done.notice) == ({ButtonEvent(event)}, '')
    assert not at(2.5, button).pressed, 'once'


def test_hold_to_run_is_the_right_trigger_or_a_button() -> None:
    device = JoyDevice(JoyConfig(), LIMITS)
    assert [push(device, RT=value).enabled for value in (0.0, -0.4, -0.6, -1.0)] == [0, 0, 1, 1]
    config = JoyConfig(axes=('x',), tilted=('x',), scales=(1.0,), buttons=('dead_man', 'enable'))
    assert config.enables
    assert JoyDevice(config, LIMITS).on_message(joy.TOPIC, JoyState((0.0,), (0, 1)), 0.0).enabled
    assert not JoyConfig(buttons=('dead_man',), axes=('x',), tilted=('x',), scales=(1.0,)).enables


def test_an_axis_off_its_rest_is_named_for_both_mappings() -> None:
    device = JoyDevice(JoyConfig(), LIMITS)
    assert push(device, LX=0.05, LT=-1.0, RT=-1.0).off_rest == ''
    assert push(device, RX=1.0).off_rest == 'axis 2 (yaw) reads 1.00'
    only_tilted = JoyConfig(axes=('x', '', '', '', '', ''))
    assert push(JoyDevice(only_tilted, LIMITS), LY=-0.5).off_rest == 'axis 1 (pitch) reads -0.50'


def test_a_driver_must_be_seen_to_repeat() -> None:
    device = JoyDevice(JoyConfig(), LIMITS)

    def at(now: float, *down: str) -> DeviceReading:
        return device.on_message(joy.TOPIC, joy_state(*down), now)

    assert 'has not repeated a message yet' in at(0.0).fault
    assert 'has not repeated' in at(0.1, 'LB').fault
    assert device.lost(0.2) == ''
    assert 'autorepeat_rate:=20.0' in device.lost(0.31), 'it fell silent without a repetition'
    assert 'autorepeat_rate:=20.0' in at(0.5).fault
    assert 'autorepeat_rate:=20.0' in at(0.55).fault
    assert at(0.6).fault == ''
    assert device.lost(2.0) == '', 'a driver that repeats, and then dies, is not one without'


def test_sticks_that_read_exactly_the_same_for_long_are_in_nobodys_hand() -> None:
    device = JoyDevice(JoyConfig(max_constant=3.0, max_unchanged=20.0), LIMITS)
    moving = [now for now in np.arange(0.0, 10.0, 0.05)]
    for now in moving:
        device.on_message(joy.TOPIC, joy_state('LB', LY=0.5 + 0.001 * np.sin(now)), now)
        assert device.lost(now) == ''
    for now in np.arange(10.0, 12.9, 0.05):
        device.on_message(joy.TOPIC, joy_state('LB', LY=0.5), now)
        assert device.lost(now) == ''
    assert device.lost(13.1) == 'the sticks read exactly the same for 3 s'
    for now in np.arange(20.0, 39.9, 0.05):
        device.on_message(joy.TOPIC, joy_state(RT=-1.0), now)
        assert device.lost(now) == ''
    assert device.lost(40.1) == 'held, but nothing has changed for 20 s'


def test_a_trigger_may_be_the_gripper() -> None:
    device = JoyDevice(JoyConfig(axes=('y', 'x', 'yaw', 'z', '', 'squeeze')), LIMITS)
    assert [push(device, RT=value).opening for value in (0.0, -0.25, -1.0)] == [1.0, 0.75, 0.0]
    between = AxisMapping(('-opening',), (1.0,))
    assert between.opening(np.array([1.0])) == 0.0
    assert push(JoyDevice(JoyConfig(), LIMITS), RT=-1.0).opening is None


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        (JoyState((0.0,) * 3, (0,) * 21), 'joy axes: 3 values; there must be 4 or more'),
        (JoyState((0.0,) * 6, (0,) * 11), 'joy: 11 buttons; there must be 15 or more'),
        (JoyState((0.0, math.nan, 0.0, 0.0), (0,) * 15), 'joy axes: .*nan.*finite number'),
    ],
)
def test_messages_of_another_device_are_refused(wrong: JoyState, text: str) -> None:
    with pytest.raises(InvalidReadingError, match=text):
        JoyDevice(JoyConfig(), LIMITS).on_message(joy.TOPIC, wrong, 0.0)


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        ({'axes': ('x', 'x', '', '', '', '')}, 'axes: x stands 2 times; once is right'),
        ({'axes': ('x', 'up', '', '', '', '')}, "axes: 'up'; it must be one of x, y"),
        ({'buttons': ('stop',)}, r"buttons = \('stop',\); one of them must be dead_man"),
        ({'scales': (1.0, 2.0)}, r'scales = .*; it must be 6 shares'),
        ({'tilted': ('x',)}, r'tilted = .* as long as axes'),
        ({'timeout': 0.0}, 'timeout = 0.0 s; it must be above 0'),
    ],
)
def test_a_map_that_cannot_be_is_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        JoyConfig(**wrong)


twists = st.lists(st.floats(-1, 1), min_size=6, max_size=6).map(np.array)


@given(twists, st.builds(ResponseCurve, dead_zone=st.floats(0, 0.3), expo=st.floats(0, 1)))
def test_the_inverse_mapping_gives_the_twist_requested(
    shares: np.ndarray, curve: ResponseCurve
) -> None:
    config = JoyConfig(
        axes=('-y', 'x', 'yaw', 'z', '', ''), scales=(0.5, 1, 1, 0.8, 1, 1), curve=curve
    )
    shares[3:5] = 0  # roll and pitch have no axis
    shares *= 0.5 / max(1.0, float(np.linalg.norm(shares[:3])))
    twist = np.append(shares[:3] * LIMITS.speed, shares[3:] * LIMITS.angular_speed)
    reading = JoyDevice(config, LIMITS).on_message(
        joy.TOPIC, joy.joy_for_twist(config, LIMITS, twist, {'stop'}), 0.0
    )
    assert reading.twist == pytest.approx(twist, abs=2e-3)
    assert not reading.held


def cap(device: SpaceMouse, now: float, axes: tuple[float, ...], *buttons: int) -> DeviceReading:
    return device.on_message(spacenav.TOPIC, JoyState(axes, buttons), now)


NOTHING = (0.0,) * 6
FORWARD = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_a_spacemouse_without_news_stands_still() -> None:
    device = SpaceMouse(SpaceMouseConfig(curve=STRAIGHT), LIMITS)
    assert device.timeout == math.inf
    assert device.poll(0.0) is None, 'it never spoke'
    cap(device, 1.0, FORWARD, 0, 1)
    soon, later = device.poll(1.1), cap(device, 1.2, FORWARD, 0, 1)
    assert soon is not None
    assert (soon.held, later.held) == (True, True)
    assert soon.twist == pytest.approx(np.array(FORWARD) * 0.1)
    assert not np.any(later.twist)


def test_a_cap_that_stays_deflected_is_lost_whether_its_driver_repeats_it_or_not() -> None:
    device = SpaceMouse(SpaceMouseConfig(), LIMITS)
    cap(device, 1.0, FORWARD, 0, 1)
    assert device.lost(1.29) == ''
    assert 'deflected, but nothing new was reported for 0.3 s' in device.lost(1.31)
    cap(device, 1.2, FORWARD, 0, 1)
    assert 'may be unplugged' in device.lost(1.31)
    cap(device, 1.4, NOTHING, 0, 0)
    cap(device, 1.41, FORWARD)
    assert device.lost(1.5) == ''


def test_a_cap_that_comes_to_rest_in_one_step_is_lost() -> None:
    device = SpaceMouse(SpaceMouseConfig(), LIMITS)
    cap(device, 1.0, FORWARD, 0, 1)
    for now in np.arange(1.03, 1.3, 0.03):
        assert cap(device, now, NOTHING, 0, 1).held
        assert device.lost(now) == ''
    assert 'went to rest in one step' in device.lost(1.34)
    for now in np.arange(2.0, 2.6, 0.03):
        cap(device, now, NOTHING, 0, 0)
        assert device.lost(now) == '', 'a button that changed proves that it is there'
    assert 'spacenav/joy is silent' in device.lost(3.0), 'its driver never was'


def test_a_cap_that_springs_back_is_there_but_not_for_ever_with_the_dead_man_held() -> None:
    device = SpaceMouse(SpaceMouseConfig(), LIMITS)
    for now, deflection in ((1.0, 1.0), (1.01, 0.5), (1.02, 0.1), (1.03, 0.0)):
        cap(device, now, (deflection, *NOTHING[1:]), 0, 1)
    assert device.lost(2.0) == ''
    assert 'the dead-man is held at rest' in device.lost(2.04)
    cap(device, 3.0, NOTHING, 0, 0)
    assert device.lost(99.0) == '', 'nobody holds anything'


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        ({'report_timeout': 0.1}, 'each as long as the one before or longer'),
        ({'buttons': ('enable', 'dead_man')}, 'reports the same as an unplugged one'),
    ],
)
def test_a_spacemouse_that_cannot_be_is_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SpaceMouseConfig(**wrong)


def test_buttons_a_spacemouse_does_not_name_are_as_they_were() -> None:
    device = SpaceMouse(SpaceMouseConfig(), LIMITS)
    assert not cap(device, 0.0, NOTHING).held
    assert cap(device, 0.1, NOTHING, 0, 1).held
    assert cap(device, 0.2, FORWARD).held
    gripper = cap(device, 0.3, NOTHING, 1)
    assert (gripper.held, gripper.pressed) == (True, {ButtonEvent.GRIPPER})
    assert not cap(device, 0.4, NOTHING, 0, 0).held


def test_a_button_of_a_spacemouse_that_rearms_must_be_held_as_well() -> None:
    device = SpaceMouse(SpaceMouseConfig(buttons=('rearm', 'dead_man')), LIMITS)
    cap(device, 0.0, NOTHING)
    assert not cap(device, 0.1, NOTHING, 1).pressed
    early, held = device.poll(0.5), device.poll(0.61)
    assert early is not None
    assert held is not None
    assert (early.pressed, held.pressed) == (frozenset(), {ButtonEvent.REARM})


def test_pushing_the_cap_may_be_the_dead_man() -> None:
    device = SpaceMouse(SpaceMouseConfig(dead_man='motion'), LIMITS)
    assert cap(device, 0.0, FORWARD).held
    assert cap(device, 0.01, (0.1, *NOTHING[1:])).held
    assert not cap(device, 0.02, NOTHING).held
    assert device.lost(9.0) == ''
    cap(device, 10.0, FORWARD)
    assert cap(device, 10.03, NOTHING).held, 'until it is known that nobody let go'
    assert 'went to rest in one step' in device.lost(10.4)


def test_a_twist_counts_only_while_the_dead_mans_topic_speaks() -> None:
    device = TwistStream(TwistStreamConfig(scale=0.5), LIMITS)
    requested = np.array([0.1, 0, 0, 0, 0, 0.2])
    assert device.on_message(twist_stream.TOPIC, requested, 0.0).twist is None, 'no dead-man known'
    pressed = device.on_message(joy.TOPIC, joy_state('LB'), 0.1)
    assert (pressed.held, pressed.twist) == (True, None)
    assert device.on_message(twist_stream.TOPIC, requested, 0.2).twist == pytest.approx(
        [0.05, 0, 0, 0, 0, 0.2]
    )
    assert device.on_message(twist_stream.TOPIC, requested, 0.5).twist is None, (
        'the gamepad is silent'
    )
    device.on_message(joy.TOPIC, joy_state(), 0.6)
    assert not device.on_message(twist_stream.TOPIC, requested, 0.6).held


def test_a_dead_man_on_joy_may_enable_and_must_be_seen_to_repeat() -> None:
    names = ('enable', *joy.DEFAULT_BUTTONS[1:])
    config = TwistStreamConfig(dead_man=deadman.DeadManConfig(buttons=names))
    device = TwistStream(config, LIMITS)
    first = device.on_message(joy.TOPIC, joy_state('A', 'LB'), 0.0)
    assert (first.enabled, first.held) == (True, True)
    assert 'has not repeated' in first.fault
    assert 'autorepeat_rate' in device.lost(1.0)


def test_a_twist_is_never_faster_than_the_limits() -> None:
    device = TwistStream(
        TwistStreamConfig(dead_man=deadman.DeadManConfig(topic=deadman.BOOL_TOPIC, timeout=0.0)),
        LIMITS,
    )
    device.on_message(deadman.BOOL_TOPIC, True, 0.0)
    reading = device.on_message(twist_stream.TOPIC, np.array([3.0, 4.0, 0, 0, 0, -9.0]), 99.0)
    assert reading.twist == pytest.approx([0.06, 0.08, 0, 0, 0, -0.5])


@pytest.mark.parametrize('wrong', [np.full(6, math.nan), np.zeros(5)])
def test_what_is_no_twist_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InvalidReadingError, match='teleop/twist'):
        TwistStream(TwistStreamConfig(), LIMITS).on_message(twist_stream.TOPIC, wrong, 0.0)
