"""A cell that runs while a person watches; import it after the environment is active."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from robo_dopamine_ros.cli.live import PERIOD, describe
from robo_dopamine_ros.cli.processes import Cell, screen_log
from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.nodes.observer import Observer
from robo_dopamine_ros.nodes.system import Process
from robo_dopamine_ros.types import Episode, Outcome, Phase

START_PATIENCE = 90.0  # [s] for processes to start and the model to load
END_PATIENCE = 3.0  # [s] for the last reading and the last reward
POLL = 0.01  # [s] between looks while waiting


class CellError(RuntimeError):
    """A cell that did not do what it should in time."""


@dataclass(frozen=True)
class Watch:
    """Running processes, what they publish, and where it is shown."""

    cell: Cell
    observer: Observer
    screen: Screen

    def wait(self, condition: Callable[[], bool], patience: float, failure: str) -> None:
        """Wait for a condition; CellError says `failure` after `patience` [s]."""
        deadline = time.monotonic() + patience
        while not condition():
            self.cell.check()
            if time.monotonic() > deadline:
                raise CellError(f'{failure} within {patience:.0f} s')
            time.sleep(POLL)

    def follow(
        self, condition: Callable[[], bool], clock: Callable[[], str], patience: float, failure: str
    ) -> None:
        """Like `wait`, and shows the newest reading meanwhile; `clock` is what time it shows."""
        shown = 0.0

        def look() -> bool:
            nonlocal shown
            if time.monotonic() >= shown + PERIOD:
                shown = time.monotonic()
                read, paid = self.observer.read(), self.observer.paid()
                self.screen.status(describe(self.screen, clock(), read, paid))
            return condition()

        try:
            self.wait(look, patience, failure)
        finally:
            self.screen.end_status()

    def start_episode(self, task: str) -> Episode:
        """Have an episode started as soon as the reward node reads and all topics are there."""
        self.wait(lambda: not self.observer.silent(), START_PATIENCE, 'not all topics came up')
        self.wait(
            lambda: bool(self.observer.readings),
            START_PATIENCE,
            'the reward node published nothing',
        )
        started = self.observer.start_episode(task, START_PATIENCE, self.cell.check)
        self.wait(
            lambda: self.observer.episode.id == started.id,
            END_PATIENCE,
            'the conductor did not announce the episode',
        )
        return started

    def end_episode(self, outcome: Outcome, decided_by: str) -> None:
        """Have the episode ended, and wait until it is and its last reward was paid."""
        self.observer.end_episode(outcome, decided_by, END_PATIENCE, self.cell.check)
        self.wait(self.ended, END_PATIENCE, 'the conductor did not end the episode')
        self.wait(self.paid_out, END_PATIENCE, 'the reward node did not pay the last step')

    def ended(self) -> bool:
        """Whether the conductor ended the newest episode."""
        return self.observer.episode.phase is Phase.ENDED

    def paid_out(self) -> bool:
        """Whether the last reward of the newest episode was published."""
        paid = self.observer.paid()
        return bool(paid) and (paid[-1].terminated or paid[-1].truncated)


@contextmanager
def watching(
    processes: Sequence[Process],
    screen: Screen,
    folder: Path | None,
    verbose: bool,
    namespace: str = '',
    limit: int | None = None,
) -> Iterator[Watch]:
    """Start a cell and listen to it; all is stopped at the end, whatever happens."""
    log = screen_log(screen, verbose)
    with (
        Cell(processes, os.environ, log, folder and folder / 'logs') as cell,
        Observer(namespace=namespace, limit=limit) as observer,
    ):
        yield Watch(cell, observer, screen)
