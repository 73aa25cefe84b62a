"""Processes of a learning cell die by kill -9, one after the other, and practice goes on."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _keeper import Keeper
from _live import ACTING, Live
from _prepared import StuckError
from _up import Up

from robo_dopamine_ros.learning.folder import Folder

LOOK = 0.1  # [s] between looks
EARLY, LATE = 0.5, 9.0  # [s] from when all goes on until the next death
STUCK = 180.0  # [s] until practice must go on
ENDED = 30.0  # [s] for `up` to see that the cell is over
AGAIN, TRIES = 3.0, 5  # [s] between two starts, while DDS still tells of the dead


def checkpoint_of(number: int) -> str:
    """Name of the checkpoint's copy as it was at a death, counted from 0."""
    return f'{number:03d}.safetensors'


@dataclass
class Death:
    """One of them."""

    who: str
    mode: str  # who moved the arm then
    phase: str  # of the episode then
    stamp: int  # ROS time [ns]
    commands: int = 0  # how often the one command was run again
    deeds: str = ''  # what the person in charge had to do besides
    seconds: float = 0.0  # until practice went on
    absent: int = 0  # steps
    unseen: float = 0.0  # [s]
    blind: float = 0.0  # [s]
    checkpoint: int = 0  # gradient steps that it held then
    resumed: int | None = None  # that a learner told of first, where it was started again
    reset: tuple[str, ...] = ()  # tensors that are not taken up as they are in the file


class Deaths:
    """Gives every death once practice went on."""

    def __init__(self, up: Up, live: Live, folder: Folder, rng: np.random.Generator) -> None:
        self._up, self._live, self._folder, self._rng = up, live, folder, rng
        self._keeper = Keeper(live)

    def happen(self, count: int, only: Sequence[str], copies: Path) -> Iterator[Death]:
        """So many; all processes take turns, in an order of chance."""
        self._until(lambda: self._goes_on(0), 'practice does not begin')
        names: list[str] = []
        for number in range(count):
            self._wait(self._rng.uniform(EARLY, LATE))
            names = names or list(self._rng.permutation(only or sorted(self._up.pids())))
            yield self._one(names.pop(), copies / checkpoint_of(number))

    def _one(self, who: str, copy: Path) -> Death:
        live, up, began = self._live, self._up, time.monotonic()
        pids = up.pids()
        if who not in pids:
            raise StuckError(f'{who} does not run: {", ".join(pids)}\n{up.last_words()}')
        tick = live.ticks[-1]
        death = Death(who, tick.mode.name, live.episode.phase.name.lower(), live.now())
        up.kill(who)
        shutil.copyfile(self._folder.checkpoint, copy)
        self._until(lambda: self._back(who, pids[who]) or not up.alive, f'{who} does not return')
        while not up.alive:
            if death.commands == TRIES:
                raise StuckError(f'{TRIES} starts after the death of {who}:\n{up.last_words()}')
            up.wait_gone()
            time.sleep(AGAIN * bool(death.commands))
            up.start()
            death.commands += 1
            self._until(lambda: self._back('policy', 0) or not up.alive, 'no policy starts')
        back = live.now()
        self._until(lambda: self._speaks(who, back), f'{who} is silent after its death')
        spoke = live.now()
        self._until(lambda: self._goes_on(spoke), f'after the death of {who} nothing goes on')
        deeds = [deed.what for deed in self._keeper.since(began)]
        death.deeds = ', '.join(f'{what} {deeds.count(what)}' for what in dict.fromkeys(deeds))
        death.seconds = time.monotonic() - began
        if who == 'learner' or death.commands:
            self._until(lambda: self._speaks('learner', back), 'the learner is silent')
            death.resumed = self._told(back)[0]
        return death

    def _told(self, since: int) -> list[int]:
        """Gradient steps that the learner told of since then [ns]."""
        return [status.steps for status in self._live.statuses if status.arrival > since]

    def _back(self, who: str, dead: int) -> bool:
        """Whether another process has taken its place."""
        return self._up.pids().get(who, dead) != dead

    def _speaks(self, who: str, since: int) -> bool:
        """Whether what practice lacks without it is there again."""
        live = self._live
        if who == 'learner':
            return bool(self._told(since))
        return who != 'reward' or any(r.valid and r.stamp > since for r in live.readings[-20:])

    def _goes_on(self, since: int) -> bool:
        """Whether somebody acted since then [ns], and the step of it is kept."""
        live = self._live
        kept = live.kept[-1] if live.kept else None
        acted = [s for s in live.steps[-50:] if s.begin > since and s.mode in ACTING]
        return kept is not None and any(
            s.epoch == kept.epoch and s.sequence <= kept.sequence for s in acted
        )

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self._until(lambda: time.monotonic() > until, '')

    def _until(self, condition: Callable[[], bool], failure: str) -> None:
        deadline = time.monotonic() + STUCK
        while not condition():
            if time.monotonic() > deadline:
                raise StuckError(f'{failure} within {STUCK:.0f} s:\n{self._up.last_words()}')
            self._keeper.update(time.monotonic())
            time.sleep(LOOK)
