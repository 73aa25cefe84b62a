"""Devices as their drivers publish them: absent, unplugged, of another order, or silent."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_joy_driver import FakeJoyDriver
from test_teleop_node import TELEOP, Cell, cell, start  # noqa: F401 (fixtures)

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.teleop import joy as gamepad
from robo_dopamine_ros.teleop.command_mapper import RELEASE_FIRST, RELEASED

BENCH = Path(__file__).parents[2] / 'bench'
FORWARD = np.array([0.6, 0.0, 0.0, 0.0, 0.0, 0.0])
REST, HELD = [0, 0], [0, 1]
GAME_CONTROLLER = ('game_controller_node', [0.0] * 6, 21)
XBOX_BLUETOOTH = ('joy_node', [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0], 15)
LB, LEFT_Y = gamepad.BUTTONS.index('LB'), gamepad.AXES.index('LY')

assert TELEOP


@pytest.fixture
def drivers(bench: Any, cell: Cell) -> Callable[..., FakeJoyDriver]:  # noqa: F811
    """Starts a driver of a gamepad in place of the one of the cell."""
    cell.node.destroy_publisher(cell.joys)
    return lambda device, **options: FakeJoyDriver(bench, *device, **options)


@pytest.mark.parametrize('zeros', [True, False])
def test_a_spacemouse_counts_while_it_reports_and_not_while_its_driver_talks(
    zeros: bool,
    bench: Any,
    cell: Cell,  # noqa: F811
    start: Callable[..., Any],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    from _fake_spacenav import FakeSpacenav

    mouse = FakeSpacenav(context=bench.context)
    mouse.zero_when_static = zeros
    bench.executor.add_node(mouse)
    start('device:=spacenav', 'stop_lock:=true')
    cell.until(lambda: 'move the SpaceMouse once' in cell.health[0])
    cell.until(lambda: len(cell.locks) > 10)
    assert all(cell.locks), 'a driver without a device'
    assert cell.commands == []

    mouse.move(FORWARD, REST)
    cell.until(lambda: cell.locks[-1] is False)
    mouse.move(np.zeros(6), REST)
    cell.until(lambda: mouse.at_rest)
    before = len(cell.commands)
    cell.until(lambda: len(cell.commands) > before + 3 and cell.commands[-1].reason == RELEASED)
    mouse.move(np.zeros(6), HELD)
    mouse.move(FORWARD, HELD)
    cell.until(lambda: cell.drives() and cell.commands[-1].twist[0] > 0.01)

    mouse.pull()
    assert cell.silence() == 0, 'nothing is requested any more'
    assert 'may be unplugged while the dead-man was held' in cell.health[0]
    assert cell.locks[-1] is True
    mouse.plug()
    assert cell.silence() == 0, 'the driver says that the dead-man is still held'
    mouse.move(FORWARD, HELD)
    cell.until(lambda: cell.commands[-1].reason == RELEASE_FIRST)
    mouse.move(np.zeros(6), REST)
    cell.until(lambda: cell.commands[-1].reason == RELEASED)


def test_a_gamepad_of_unknown_order_does_nothing_until_its_name_is_known(
    cell: Cell,  # noqa: F811
    drivers: Callable[..., FakeJoyDriver],
    start: Callable[..., Any],  # noqa: F811
) -> None:
    pad = drivers(XBOX_BLUETOOTH)
    pad.in_hand = True
    child = start('device:=joy', 'stop_lock:=true')
    cell.until(lambda: '8 axes and 15 buttons: their order is not known' in cell.health[0])
    for button in range(15):
        pad.press(button)
        seen = len(cell.locks)
        cell.until(lambda s=seen: len(cell.locks) > s)  # type: ignore[misc]
    assert all(cell.locks)
    assert (cell.commands, cell.requests) == ([], [])

    pad.press()
    pad.open_device('Xbox Wireless Controller')
    cell.until(lambda: cell.commands and cell.commands[-1].reason == RELEASED)
    pad.press(6, a1=1.0)
    cell.until(cell.rests)
    pad.press(a1=0.0)
    cell.until(lambda: cell.commands[-1].reason == RELEASED)
    pad.press(6)
    pad.press(6, a1=1.0)
    cell.until(lambda: cell.drives() and cell.commands[-1].twist[0] > 0)
    assert cell.commands[-1].twist == pytest.approx([0.1, 0, 0, 0, 0, 0], abs=1e-6)
    assert 'their order is not known' in child.interrupt()[1]


def test_read_in_a_wrong_order_the_dead_man_does_not_count(
    cell: Cell,  # noqa: F811
    drivers: Callable[..., FakeJoyDriver],
    start: Callable[..., Any],  # noqa: F811
) -> None:
    pad = drivers(XBOX_BLUETOOTH)
    pad.in_hand = True
    start('device:=joy', 'joy.layout:=raw')
    cell.until(lambda: cell.commands and cell.commands[-1].reason == RELEASED)
    pad.press(LB)
    cell.until(lambda: 'axis 2 (yaw) reads 1.00' in cell.commands[-1].reason)
    assert 'teleop --check' in cell.commands[-1].reason
    assert not any(command.valid for command in cell.commands)
    for button in (11, 4, 6):  # success, rearm and start of the documented order
        pad.press(button)
        seen = len(cell.commands)
        cell.until(lambda s=seen: len(cell.commands) > s)  # type: ignore[misc]
        pad.press()
    assert cell.requests == [], 'a bump of a button'


@pytest.mark.parametrize(
    ('options', 'text'),
    [
        ({'autorepeat_rate': 0.0}, 'autorepeat_rate = 0 Hz; it must be 10 or more'),
        (
            {'repeats': False},
            'its driver does not repeat: start it with `-p autorepeat_rate:=20.0`',
        ),
    ],
)
def test_a_driver_that_falls_silent_is_named_before_it_is_relied_on(
    options: dict[str, Any],
    text: str,
    cell: Cell,  # noqa: F811
    drivers: Callable[..., FakeJoyDriver],
    start: Callable[..., Any],  # noqa: F811
) -> None:
    pad = drivers(GAME_CONTROLLER, **options)
    child = start('device:=joy', 'stop_lock:=true')
    cell.until(lambda: cell.locks)
    numbers = itertools.count()

    def play() -> None:
        """Move a stick for a while, then keep still."""
        if (number := next(numbers)) % 200 < 40:
            pad.press(*([LB] if number % 40 < 20 else []), a1=0.002 * (number % 20))

    cell.until(lambda: text in cell.health[0], play)
    assert all(cell.locks)
    assert not any(command.valid for command in cell.commands)
    assert text.split(' = ')[0].split(': ')[0] in child.interrupt()[1]


def test_a_second_gamepad_is_refused_and_the_device_must_be_touched_afterwards(
    cell: Cell,  # noqa: F811
    drivers: Callable[..., FakeJoyDriver],
    start: Callable[..., Any],  # noqa: F811
) -> None:
    pad = drivers(GAME_CONTROLLER)
    pad.in_hand = True
    start('device:=joy', 'stop_lock:=true')
    cell.until(lambda: cell.locks and not cell.locks[-1])
    pad.in_hand = False
    other = drivers(('another_node', [0.0] * 6, 21))
    cell.until(lambda: 'joy has another publisher' in cell.health[0])
    cell.until(lambda: '/another_node and /game_controller_node' in cell.health[0])
    assert cell.locks[-1], 'two gamepads'
    other.node.destroy_node()
    cell.until(lambda: '/another_node' not in cell.health[0])
    seen = len(cell.locks)
    cell.until(lambda: len(cell.locks) > seen + 5)
    assert all(cell.locks[seen:]), 'nobody has touched the first one since'
    pad.in_hand = True
    cell.until(lambda: not cell.locks[-1])


def test_hold_to_run_is_true_while_the_trigger_is_held_on_a_device_that_is_there(
    cell: Cell,  # noqa: F811
    drivers: Callable[..., FakeJoyDriver],
    start: Callable[..., Any],  # noqa: F811
) -> None:
    enabled: list[bool] = []
    cell.subscribe(topics.ENABLE, lambda message: enabled.append(message.data))
    pad = drivers(GAME_CONTROLLER)
    pad.in_hand = True
    trigger = f'a{gamepad.AXES.index("RT")}'
    start('device:=joy', 'enable:=true')
    cell.until(lambda: cell.commands and cell.commands[-1].reason == RELEASED)
    assert not any(enabled)
    pad.press(**{trigger: -1.0})
    cell.until(lambda: enabled[-1])
    pad.press(**{trigger: 0.0})
    cell.until(lambda: not enabled[-1])
    pad.press(**{trigger: -1.0})
    cell.until(lambda: enabled[-1])
    pad.node.destroy_node()
    cell.until(lambda: not enabled[-1])
