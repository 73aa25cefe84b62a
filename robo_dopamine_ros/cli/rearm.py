"""The verb `rearm`: after a stop, releases the gate's latch and lets episodes continue."""

import argparse
import sys
from typing import Any

from robo_dopamine_ros.cli.cell_state import LISTEN_TIMEOUT, CellState, CellStateError, wait
from robo_dopamine_ros.cli.console import StatusConsole
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import Phase

SETTLE_TIMEOUT = 3.0  # [s] until the episode manager has received the gate's new state
EPISODE_TIMEOUT = 15.0  # [s] until the next episode starts
HELP = 'after a stop: rearm the gate and let episodes go on'
EXAMPLES = """\
examples:
  robo-dopamine rearm                      first look that nobody is near the arm
  robo-dopamine rearm --namespace left     one cell of several
prints what stood in the way and what goes on now; a stop whose cause persists is not released

exit codes: 0 when the cell goes on; 2 when a node refuses, named with its reason, or nothing runs
"""


class RearmError(CellStateError):
    """A cell that does not go on; the text names the node that refuses, and its reason."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('--namespace', metavar='NAME', default='', help='of the cell')


def run(args: argparse.Namespace) -> int:
    """Rearm the gate if it is latched, let episodes go on, and print both."""
    environment.activate()
    from robo_dopamine_ros.nodes.cell_client import CellClient

    console = StatusConsole(sys.stdout)
    with CellClient('rearm', args.namespace, limit=100) as cell_client:
        client = RearmClient(cell_client)
        client.wait_for_nodes()
        console.print(f'episode_manager: {client.episode_manager_status}')
        if client.latch_reason:
            console.print(f'gate: {client.latch_reason}')
            client.rearm()
            console.print('gate: rearmed')
        console.print(client.resume_episodes())
    return 0


class RearmClient(CellState):
    """Releases the gate's latch and lets the episode manager go on."""

    def wait_for_nodes(self, timeout: float | None = None) -> None:
        """Wait for messages of both nodes; raises CellStateError if neither runs."""
        super().wait_for_nodes(LISTEN_TIMEOUT if timeout is None else timeout)

    def rearm(self) -> None:
        """Release the gate's latch; raises RearmError if it refuses or latches again."""
        from robo_dopamine_ros.ros.topics import REARM

        answer = self.call(REARM)
        if not answer.success:
            raise RearmError(f'the gate refuses to rearm: {answer.message}')
        if not wait(lambda: not self.latch_reason, SETTLE_TIMEOUT):
            raise RearmError(f'the gate is latched again: {self.latch_reason}')

    def resume_episodes(self) -> str:
        """Let the episode manager go on; returns a line about the next episode, or RearmError."""
        from robo_dopamine_ros.episodes.state_machine import (
            ALL_DONE,
            STARTS_AUTOMATICALLY,
            STARTS_ON_REQUEST,
        )
        from robo_dopamine_ros.ros.topics import PAUSE

        if not self.client.episodes:
            raise RearmError('no episode manager runs, so there are no episodes to go on with')
        answers: list[Any] = []

        def granted() -> bool:  # it may not have received the gate's new state yet
            answers.append(self.call(PAUSE, data=False))
            return answers[-1].success

        if not wait(granted, SETTLE_TIMEOUT):
            raise RearmError(f'the episode manager refuses to go on: {answers[-1].message}')
        next_start, self.status = answers[-1].message, None
        if next_start == STARTS_ON_REQUEST:
            return f'episode_manager: {next_start}'
        if next_start.endswith(ALL_DONE) or not wait(self._has_episode, EPISODE_TIMEOUT):
            next_start = self._next_start() or next_start
            if next_start != STARTS_AUTOMATICALLY:
                raise RearmError(f'the episode manager begins no episode: {next_start}')
            return f'episode_manager: {next_start}'
        episode = self.client.episode
        return f'{episode.id} is {episode.phase.name.lower()}: {episode.task}'

    def _has_episode(self) -> bool:
        return self.client.episode.phase in (Phase.RESETTING, Phase.RUNNING)

    def _next_start(self) -> str:
        """Return what starts the next episode, from the episode manager's diagnostics."""
        from robo_dopamine_ros.episodes.state_machine import NEXT_EPISODE_KEY

        return self.value(NEXT_EPISODE_KEY)
