"""Gamepads whose order of axes and buttons is known by name, and drivers that can be relied on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.teleop import joy
from robo_dopamine_ros.teleop.device import InvalidReadingError
from robo_dopamine_ros.teleop.joy import JoyConfig, JoyDevice
from robo_dopamine_ros.teleop.joy_driver import JoyDriver, choose_layout
from robo_dopamine_ros.teleop.layouts import AUTO, LAYOUTS, RAW, JoyState, known_layout
from robo_dopamine_ros.teleop.mapping import SpeedLimits

XBOX = JoyState((0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0), (0,) * 15)  # over Bluetooth, untouched
SONY = JoyState((0.0,) * 8, (0,) * 13)
GAME = JoyState((0.0,) * 6, (0,) * 21)


def driver(node: str, device: str = '') -> JoyDriver:
    return JoyDriver(node, device, 20.0, False)


def test_a_gamepad_of_another_order_is_not_read_as_ours() -> None:
    """15 buttons and more than 6 axes: by its counts it would pass."""
    with pytest.raises(InvalidReadingError, match='8 axes and 15 buttons: their order'):
        choose_layout(AUTO, False, driver('/joy_node'), XBOX)


def test_read_in_the_wrong_order_it_never_drives() -> None:
    reading = JoyDevice(JoyConfig(), SpeedLimits()).on_message(joy.TOPIC, XBOX, 0.0)
    assert reading.off_rest == 'axis 2 (yaw) reads 1.00'


@pytest.mark.parametrize(
    ('given', 'custom', 'node', 'device', 'state', 'layout'),
    [
        (AUTO, False, '/game_controller_node', '', GAME, RAW),
        (AUTO, False, '/joy_node', 'Xbox Wireless Controller', XBOX, 'xbox_bluetooth'),
        (
            AUTO,
            False,
            '/joy_node',
            'Sony DualSense',
            JoyState((0.0,) * 8, (0,) * 13),
            'playstation',
        ),
        (AUTO, False, '/joy_node', 'X-Box One pad', JoyState((0.0,) * 8, (0,) * 11), 'xbox'),
        (AUTO, True, '/joy_node', '', XBOX, RAW),
        (AUTO, True, '/joy_node', 'Xbox Wireless Controller', XBOX, RAW),
        (RAW, False, '/joy_node', '', XBOX, RAW),
        ('xbox_bluetooth', False, '/joy_node', '', XBOX, 'xbox_bluetooth'),
    ],
)
def test_an_order_is_known_by_name_or_given(
    given: str, custom: bool, node: str, device: str, state: JoyState, layout: str
) -> None:
    assert choose_layout(given, custom, driver(node, device), state) == layout


def test_triggers_at_rest_tell_two_orders_of_one_gamepad_apart() -> None:
    hid = JoyState((0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0), (0,) * 15)
    name = 'Xbox Wireless Controller'
    assert choose_layout(AUTO, False, driver('/joy_node', name), hid) == 'xbox_bluetooth_hid'
    untouched = JoyState((0.0,) * 8, (0,) * 15)
    with pytest.raises(InvalidReadingError, match='pull both triggers once'):
        choose_layout(AUTO, False, driver('/joy_node', name), untouched)


def test_a_layout_of_other_counts_is_refused() -> None:
    with pytest.raises(InvalidReadingError, match='8 axes and 15 buttons; layout xbox has 8 axes'):
        choose_layout('xbox', False, driver('/joy_node'), XBOX)


def test_any_other_program_publishes_in_the_documented_order() -> None:
    assert choose_layout(AUTO, False, JoyDriver('/scripted_operator'), GAME) == RAW


@given(st.sampled_from(LAYOUTS), st.sampled_from(joy.BUTTONS))
def test_every_layout_gives_the_standard_order(kind: object, button: str) -> None:
    layout = known_layout(getattr(kind, 'name'))  # noqa: B009 (a Layout)
    assert layout is not None
    axes, buttons = [0.0] * layout.counts[0], [0] * layout.counts[1]
    for index in layout.axes[4:]:
        axes[index] = 1.0
    place = joy.BUTTONS.index(button)
    if place < len(layout.buttons):
        buttons[layout.buttons[place]] = 1
    else:
        axis, value = [(1, 1.0), (1, -1.0), (0, 1.0), (0, -1.0)][place - len(layout.buttons)]
        axes[layout.pad[axis]] = value
    standard = layout.to_standard('joy', JoyState(tuple(axes), tuple(buttons)))
    assert standard.axes == (0.0,) * 6, 'untouched'
    assert [joy.BUTTONS[i] for i, down in enumerate(standard.buttons) if down] == [button]


@pytest.mark.parametrize(
    ('one', 'text'),
    [
        (JoyDriver('/joy_node', '', 0.0), 'autorepeat_rate = 0 Hz; it must be 10 or more'),
        (JoyDriver('/joy_node', '', 5.0), 'autorepeat_rate = 5 Hz'),
        (JoyDriver('/joy_node', '', 20.0, True), 'sticky_buttons = true; it must be false'),
        (JoyDriver('/joy_node', '', 20.0), ''),
        (JoyDriver('/a_program'), ''),
    ],
)
def test_a_driver_is_refused_for_its_parameters(one: JoyDriver, text: str) -> None:
    fault = one.fault(timeout=0.2)
    assert text in fault
    assert bool(text) == bool(fault)
