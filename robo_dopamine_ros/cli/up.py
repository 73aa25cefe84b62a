"""The verb `up`: the nodes of a cell as plain processes; launch files ask it what they start."""

import argparse
import json
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.nodes import system
from robo_dopamine_ros.nodes.system import Process
from robo_dopamine_ros.ros import environment

if TYPE_CHECKING:
    from robo_dopamine_ros.cli.watch import Watch

TRIES, AGAIN = 20, 0.5  # [s] until asked again: a cell that just came up may refuse an episode
KEPT = 2000  # readings, of which those of the running episode are shown
HELP = 'start the nodes of a cell, until Ctrl-C'
EXAMPLES = """\
examples:
  robo-dopamine up                                    simulated arm, gate, gamepad, reward
  robo-dopamine up reward --views front left_wrist    reward for your own cameras
  robo-dopamine up reward --model runs/my_task --task 'insert the peg'
  robo-dopamine up my_cell.yaml --namespace left      a cell of your own, beside another
  robo-dopamine up franka --set gate.limits.speed=0.1 --set reward.rate=5
  robo-dopamine up learn --run runs/live              practise in a run that train prepared
  robo-dopamine up --without teleop                   and robo-dopamine teleop in a terminal
  robo-dopamine up my_cell.yaml --dry-run             check it, and see what would start
without --task, call the service start_episode to start an episode

exit codes: 130 after Ctrl-C; 2 when the cell cannot start, or one of its nodes died, named
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
        '--run',
        metavar='RUN_DIR',
        default='',
        help='folder of a run of train, for cells that learn',
    )
    parser.add_argument(
        '--without',
        metavar='NODE',
        action='append',
        default=[],
        help='a node of the cell that is started elsewhere, may be repeated',
    )
    parser.add_argument(
        '--set',
        metavar='NODE.KEY=VALUE',
        action='append',
        default=[],
        help='any parameter of a node, may be repeated; wins over CONFIG',
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='check all, print what would start as JSON, and end'
    )


def run(args: argparse.Namespace) -> int:
    """Check all, start all, show what they say, stop all."""
    environment.activate()
    from robo_dopamine_ros.cli.watch import watching
    from robo_dopamine_ros.ros import alone

    processes = system.cell(
        args.config,
        namespace=args.namespace,
        model=args.model or '',
        views=args.views,
        task=args.task or '',
        run=args.run,
        without=args.without,
        sets=args.set,
    )
    alone.check(process.full_name for process in processes)
    if args.dry_run:
        print(json.dumps([described(process) for process in processes], indent=1))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us means Ctrl-C
    screen = Screen(sys.stdout)
    screen.line(f'starting {headline(args.config, processes)}; Ctrl-C stops all')
    with watching(processes, screen, None, True, args.namespace, KEPT) as watch:
        _wait_until_up(watch, processes)
        if args.task:
            _run_episode(watch, args.task)
        watch.wait(lambda: False, math.inf, 'never')
    return 0


def described(process: Process) -> dict[str, object]:
    """A process for programs: entry point, what follows `--ros-args`, what its death means."""
    return {
        'executable': process.executable,
        'arguments': process.arguments(),
        'respawn': process.respawn,
    }


def headline(config: str, processes: Sequence[Process]) -> str:
    """Name a cell, its nodes and where they can be heard."""
    names = ', '.join(process.full_name for process in processes)
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    return f'{config}: {names}, domain {domain}'


def _wait_until_up(watch: 'Watch', processes: Sequence[Process]) -> None:
    """Tell once every node is there and speaks."""
    from robo_dopamine_ros.cli.watch import START_PATIENCE

    began, wanted = time.monotonic(), {process.full_name for process in processes}
    watch.wait(lambda: wanted <= watch.observer.nodes(), START_PATIENCE, 'not all nodes came up')
    watch.screen.line(f'all up after {time.monotonic() - began:.1f} s')


def _run_episode(watch: 'Watch', task: str) -> None:
    """Start an episode and show how it goes; where it cannot begin, say why and go on."""
    from robo_dopamine_ros.ros.episode_client import RefusedError

    for left in reversed(range(TRIES)):
        try:
            watch.start_episode(task)
            break
        except RefusedError as error:
            if not left:
                watch.screen.line(f'{error}; then call start_episode')
                return
            time.sleep(AGAIN)
    began = time.monotonic()
    watch.follow(watch.ended, lambda: f'{time.monotonic() - began:5.0f} s', math.inf, 'never ended')
