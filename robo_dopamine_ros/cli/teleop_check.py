"""`teleop --check`: shows what a gamepad reports, and maps it for a cell; nothing moves."""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from robo_dopamine_ros.cli.cell_file import set_part
from robo_dopamine_ros.cli.console import STATUS_PERIOD, StatusConsole
from robo_dopamine_ros.nodes.cell_config import read_config

REST_TIME = 1.0  # [s] without a change, then the state is that of a gamepad nobody touches
HELP = 'show what the gamepad reports; with --cell, map it and write that into a cell file'


def run(args: argparse.Namespace) -> int:
    """Show the state until Ctrl-C, or until everything is mapped; returns the exit code."""
    from robo_dopamine_ros.nodes.cell_client import CellClient
    from robo_dopamine_ros.nodes.joy_driver_client import JoyDriverClient
    from robo_dopamine_ros.teleop.joy import TOPIC, JoyConfig
    from robo_dopamine_ros.teleop.layouts import AUTO, JoyState

    if args.cell is not None:
        read_config(args.cell)  # raises an error before a person maps anything
    states: list[JoyState] = []
    console = StatusConsole(sys.stdout)
    config = JoyConfig()
    with ExitStack() as stack:
        client = stack.enter_context(CellClient('teleop_check', args.namespace))
        driver = JoyDriverClient(client.node, TOPIC, AUTO, False, config.timeout)
        driver.listen(states.append)
        stack.callback(console.end_status)
        try:
            rest = _wait_for_rest(states, console, driver)
            console.print(_describe(driver, rest))
            if args.cell is None:
                _show(states, rest, console)
            mapping = _map(states, rest, console, _keys(stack))
        except KeyboardInterrupt:
            return 0 if args.cell is None else 130
    set_part(args.cell, 'teleop', 'joy', mapping.parameters())
    console.print(f'{args.cell}: teleop.joy is mapped: {", ".join(mapping.chosen)}')
    return 0


def _wait_for_rest(states: list[Any], console: StatusConsole, driver: Any) -> Any:
    """Return the state that did not change for REST_TIME."""
    since, last = time.monotonic(), None
    while True:
        driver.poll()
        newest = states[-1] if states else None
        if newest != last:
            last, since = newest, time.monotonic()
        elif last is not None and time.monotonic() - since > REST_TIME:
            return last
        wait = 'touch no control' if last else 'nobody publishes joy; press any button'
        console.status(f'{wait}  {driver.reason}')
        time.sleep(STATUS_PERIOD)


def _describe(driver: Any, rest: Any) -> str:
    """Return a line about the driver, and whether the gamepad can be used as it is."""
    from robo_dopamine_ros.teleop.device import InvalidReadingError

    counts = f'{len(rest.axes)} axes, {len(rest.buttons)} buttons'
    try:
        known = driver.translate(rest) is not None
    except InvalidReadingError as error:
        return f'{counts}; {error}'
    return f'{counts}; order {driver.layout if known else "not known yet"}; {driver.reason}'.rstrip(
        '; '
    )


def _show(states: list[Any], rest: Any, console: StatusConsole) -> None:
    """Show what is away from its rest state, until Ctrl-C."""
    from robo_dopamine_ros.teleop.pad_mapping import touched

    while True:
        state = states[-1]
        del states[:-1]
        axes = '  '.join(f'{i}:{value:+.2f}' for i, value in enumerate(state.axes))
        parts = ', '.join(str(control) for control in touched(rest, state)) or 'nothing is touched'
        console.status(f'{parts}   axes {axes}')
        time.sleep(STATUS_PERIOD)


def _map(states: list[Any], rest: Any, console: StatusConsole, read_keys: Callable[[], str]) -> Any:
    """Ask for every function; returns the mapping."""
    from robo_dopamine_ros.teleop.pad_mapping import PadMapping

    mapping, noted = PadMapping(rest), ''
    while mapping.function:
        if '\n' in read_keys():
            mapping.skip()
        new, states[:] = states[:], []
        for state in new:
            mapping.on_state(state)
        if mapping.note != noted:
            noted = mapping.note
            console.print(noted)
        console.status(f'{mapping.prompt}; enter leaves it out')
        time.sleep(STATUS_PERIOD / 4)
    return mapping


def _keys(stack: ExitStack) -> Callable[[], str]:
    """Return a function that reads the keys typed; nothing where stdin is no terminal."""
    from robo_dopamine_ros.teleop.keyboard import NoTerminalError, RawTerminal

    try:
        terminal = RawTerminal.open(sys.stdin)
    except NoTerminalError:
        return str
    stack.callback(terminal.close)
    return terminal.read
