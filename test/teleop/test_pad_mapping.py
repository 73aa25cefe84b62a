"""A gamepad is mapped by touching one control after another."""

from robo_dopamine_ros.teleop.joy import JoyConfig
from robo_dopamine_ros.teleop.layouts import JoyState
from robo_dopamine_ros.teleop.pad_mapping import ASKED, PadMapping

REST = JoyState((0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0), (0,) * 15)


def state(button: int | None = None, **axes: float) -> JoyState:
    values, buttons = list(REST.axes), list(REST.buttons)
    for name, value in axes.items():
        values[int(name[1:])] = value
    if button is not None:
        buttons[button] = 1
    return JoyState(tuple(values), tuple(buttons))


def touch(mapping: PadMapping, *states: JoyState) -> None:
    for one in (*states, REST, REST):
        mapping.on_state(one)


def test_every_function_is_asked_for_and_becomes_parameters_that_are_valid() -> None:
    mapping = PadMapping(REST)
    touch(mapping, state(a1=0.3), state(a1=1.0))
    touch(mapping, state(a0=1.0))
    touch(mapping, state(a4=-1.0))
    touch(mapping, state(a3=1.0))
    touch(mapping, state(6))
    touch(mapping, state(a5=-1.0))
    for button in (1, 7, 0, 4, 10, 11, 13, 14, 3):
        touch(mapping, state(button))
    assert mapping.function == ''
    assert list(mapping.chosen) == [name for name, _ in ASKED]
    config = JoyConfig(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in mapping.parameters().items()}
    )
    assert config.axes == ('y', 'x', '', 'yaw', '-z', 'enable', '', '')
    assert config.tilted == ('-roll', 'pitch', '', 'yaw', '-z', '', '', '')
    assert (config.buttons[6], config.buttons[1], config.buttons[10]) == (
        'dead_man',
        'stop',
        'rearm',
    )
    assert config.layout == 'raw'


def test_a_control_that_cannot_be_is_not_taken_and_said() -> None:
    mapping = PadMapping(REST)
    touch(mapping, state(3))
    assert mapping.note == 'button 3; it must be an axis'
    touch(mapping, state(a0=1.0, a1=1.0))
    assert mapping.note == 'touch one control at a time'
    touch(mapping, state(a1=1.0))
    touch(mapping, state(a1=1.0))
    assert mapping.note == 'axis 1, positive is x already'
    assert mapping.function == 'y'
    for _ in ('y', 'z', 'yaw'):
        mapping.skip()
    touch(mapping, state(a7=1.0))
    assert mapping.note == 'axis 7, positive; it must be a button'


def test_it_waits_until_everything_is_let_go() -> None:
    mapping = PadMapping(REST)
    mapping.on_state(state(a1=1.0))
    assert mapping.prompt == 'let go'
    mapping.on_state(state(a1=0.5))
    assert mapping.prompt == 'let go'
    mapping.on_state(REST)
    assert mapping.prompt.endswith('(y)')
