"""The verb `rearm`: after a stop, releases the gate's latch and lets episodes continue."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from robo_dopamine_ros.cli.console import StatusConsole
from robo_dopamine_ros.ros import environment
from robo_dopamine_ros.types import Control, Phase

if TYPE_CHECKING:
    from robo_dopamine_ros.nodes.cell_client import CellClient
    from robo_dopamine_ros.ros.topics import Service

LISTEN_TIMEOUT = 5.0  # [s] for messages of gate and episode manager
ANSWER_TIMEOUT = 5.0  # [s] of a service call
SETTLE_TIMEOUT = 3.0  # [s] until the episode manager has received the gate's new state
EPISODE_TIMEOUT = 15.0  # [s] until the next episode starts
POLL_PERIOD = 0.02  # [s]
RETRY_PERIOD = 1.0  # [s] without an answer, until the call is repeated
HELP = 'after a stop: rearm the gate and let episodes go on'
EXAMPLES = """\
examples:
  robo-dopamine rearm                      first look that nobody is near the arm
  robo-dopamine rearm --namespace left     one cell of several
prints what stood in the way and what goes on now; a stop whose cause persists is not released

exit codes: 0 when the cell goes on; 2 when a node refuses, named with its reason, or nothing runs
"""


class RearmError(RuntimeError):
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


class RearmClient:
    """Receives the state of gate and episode manager and calls their services."""

    def __init__(self, client: 'CellClient') -> None:
        from robo_dopamine_ros.ros.convert import from_msg
        from robo_dopamine_ros.ros.topics import CONTROL, DIAGNOSTICS

        self._client = client
        self._name = f'{client.node.get_namespace()}/episode_manager: episode_manager'.lstrip('/')
        self._controls: list[Control] = []
        self._status: Any = None  # newest DiagnosticStatus of the episode manager
        client.subscribe(CONTROL, from_msg, self._controls)
        client.subscribe(DIAGNOSTICS, self._on_diagnostics, [])

    @property
    def latch_reason(self) -> str:
        """Why the gate is latched; empty if it is not, or if there is no gate."""
        last = self._controls[-1] if self._controls else None
        return (last.reason or 'it does not say why') if last and last.latched else ''

    @property
    def episode_manager_status(self) -> str:
        """The episode manager's diagnostic message."""
        if self._status is not None:
            return self._status.message
        return 'its diagnostics are silent' if self._client.episodes else 'it does not run'

    def wait_for_nodes(self) -> None:
        """Wait for messages of both nodes; raises RearmError if neither runs."""
        _wait(lambda: bool(self._controls and self._status is not None), LISTEN_TIMEOUT)
        if not (self._controls or self._client.episodes):
            namespace = self._client.node.get_namespace()
            domain = os.environ.get('ROS_DOMAIN_ID') or '0'
            raise RearmError(
                f'no cell runs in namespace {namespace}, domain {domain}; '
                '`robo-dopamine up` starts one'
            )

    def rearm(self) -> None:
        """Release the gate's latch; raises RearmError if it refuses or latches again."""
        from robo_dopamine_ros.ros.topics import REARM

        answer = self._call(REARM)
        if not answer.success:
            raise RearmError(f'the gate refuses to rearm: {answer.message}')
        if not _wait(lambda: not self.latch_reason, SETTLE_TIMEOUT):
            raise RearmError(f'the gate is latched again: {self.latch_reason}')

    def resume_episodes(self) -> str:
        """Let the episode manager go on; returns a line about the next episode, or RearmError."""
        from robo_dopamine_ros.episodes.state_machine import (
            ALL_DONE,
            STARTS_AUTOMATICALLY,
            STARTS_ON_REQUEST,
        )
        from robo_dopamine_ros.ros.topics import PAUSE

        if not self._client.episodes:
            raise RearmError('no episode manager runs, so there are no episodes to go on with')
        answers: list[Any] = []

        def granted() -> bool:  # it may not have received the gate's new state yet
            answers.append(self._call(PAUSE, data=False))
            return answers[-1].success

        if not _wait(granted, SETTLE_TIMEOUT):
            raise RearmError(f'the episode manager refuses to go on: {answers[-1].message}')
        next_start, self._status = answers[-1].message, None
        if next_start == STARTS_ON_REQUEST:
            return f'episode_manager: {next_start}'
        if next_start.endswith(ALL_DONE) or not _wait(self._has_episode, EPISODE_TIMEOUT):
            next_start = self._next_start() or next_start
            if next_start != STARTS_AUTOMATICALLY:
                raise RearmError(f'the episode manager begins no episode: {next_start}')
            return f'episode_manager: {next_start}'
        episode = self._client.episode
        return f'{episode.id} is {episode.phase.name.lower()}: {episode.task}'

    def _has_episode(self) -> bool:
        return self._client.episode.phase in (Phase.RESETTING, Phase.RUNNING)

    def _next_start(self) -> str:
        """Return what starts the next episode, from the episode manager's diagnostics."""
        from robo_dopamine_ros.episodes.state_machine import NEXT_EPISODE_KEY

        values = self._status.values if self._status is not None else ()
        return next((value.value for value in values if value.key == NEXT_EPISODE_KEY), '')

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            if status.name == self._name:
                self._status = status

    def _call(self, service: 'Service', **fields: Any) -> Any:
        """Repeat a call until it is answered: DDS may lose the answer to a new client."""
        client = self._client.node.create_client(service.type, service.name)
        if not _wait(client.service_is_ready, ANSWER_TIMEOUT):
            raise RearmError(f'nobody offers {service.name}; the {service.owner} does not run')
        started, futures = time.monotonic(), [client.call_async(service.type.Request(**fields))]

        def answered() -> bool:
            if time.monotonic() > started + RETRY_PERIOD * len(futures):
                futures.append(client.call_async(service.type.Request(**fields)))
            return any(future.done() for future in futures)

        if not _wait(answered, ANSWER_TIMEOUT):
            raise RearmError(f'the {service.owner} did not answer {service.name} in time')
        return next(future.result() for future in futures if future.done())


def _wait(condition: Callable[[], bool], timeout: float) -> bool:
    """Return whether a condition became true within `timeout` [s]."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_PERIOD)
    return True
