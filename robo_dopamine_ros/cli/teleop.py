"""The verb `teleop`: drive the arm of a running cell from this terminal."""

import argparse
import math
import sys
from typing import Any

from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.nodes import settings
from robo_dopamine_ros.nodes.system import Process
from robo_dopamine_ros.ros import environment

HELP = 'drive the arm by keyboard, gamepad, SpaceMouse or a tracked hand'
EXAMPLES = """\
examples:
  robo-dopamine teleop                                keyboard, with its keys shown
  robo-dopamine teleop --device joy                   gamepad; run joy game_controller_node beside
  robo-dopamine teleop --frame tool --speed 0.05
  robo-dopamine teleop --facing 180                   you stand opposite the robot
  robo-dopamine teleop --device pose --set pose.scale=0.5 --set pose.clutch.topic=teleop/dead_man
a cell that starts a node teleop of its own must leave it out; docs/teleop.md has every button
"""
DEVICES = ('keyboard', 'joy', 'spacenav', 'twist', 'pose')
PERIOD = 0.1  # [s] between two states of the line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        '--device', choices=DEVICES, default='keyboard', help='default: %(default)s'
    )
    parser.add_argument(
        '--frame', choices=('base', 'tool'), help='in which motion is meant (default: base)'
    )
    parser.add_argument(
        '--facing', metavar='DEGREES', type=float, help="where you look, from the base's x axis"
    )
    parser.add_argument('--speed', metavar='M/S', type=float, help='of a full deflection')
    parser.add_argument('--person', metavar='NAME', help='who is said to drive and decide')
    parser.add_argument('--namespace', metavar='NAME', default='', help='of the cell')
    parser.add_argument(
        '--set',
        metavar='KEY=VALUE',
        action='append',
        default=[],
        help='any parameter of the node teleop, may be repeated',
    )


def run(args: argparse.Namespace) -> int:
    """Run the node here, show who is in charge, until Ctrl-C."""
    environment.activate()
    process = Process('teleop', namespace=args.namespace, parameters=_parameters(args))
    from robo_dopamine_ros.nodes.teleop import Teleop
    from robo_dopamine_ros.ros.run import run as run_node

    screen = Screen(sys.stdout)

    def make() -> Teleop:
        node = Teleop(say=screen.line)
        for line in _keys() if args.device == 'keyboard' else ():
            screen.line(line)
        node.create_timer(PERIOD, lambda: screen.status(node.describe()))
        return node

    try:
        return run_node(make, ['teleop', *process.arguments()])
    finally:
        screen.end_status()


def _parameters(args: argparse.Namespace) -> dict[str, settings.Value]:
    """What was asked for, checked as if it stood in the file of a cell."""
    degrees = args.facing
    wanted: dict[str, Any] = {
        'device': args.device,
        'person': args.person,
        'motion.frame': args.frame,
        'motion.facing': None if degrees is None else math.radians(degrees),
        'motion.pace.speed': args.speed,
    }
    given = {key: value for key, value in wanted.items() if value is not None}
    for text in args.set:
        _, key, value = settings.parse(f'teleop.{text}')
        given[key] = value
    _, _, values = settings.check({'cell': {'nodes': ['teleop']}, 'teleop': given})
    return values['teleop']


def _keys() -> list[str]:
    """The keys as people read them, two to a line."""
    from robo_dopamine_ros.teleop.keyboard import table

    cells = [f'{key:>8}  {meaning:20}' for key, meaning in table()]
    half = (len(cells) + 1) // 2
    pairs = zip(cells[:half], [*cells[half:], ''], strict=False)
    title = 'hold a key to move, let go to stop; arrows move too; Ctrl-C ends'
    return [title, *(f'{left}{right}'.rstrip() for left, right in pairs)]
