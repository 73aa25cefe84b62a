"""Kills processes of a learning cell by SIGKILL, one after the other, and waits for recovery."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _auto_operator import AutoOperator
from _cell_log import ACTING, CellLog
from _run_setup import NoProgressError
from _up import UpCommand

from robo_dopamine_ros.training.config import RunDir

LOOK = 0.1  # [s] between looks
EARLY, LATE = 0.5, 9.0  # [s] from when all goes on until the next death
STUCK = 180.0  # [s] until practice must go on
ENDED = 30.0  # [s] for `up` to see that the cell is over
AGAIN, TRIES = 3.0, 5  # [s] between two starts, while DDS still tells of the dead


def checkpoint_of(number: int) -> str:
    """File name of the copy of the checkpoint at a kill, counted from 0."""
    return f'{number:03d}.safetensors'


@dataclass
class Kill:
    """One kill and its consequences."""

    who: str
    mode: str  # of the gate then
    phase: str  # of the episode then
    stamp: int  # ROS time [ns]
    commands: int = 0  # how often `up` was run again
    actions: str = ''  # of the operator
    seconds: float = 0.0  # until rollouts continued
    absent: int = 0  # steps
    unseen: float = 0.0  # [s]
    blind: float = 0.0  # [s]
    checkpoint: int = 0  # its gradient steps then
    resumed: int | None = None  # first gradient steps of a restarted learner
    reset: tuple[str, ...] = ()  # tensors that differ after the restore


class KillSequence:
    """Kills processes and yields each kill once rollouts continue."""

    def __init__(
        self, up: UpCommand, log: CellLog, run_dir: RunDir, rng: np.random.Generator
    ) -> None:
        self._up, self._log, self._run_dir, self._rng = up, log, run_dir, rng
        self._operator = AutoOperator(log)

    def run(self, count: int, only: Sequence[str], copies: Path) -> Iterator[Kill]:
        """Kill `count` processes; all take turns in random order."""
        self._until(lambda: self._recovered(0), 'practice does not begin')
        names: list[str] = []
        for number in range(count):
            self._wait(self._rng.uniform(EARLY, LATE))
            names = names or list(self._rng.permutation(only or sorted(self._up.pids())))
            yield self._one(names.pop(), copies / checkpoint_of(number))

    def _one(self, who: str, copy: Path) -> Kill:
        log, up, began = self._log, self._up, time.monotonic()
        pids = up.pids()
        if who not in pids:
            raise NoProgressError(f'{who} does not run: {", ".join(pids)}\n{up.log_tail()}')
        tick = log.ticks[-1]
        kill = Kill(who, tick.mode.name, log.episode.phase.name.lower(), log.now())
        up.kill(who)
        shutil.copyfile(self._run_dir.checkpoint, copy)
        self._until(lambda: self._back(who, pids[who]) or not up.alive, f'{who} does not return')
        while not up.alive:
            if kill.commands == TRIES:
                raise NoProgressError(f'{TRIES} starts after the death of {who}:\n{up.log_tail()}')
            up.wait_stopped()
            time.sleep(AGAIN * bool(kill.commands))
            up.start()
            kill.commands += 1
            self._until(lambda: self._back('policy', 0) or not up.alive, 'no policy starts')
        back = log.now()
        self._until(lambda: self._publishes(who, back), f'{who} is silent after its death')
        spoke = log.now()
        self._until(lambda: self._recovered(spoke), f'after the death of {who} nothing goes on')
        actions = [action.what for action in self._operator.since(began)]
        kill.actions = ', '.join(f'{what} {actions.count(what)}' for what in dict.fromkeys(actions))
        kill.seconds = time.monotonic() - began
        if who == 'learner' or kill.commands:
            self._until(lambda: self._publishes('learner', back), 'the learner is silent')
            kill.resumed = self._updates(back)[0]
        return kill

    def _updates(self, since: int) -> list[int]:
        """Gradient steps the learner has published since then [ns]."""
        return [status.updates for status in self._log.statuses if status.arrival > since]

    def _back(self, who: str, dead: int) -> bool:
        """Whether another process has replaced it."""
        return self._up.pids().get(who, dead) != dead

    def _publishes(self, who: str, since: int) -> bool:
        """Whether its output is there again."""
        log = self._log
        if who == 'learner':
            return bool(self._updates(since))
        return who != 'reward' or any(r.valid and r.stamp > since for r in log.readings[-20:])

    def _recovered(self, since: int) -> bool:
        """Whether a source has acted since then [ns] and its step is stored."""
        log = self._log
        stored = log.stored[-1] if log.stored else None
        acted = [s for s in log.steps[-50:] if s.begin > since and s.mode in ACTING]
        return stored is not None and any(
            s.epoch == stored.epoch and s.sequence <= stored.sequence for s in acted
        )

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self._until(lambda: time.monotonic() > until, '')

    def _until(self, condition: Callable[[], bool], failure: str) -> None:
        deadline = time.monotonic() + STUCK
        while not condition():
            if time.monotonic() > deadline:
                raise NoProgressError(f'{failure} within {STUCK:.0f} s:\n{self._up.log_tail()}')
            self._operator.update(time.monotonic())
            time.sleep(LOOK)
