"""The verb `up`: starts the nodes of a cell as plain processes; launch files use its dry run."""

import argparse
import json
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from robo_dopamine_ros.cli.console import StatusConsole
from robo_dopamine_ros.cli.next_steps import next_steps
from robo_dopamine_ros.nodes import cell
from robo_dopamine_ros.nodes.cell import Process
from robo_dopamine_ros.ros import environment

if TYPE_CHECKING:
    from robo_dopamine_ros.cli.cell_session import CellSession

START_ATTEMPTS = 20  # of an episode, which a cell may refuse that just came up
RETRY_PERIOD = 0.5  # [s] between them
MAX_READINGS = 2000  # readings kept, of which those of the running episode are shown
HELP = 'start the nodes of a cell, until Ctrl-C'
EXAMPLES = """\
examples:
  robo-dopamine up                                    simulated arm, gate, gamepad, reward
  robo-dopamine up reward --views front left_wrist    reward for your own cameras
  robo-dopamine up reward --model runs/my_task --task 'insert the peg'
  robo-dopamine up my_cell.yaml --namespace left      a cell of your own, beside another
  robo-dopamine up franka --set gate.limits.speed=0.1 --set reward.rate=5
  robo-dopamine up learn --run runs/live              online RL in a run that train prepared
  robo-dopamine up --without teleop                   and robo-dopamine teleop in a terminal
  robo-dopamine up my_cell.yaml --dry-run             check it, and see what would start
without --task, robo-dopamine episode start starts an episode (the service start_episode)

exit codes: 130 after Ctrl-C; 2 when the cell cannot start or a node died, which is named
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument(
        'config',
        metavar='CONFIG',
        nargs='?',
        default='sim',
        help='parameter file of a cell, or the name of one in config/ (default: %(default)s)',
    )
    parser.add_argument('--namespace', metavar='NAME', default='', help='of all nodes and topics')
    parser.add_argument(
        '--model', metavar='MODEL', help='folder of the reward model, or its name on the hub'
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
        '--dry-run', action='store_true', help='check all, print the processes as JSON, and end'
    )


def run(args: argparse.Namespace) -> int:
    """Check the configuration, start the processes, show their output, stop them."""
    environment.activate()
    from robo_dopamine_ros.cli.cell_session import open_session
    from robo_dopamine_ros.nodes.live_topics import check_nothing_alive

    processes = cell.cell_processes(
        args.config,
        namespace=args.namespace,
        model=args.model or '',
        views=args.views,
        task=args.task or '',
        run=args.run,
        without=args.without,
        overrides=args.set,
    )
    if args.dry_run:
        check_nothing_alive(processes)
        print(json.dumps([process_as_json(process) for process in processes], indent=1))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    console = StatusConsole(sys.stdout)
    console.print(f'starting {headline(args.config, processes)}; Ctrl-C stops all')
    with open_session(processes, console, None, True, args.namespace, MAX_READINGS) as session:
        _wait_until_up(session, processes)
        for line in next_steps(processes, args.without, args.namespace):
            console.print(f'  {line}')
        if args.task:
            _run_episode(session, args.task)
        session.wait(lambda: False, math.inf, 'never')
    return 0


def process_as_json(process: Process) -> dict[str, object]:
    """Return a process for launch files: entry point, ROS arguments, whether it is restarted."""
    return {
        'executable': process.executable,
        'arguments': process.arguments(),
        'respawn': process.respawn,
    }


def headline(config: str, processes: Sequence[Process]) -> str:
    """Return a line with the cell, its nodes and the DDS domain."""
    names = ', '.join(process.full_name for process in processes)
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    return f'{config}: {names}, domain {domain}'


def _wait_until_up(session: 'CellSession', processes: Sequence[Process]) -> None:
    """Wait until every node is in the graph."""
    from robo_dopamine_ros.cli.cell_session import START_TIMEOUT

    started, names = time.monotonic(), {process.full_name for process in processes}
    session.wait(
        lambda: names <= session.client.node_names(), START_TIMEOUT, 'not all nodes came up'
    )
    session.console.print(f'all up after {time.monotonic() - started:.1f} s')


def _run_episode(session: 'CellSession', task: str) -> None:
    """Start an episode and show its progress; print the reason if it cannot be started."""
    from robo_dopamine_ros.ros.episode_client import EpisodeRequestError

    for left in reversed(range(START_ATTEMPTS)):
        try:
            session.start_episode(task)
            break
        except EpisodeRequestError as error:
            if not left:
                session.console.print(f'{error}; then `robo-dopamine episode start`')
                return
            time.sleep(RETRY_PERIOD)
    start = time.monotonic()
    session.follow(session.ended, lambda: f'{time.monotonic() - start:5.0f} s', math.inf, 'never')
