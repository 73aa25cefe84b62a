"""The verb `episode`: starts and ends episodes of a running cell, and lists them."""

import argparse
import getpass
import json
import sys
from typing import Any

from robo_dopamine_ros.cli.cell_state import CellState
from robo_dopamine_ros.cli.console import StatusConsole
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import Outcome

ANSWER_TIMEOUT = 10.0  # [s] of a request
OUTCOMES = {
    'success': Outcome.SUCCESS,
    'failure': Outcome.FAILURE,
    'time-limit': Outcome.TIME_LIMIT,
    'aborted': Outcome.ABORTED,
}
HELP = 'start, end or list the episodes of a running cell'
EXAMPLES = """\
examples:
  robo-dopamine episode start 'insert the peg'
  robo-dopamine episode start                 the task of the last episode, or of the cell
  robo-dopamine episode end success           or failure, time-limit, aborted
  robo-dopamine episode end failure           again: corrects an outcome that is not final yet
  robo-dopamine episode list
with ROS sourced, the same is
  ros2 service call /start_episode robo_dopamine/srv/StartEpisode "{task: 'insert the peg'}"
  ros2 service call /end_episode robo_dopamine/srv/EndEpisode "{outcome: 1, decided_by: Ada}"
  ros2 topic echo /episode

exit codes: 0; 2 when the request is refused, with the reason, or no cell runs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    requests = parser.add_subparsers(metavar='start|end|list', required=True, dest='request')
    start = requests.add_parser('start', help='start an episode')
    start.add_argument('task', metavar='TASK', nargs='?', default='', help='what is to be done')
    end = requests.add_parser('end', help='end the running episode, or correct its outcome')
    end.add_argument('outcome', choices=tuple(OUTCOMES), help='how it ended')
    end.add_argument(
        '--person', metavar='NAME', default='', help='who says so (default: your login name)'
    )
    listed = requests.add_parser('list', help='the episodes since the cell was started')
    listed.add_argument('--json', action='store_true', help='one JSON object a line')
    for request in (start, end, listed):
        request.add_argument('--namespace', metavar='NAME', default='', help='of the cell')


def run(args: argparse.Namespace) -> int:
    """Send the request and print the answer."""
    environment.activate()
    from robo_dopamine_ros.nodes.cell_client import CellClient

    console = StatusConsole(sys.stdout)
    with CellClient('episode_verb', args.namespace, limit=100) as client:
        state = CellState(client)
        state.wait_for_episode_manager()
        for line in REQUESTS[args.request](state, args):
            console.print(line)
    return 0


def _start(state: CellState, args: argparse.Namespace) -> list[str]:
    episode = state.client.start_episode(args.task, ANSWER_TIMEOUT, lambda: None)
    return [f'{episode.id} is {episode.phase.name.lower()}: {episode.task}']


def _end(state: CellState, args: argparse.Namespace) -> list[str]:
    outcome, person = OUTCOMES[args.outcome], args.person or getpass.getuser()
    episode = state.client.end_episode(outcome, person, ANSWER_TIMEOUT, lambda: None)
    if episode.decided:
        return [f'{episode.id} ended: {args.outcome} by {episode.decided_by}']
    return [
        f'{episode.id} ended: {args.outcome} by {episode.decided_by}; for a moment '
        '`robo-dopamine episode end` corrects it'
    ]


def _list(state: CellState, args: argparse.Namespace) -> list[str]:
    from robo_dopamine_ros.episodes.state_machine import NEXT_EPISODE_KEY
    from robo_dopamine_ros.episodes.stats import RECENT_KEY

    state.wait_for_nodes()  # for its diagnostics
    episodes: list[dict[str, Any]] = json.loads(state.value(RECENT_KEY) or '[]')
    if args.json:
        return [json.dumps(episode) for episode in episodes]
    lines = [
        f'{one["id"]}  {one["outcome"]:10}  by {one["decided_by"]}: {one["task"]}'
        for one in episodes
    ]
    now = state.client.episode
    about = f'{now.id}: ' if now.id else ''
    lines.append(f'now: {about}{state.episode_manager_status}')
    following = state.value(NEXT_EPISODE_KEY)
    return [*lines, f'next: {following}'] if following else lines


REQUESTS = {'start': _start, 'end': _end, 'list': _list}
