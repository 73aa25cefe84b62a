"""What the gate did against what the store holds, after all that happened."""

import bisect
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from _live import ACTING, Rollout, Tick, Told, between

from robo_dopamine_ros.learning import checkpoint, halt, schema
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.intake import RUN
from robo_dopamine_ros.learning.plan import read_plan
from robo_dopamine_ros.types import SECOND

PERIOD = SECOND // 10  # of a step [ns]
APART = SECOND // 20  # ticks of one stretch are not further apart [ns]
PAUSE = 3 * SECOND // 10  # in the policy's word: then it was dead [ns]
STEPS = """
SELECT a.epoch, s.sequence, e.name, s.begin, s.end, b.stamp, f.stamp
FROM steps s JOIN actors a ON a.id = s.actor JOIN episodes e ON e.id = s.episode
JOIN frames b ON b.id = s.begin JOIN frames f ON f.id = s.end
WHERE a.run = ? ORDER BY a.epoch, s.sequence, s.id
"""


class Stored(NamedTuple):
    """A step that is on the disk."""

    epoch: int
    sequence: int
    episode: str
    first: int  # frame
    last: int  # frame
    begin: int  # [ns]
    end: int  # [ns]


class Gap(NamedTuple):
    """A stretch in which somebody acted and no step tells of it."""

    begin: int  # [ns]
    end: int  # [ns]
    alive: int  # the actor spoke until then [ns]

    def absent(self, latency: int) -> int:
        """Steps that an actor who died took along; it sees a frame `latency` [ns] after its end."""
        dead = self.alive < self.end
        return dead * max(0, (self.alive - self.begin - latency) // PERIOD)

    @property
    def unseen(self) -> float:
        """How long the arm moved without any actor to see it [s]."""
        return (self.end - self.alive) / SECOND

    @property
    def blind(self) -> float:
        """How long an actor that lived made no step, for want of complete views [s]."""
        return (self.end - self.begin) / SECOND if self.alive >= self.end else 0.0


def stored(store: Path) -> list[Stored]:
    """All steps of live practice, in their order."""
    with closing(schema.readable(store)) as db:
        return [Stored(*row) for row in db.execute(STEPS, (RUN,))]


def lost(announced: Sequence[Told], steps: Sequence[Stored]) -> list[Told]:
    """Steps that were announced and are not on the disk."""
    known = {(step.epoch, step.sequence) for step in steps}
    absent = {(a.epoch, a.sequence): a for a in announced if (a.epoch, a.sequence) not in known}
    return list(absent.values())


def doubled(steps: Sequence[Stored]) -> int:
    """Steps with the number of another, or that tell of a time of which another tells."""
    numbers = [(step.epoch, step.sequence) for step in steps]
    ordered = sorted(steps, key=lambda step: (step.episode, step.begin))
    overlaps = sum(a.episode == b.episode and b.begin < a.end for a, b in pairwise(ordered))
    return len(numbers) - len(set(numbers)) + overlaps


def unchained(steps: Sequence[Stored]) -> int:
    """Steps before which a number is missing, or that go on in time, but on another frame."""
    wrong = sum(not step.end > step.begin for step in steps)
    for a, b in pairwise(steps):
        if a.epoch == b.epoch:
            goes_on = a.episode == b.episode and a.end == b.begin
            wrong += b.sequence != a.sequence + 1 or (goes_on and a.last != b.first)
    return wrong


def gaps(
    ticks: Sequence[Tick],
    rollouts: Sequence[Rollout],
    steps: Sequence[Stored],
    spoken: Sequence[int],
) -> Iterator[Gap]:
    """Stretches of episodes that no step tells of; `spoken` are stamps of the policy's words."""
    for rollout in rollouts:
        own = sorted((step.begin, step.end) for step in steps if step.episode == rollout.id)
        bare = [
            tick.stamp
            for tick in between(ticks, rollout.begin, rollout.end)
            if tick.mode in ACTING and not covered(own, tick.stamp)
        ]
        for begin, end in stretches(bare):
            yield Gap(begin, end, alive_until(spoken, begin, end))


def covered(spans: Sequence[tuple[int, int]], stamp: int) -> bool:
    """Whether one of the spans, in order, has a stamp within."""
    number = bisect.bisect_right(spans, stamp, key=lambda span: span[0])
    return number > 0 and stamp <= spans[number - 1][1]


def stretches(stamps: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last stamp of those that are close together."""
    begin = 0
    for number, stamp in enumerate(stamps):
        if number + 1 == len(stamps) or stamps[number + 1] - stamp > APART:
            yield stamps[begin], stamp
            begin = number + 1


def alive_until(spoken: Sequence[int], begin: int, end: int) -> int:
    """Until when within a span the actor lived: it speaks without a pause."""
    last = begin
    for stamp in islice(spoken, bisect.bisect(spoken, begin), None):
        if stamp - last > PAUSE:
            return last
        if stamp >= end:
            return end
        last = stamp
    return last


def taken_up(folder: Folder, kept: Path) -> tuple[int, list[str]]:
    """Let a fresh pupil take a checkpoint up: gradient steps, and tensors not as in the file."""
    plan = read_plan(folder.path)
    pupil = plan.pupil(folder.store)
    halt.take_up(kept, pupil, plan.configuration)
    tensors, state = checkpoint.load(kept).tensors, pupil.agent.state()
    pupil.close()
    learned = {name: value for name, value in tensors.items() if _learned(name)}
    other = [name for name in state.keys() ^ learned.keys()]
    other += [n for n in state.keys() & learned.keys() if not torch.equal(state[n], learned[n])]
    return pupil.agent.updates, other


def _learned(name: str) -> bool:
    """Whether a tensor of a checkpoint is the agent's."""
    return not name.startswith('standard.') and name != halt.EXPLORING
