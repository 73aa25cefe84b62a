"""The verb `up`: the nodes of a cell as plain processes, where there is no `ros2 launch`."""

import argparse
import json
import math
import sys
import time
from pathlib import Path

from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.nodes import system
from robo_dopamine_ros.ros import environment

HELP = 'start the nodes of a cell, until Ctrl-C'
EXAMPLES = """\
examples:
  robo-dopamine up                                    simulated arm, gate, gamepad, reward
  robo-dopamine up reward --views front left_wrist    reward for your own cameras
  robo-dopamine up reward --model runs/my_task --task 'insert the peg'
  robo-dopamine up my_cell.yaml --namespace left      a cell of your own, beside another
  robo-dopamine up franka --set gate.limits.speed=0.1 --set reward.rate=5
  robo-dopamine up my_cell.yaml --dry-run             check it, and see what would start
without --task, call the service start_episode to start an episode
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        'config',
        metavar='CONFIG',
        nargs='?',
        default='sim',
        help='parameter file of a cell, or the name of one in config/ (default: %(default)s)',
    )
    parser.add_argument('--namespace', metavar='NAME', default='', help='of all nodes and topics')
    parser.add_argument(
        '--model', metavar='MODEL_DIR', type=Path, help='folder of the reward model'
    )
    parser.add_argument('--views', metavar='NAME', nargs='+', default=(), help='camera views')
    parser.add_argument('--task', metavar='TEXT', help='start an episode of this task at once')
    parser.add_argument(
        '--set',
        metavar='NODE.KEY=VALUE',
        action='append',
        default=[],
        help='any parameter of a node, may be repeated; wins over CONFIG',
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='only check all that, and print what would start'
    )


def run(args: argparse.Namespace) -> int:
    """Start all, show what they say, stop all."""
    environment.activate()
    processes = system.cell(
        args.config,
        namespace=args.namespace,
        model=args.model or '',
        views=args.views,
        task=args.task or '',
        sets=args.set,
    )
    if args.dry_run:
        print(json.dumps([_described(process) for process in processes], indent=2))
        return 0
    from robo_dopamine_ros.cli.watch import watching

    with watching(processes, Screen(sys.stdout), None, verbose=True) as watch:
        if args.task:
            watch.start_episode(args.task)
            began = time.monotonic()
            watch.follow(
                watch.ended, lambda: f'{time.monotonic() - began:5.0f} s', math.inf, 'never ended'
            )
        watch.wait(lambda: False, math.inf, 'never')
    return 0


def _described(process: system.Process) -> dict[str, object]:
    """What launch files need to start it."""
    return {
        'executable': process.executable,
        'arguments': process.arguments(),
        'respawn': process.respawn,
    }
