"""Comparison of what the gate did with the steps in the database."""

import bisect
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from _cell_log import ACTING, Rollout, SentStep, Tick, between

from robo_dopamine_ros import checkpoint
from robo_dopamine_ros.experience import schema
from robo_dopamine_ros.experience.writer import LIVE_RUN
from robo_dopamine_ros.learning import trainer
from robo_dopamine_ros.policy.observation import NORMALIZER_PREFIX
from robo_dopamine_ros.training.config import RunDir, make_trainer, read_train_config
from robo_dopamine_ros.types import SECOND

PERIOD = SECOND // 10  # of a step [ns]
MAX_TICK_GAP = SECOND // 20  # ticks of one stretch are not further apart [ns]
MAX_SILENCE = 3 * SECOND // 10  # of a living policy [ns]
STEPS = """
SELECT a.epoch, s.sequence, e.name, s.begin, s.end, b.stamp, f.stamp
FROM steps s JOIN actors a ON a.id = s.actor JOIN episodes e ON e.id = s.episode
JOIN frames b ON b.id = s.begin JOIN frames f ON f.id = s.end
WHERE a.run = ? ORDER BY a.epoch, s.sequence, s.id
"""


class StoredStep(NamedTuple):
    """A step in the database."""

    epoch: int
    sequence: int
    episode: str
    first: int  # observation
    last: int  # observation
    begin: int  # [ns]
    end: int  # [ns]


class Gap(NamedTuple):
    """A span in which a source acted and for which there is no step."""

    begin: int  # [ns]
    end: int  # [ns]
    alive: int  # the policy published until then [ns]

    def absent(self, latency: int) -> int:
        """Steps lost with a policy that was killed; it receives views `latency` [ns] late."""
        dead = self.alive < self.end
        return dead * max(0, (self.alive - self.begin - latency) // PERIOD)

    @property
    def unseen(self) -> float:
        """How long the arm moved while no policy ran [s]."""
        return (self.end - self.alive) / SECOND

    @property
    def blind(self) -> float:
        """How long a running policy made no step, for lack of complete views [s]."""
        return (self.end - self.begin) / SECOND if self.alive >= self.end else 0.0


def stored(store: Path) -> list[StoredStep]:
    """All live steps, in order."""
    with closing(schema.connect_reader(store)) as db:
        return [StoredStep(*row) for row in db.execute(STEPS, (LIVE_RUN,))]


def lost(announced: Sequence[SentStep], steps: Sequence[StoredStep]) -> list[SentStep]:
    """Published steps that are not in the database."""
    known = {(step.epoch, step.sequence) for step in steps}
    absent = {(a.epoch, a.sequence): a for a in announced if (a.epoch, a.sequence) not in known}
    return list(absent.values())


def doubled(steps: Sequence[StoredStep]) -> int:
    """Steps with the number of another, or that overlap another in time."""
    numbers = [(step.epoch, step.sequence) for step in steps]
    ordered = sorted(steps, key=lambda step: (step.episode, step.begin))
    overlaps = sum(a.episode == b.episode and b.begin < a.end for a, b in pairwise(ordered))
    return len(numbers) - len(set(numbers)) + overlaps


def discontinuous(steps: Sequence[StoredStep]) -> int:
    """Steps after a missing number, or consecutive ones with another observation."""
    wrong = sum(not step.end > step.begin for step in steps)
    for a, b in pairwise(steps):
        if a.epoch == b.epoch:
            goes_on = a.episode == b.episode and a.end == b.begin
            wrong += b.sequence != a.sequence + 1 or (goes_on and a.last != b.first)
    return wrong


def gaps(
    ticks: Sequence[Tick],
    rollouts: Sequence[Rollout],
    steps: Sequence[StoredStep],
    command_stamps: Sequence[int],
) -> Iterator[Gap]:
    """Spans of episodes without steps; `command_stamps` [ns] are of the policy's commands."""
    for rollout in rollouts:
        own = sorted((step.begin, step.end) for step in steps if step.episode == rollout.id)
        bare = [
            tick.stamp
            for tick in between(ticks, rollout.begin, rollout.end)
            if tick.mode in ACTING and not covered(own, tick.stamp)
        ]
        for begin, end in stretches(bare):
            yield Gap(begin, end, alive_until(command_stamps, begin, end))


def covered(spans: Sequence[tuple[int, int]], stamp: int) -> bool:
    """Whether one of the sorted spans contains a stamp."""
    number = bisect.bisect_right(spans, stamp, key=lambda span: span[0])
    return number > 0 and stamp <= spans[number - 1][1]


def stretches(stamps: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last stamp of each group of stamps close together."""
    begin = 0
    for number, stamp in enumerate(stamps):
        if number + 1 == len(stamps) or stamps[number + 1] - stamp > MAX_TICK_GAP:
            yield stamps[begin], stamp
            begin = number + 1


def alive_until(command_stamps: Sequence[int], begin: int, end: int) -> int:
    """Until when within a span the policy published without a pause."""
    last = begin
    for stamp in islice(command_stamps, bisect.bisect(command_stamps, begin), None):
        if stamp - last > MAX_SILENCE:
            return last
        if stamp >= end:
            return end
        last = stamp
    return last


def check_restore(run_dir: RunDir, path: Path) -> tuple[int, list[str]]:
    """Restore a trainer from a checkpoint: its updates, and tensors that differ from the file."""
    config = read_train_config(run_dir.path)
    restored = make_trainer(run_dir, config)
    restored.restore(path, config.configuration)
    tensors, state = checkpoint.load(path).tensors, restored.agent.state_dict()
    restored.close()
    learned = {name: value for name, value in tensors.items() if _learned(name)}
    other = [name for name in state.keys() ^ learned.keys()]
    other += [n for n in state.keys() & learned.keys() if not torch.equal(state[n], learned[n])]
    return restored.agent.updates, other


def _learned(name: str) -> bool:
    """Whether a tensor of a checkpoint is the agent's."""
    return not name.startswith(NORMALIZER_PREFIX) and name != trainer.EXPLORATION_RNG
