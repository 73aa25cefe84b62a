"""The verb `teleop`: drive the arm of a running cell from this terminal."""

import argparse
import math
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from robo_dopamine_ros.cli import teleop_check
from robo_dopamine_ros.cli.console import STATUS_PERIOD, StatusConsole
from robo_dopamine_ros.cli.option_types import Real, output_file
from robo_dopamine_ros.nodes import cell_config
from robo_dopamine_ros.nodes.cell import Process
from robo_dopamine_ros.ros import environment

HELP = 'drive the arm by keyboard, gamepad, SpaceMouse or a tracked hand'
EXAMPLES = """\
examples:
  robo-dopamine teleop                                keyboard, with its keys shown
  robo-dopamine teleop --device joy                   gamepad; run joy game_controller_node beside
  robo-dopamine teleop --frame tool --speed 0.05
  robo-dopamine teleop --facing 180                   you stand opposite the robot
  robo-dopamine teleop --device pose --set pose.scale=0.5 --set pose.dead_man.topic=teleop/dead_man
  robo-dopamine teleop --check                        what the gamepad reports; nothing moves
  robo-dopamine teleop --check --cell my_cell.yaml    map it, one control after another
a cell that starts a node teleop of its own must leave it out; docs/teleop.md has every button
"""
MESSAGES = 4  # newest ones that are shown
DEVICES = ('keyboard', 'joy', 'spacenav', 'twist', 'pose')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument(
        '--device', choices=DEVICES, default='keyboard', help='default: %(default)s'
    )
    parser.add_argument(
        '--frame', choices=('base', 'tool'), help='frame of the motion (default: base)'
    )
    parser.add_argument(
        '--facing',
        metavar='DEGREES',
        type=Real(unit='degrees'),
        help="direction you look in, about the base's z",
    )
    parser.add_argument(
        '--speed',
        metavar='M/S',
        type=Real(0.0, unit='metres a second'),
        help='of a full deflection',
    )
    parser.add_argument('--person', metavar='NAME', help='your name, as the services record it')
    parser.add_argument('--namespace', metavar='NAME', default='', help='of the cell')
    parser.add_argument('--check', action='store_true', help=teleop_check.HELP)
    parser.add_argument('--cell', metavar='FILE', type=output_file, help='cell file, for --check')
    parser.add_argument(
        '--set',
        metavar='KEY=VALUE',
        action='append',
        default=[],
        help='any parameter of the node teleop, may be repeated',
    )


def run(args: argparse.Namespace) -> int:
    """Run the node and show the gate's mode until Ctrl-C."""
    environment.activate()
    if args.check:
        return teleop_check.run(args)
    if args.cell is not None:
        raise cell_config.ConfigurationError('--cell belongs to --check')
    process = Process('teleop', namespace=args.namespace, parameters=_parameters(args))
    from robo_dopamine_ros.nodes.teleop import TeleopNode
    from robo_dopamine_ros.ros.spin import run_node

    console = StatusConsole(sys.stdout)

    screen = TeleopScreen(console, _keys() if args.device == 'keyboard' else [])

    def make() -> TeleopNode:
        node = TeleopNode(log=screen.log)
        node.create_timer(STATUS_PERIOD, lambda: screen.show(node.describe()))
        return node

    try:
        return run_node(make, ['teleop', *process.arguments()])
    finally:
        console.end_status()


class TeleopScreen:
    """Shows the keys, the newest messages and a status line in place, so that nothing scrolls.

    Where they do not fit, or the output is no terminal, keys and messages are printed once.
    """

    def __init__(self, console: StatusConsole, keys: Sequence[str]) -> None:
        self._console, self._keys = console, keys
        self._messages: deque[str] = deque(maxlen=MESSAGES)
        self._in_place = console.lines > len(keys) + MESSAGES + 1
        if not self._in_place:
            for line in keys:
                console.print(line)

    def log(self, message: str) -> None:
        """Show a message among the newest ones."""
        if self._in_place:
            self._messages.append(f'{time.strftime("%H:%M:%S")}  {message}')
        else:
            self._console.print(message)

    def show(self, status: str) -> None:
        """Show the newest state."""
        lines = [status]
        if self._in_place:
            empty = [''] * (MESSAGES - len(self._messages))
            lines = [*self._keys, *self._messages, *empty, status]
        self._console.status('\n'.join(lines))


def _parameters(args: argparse.Namespace) -> dict[str, cell_config.ParameterValue]:
    """Return the parameters of the node, checked as those of a cell file."""
    degrees = args.facing
    options: dict[str, Any] = {
        'device': args.device,
        'person': args.person,
        'motion.frame': args.frame,
        'motion.facing': None if degrees is None else math.radians(degrees),
        'motion.limits.speed': args.speed,
    }
    given = {key: value for key, value in options.items() if value is not None}
    for text in args.set:
        _, key, value = cell_config.parse_override(f'teleop.{text}')
        given[key] = value
    _, _, values = cell_config.check_config({'cell': {'nodes': ['teleop']}, 'teleop': given})
    return values['teleop']


def _keys() -> list[str]:
    """Return the table of keys, two to a line."""
    from robo_dopamine_ros.teleop.keyboard import key_table

    cells = [f'{key:>8}  {meaning:20}' for key, meaning in key_table()]
    half = (len(cells) + 1) // 2
    pairs = zip(cells[:half], [*cells[half:], ''], strict=False)
    title = 'hold a key to move, let go to stop; arrows move too; Ctrl-C ends'
    return [title, *(f'{left}{right}'.rstrip() for left, right in pairs)]
