"""A running cell: its processes, a client of its topics, and the terminal.

Import it after the environment is active.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from robo_dopamine_ros.cli import interrupts
from robo_dopamine_ros.cli.console import STATUS_PERIOD, StatusConsole, progress_line
from robo_dopamine_ros.cli.output import LOGS
from robo_dopamine_ros.cli.supervisor import Supervisor, console_log
from robo_dopamine_ros.nodes.cell import Process
from robo_dopamine_ros.nodes.cell_client import CellClient
from robo_dopamine_ros.nodes.live_topics import check_nothing_alive
from robo_dopamine_ros.types import Episode, Outcome, Phase

START_TIMEOUT = 90.0  # [s] for processes to start and the model to load
END_TIMEOUT = 3.0  # [s] for the last reading and the last reward
POLL_PERIOD = 0.01  # [s] of waiting for a condition


class CellError(RuntimeError):
    """A condition of the cell that did not become true in time."""


@dataclass(frozen=True)
class CellSession:
    """Processes of a cell, the client that receives their topics, and the terminal output."""

    supervisor: Supervisor
    client: CellClient
    console: StatusConsole

    def wait(self, condition: Callable[[], bool], timeout: float, failure: str) -> None:
        """Wait for a condition; raises CellError with the text `failure` after `timeout` [s]."""
        deadline = time.monotonic() + timeout
        while not condition():
            interrupts.check()
            self.supervisor.check()
            if time.monotonic() > deadline:
                raise CellError(f'{failure} within {timeout:.0f} s')
            time.sleep(POLL_PERIOD)

    def follow(
        self, condition: Callable[[], bool], clock: Callable[[], str], timeout: float, failure: str
    ) -> None:
        """Wait as `wait` does and show the newest reading; `clock` returns the time shown."""
        shown_at = 0.0

        def update() -> bool:
            nonlocal shown_at
            if time.monotonic() >= shown_at + STATUS_PERIOD:
                shown_at = time.monotonic()
                readings, rewards = self.client.episode_readings(), self.client.episode_rewards()
                self.console.status(progress_line(self.console, clock(), readings, rewards))
            return condition()

        try:
            self.wait(update, timeout, failure)
        finally:
            self.console.end_status()

    def start_episode(self, task: str) -> Episode:
        """Start an episode once all topics are published and the reward node has a reading."""
        client = self.client
        self.wait(lambda: not client.unpublished_topics(), START_TIMEOUT, 'not all topics came up')
        failure = 'the reward node published nothing'
        self.wait(lambda: bool(client.readings), START_TIMEOUT, failure)
        started = client.start_episode(task, START_TIMEOUT, self.supervisor.check)
        failure = 'the episode manager did not announce the episode'
        self.wait(lambda: client.episode.id == started.id, END_TIMEOUT, failure)
        return started

    def end_episode(self, outcome: Outcome, decided_by: str) -> None:
        """End the episode and wait for its last reward."""
        self.client.end_episode(outcome, decided_by, END_TIMEOUT, self.supervisor.check)
        self.wait(self.ended, END_TIMEOUT, 'the episode manager did not end the episode')
        self.wait(
            self.last_reward_received, END_TIMEOUT, 'the reward node did not pay the last step'
        )

    def ended(self) -> bool:
        """Whether the newest episode has ended."""
        return self.client.episode.phase is Phase.ENDED

    def last_reward_received(self) -> bool:
        """Whether the last reward of the newest episode has arrived."""
        rewards = self.client.episode_rewards()
        return bool(rewards) and (rewards[-1].terminated or rewards[-1].truncated)


@contextmanager
def open_session(
    processes: Sequence[Process],
    console: StatusConsole,
    folder: Path | None,
    verbose: bool,
    namespace: str = '',
    limit: int | None = None,
) -> Iterator[CellSession]:
    """Start a cell and a client; stop all processes at the end. `folder` receives the logs.

    Raises AlreadyRunningError, before anything starts, if one of its nodes or topics is alive.
    """
    check_nothing_alive(processes)
    log = console_log(console, verbose)
    with (
        Supervisor(processes, os.environ, log, folder and folder / LOGS) as supervisor,
        CellClient(namespace=namespace, limit=limit) as client,
    ):
        yield CellSession(supervisor, client, console)
