"""Random days of a robot as its recorder hears them, and what their steps must be worth.

The second half is an independent account of the rules of sealing: it sees the whole log at once,
where the code under test sees one event after the other.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from robo_dopamine_ros.learning.steps import Frame, Key, Sizes, Step
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

MS = SECOND // 1000
DAWN = 1_700_000_000 * SECOND  # [ns]
PATIENCE = 0.5  # [s]
SIZES = Sizes(features=3, state=2)
ACTING = (Mode.HUMAN, Mode.POLICY)


class Crash:
    """The process is killed and started again."""


@dataclass(frozen=True)
class Told:
    """One thing the recorder hears."""

    at: int  # [ns]
    event: Step | Progress | Episode | Crash | None


def frame(number: int, stamp: int) -> Frame:
    """A frame that says which it is, twice."""
    features = np.array([number % 1000, number // 1000, 7], np.float16)
    return Frame(stamp, features, np.array([number, -number], np.float32))


def twist(number: int) -> np.ndarray:
    """What step `number` sends; exact in any precision."""
    return np.array([number % 64, number // 64, 32, 0, 0, 0]) / 64


def step_number(action: np.ndarray) -> int:
    """Which step an action is of, for a scale of 1."""
    return int(64 * action[0] + 4096 * action[1])


class Day:
    """Writes the log of a few episodes."""

    def __init__(self, rng: np.random.Generator, episodes: int, crashes: int) -> None:
        self.rng = rng
        self.told: list[Told] = []
        self._now = DAWN
        self._frames = 0
        self._steps = 0
        for index in range(episodes):
            self._episode(f'e{index}')
        times = rng.integers(DAWN, self._now, crashes)
        self.told += [Told(int(at), Crash()) for at in times]
        self.told += [Told(at, None) for at in range(DAWN, self._now + SECOND, 150 * MS)]
        self.told.sort(key=lambda told: told.at)
        self.told = self._keyed()

    def _frame(self) -> Frame:
        self._frames += 1
        return frame(self._frames, self._now)

    def _episode(self, name: str) -> None:
        rng, begun = self.rng, self._now
        end, mode = self._frame(), Mode.POLICY
        for _ in range(rng.integers(1, 14)):
            if rng.random() < 0.2:
                mode = Mode(rng.choice([0, 0, 1, 1, 3, 3, 2, 4]))
            if rng.random() < 0.05:  # nobody recorded for a while
                self._now += int(rng.integers(1, 300)) * MS
                end = self._frame()
            begin = end
            self._now += int(rng.integers(60, 150)) * MS
            end = self._frame()
            demonstration = name == 'e0'
            step = Step(
                *(Key('day', 1, 0), name, begin, end, mode, twist(self._steps)),
                *(float(rng.integers(2)), float(rng.integers(2)), 0, demonstration),
            )
            self._steps += 1
            self.told.append(Told(self._now, step))
        if rng.random() < 0.9:
            stamp = self._now + int(rng.integers(-100, 30)) * MS
            word = Episode(
                name, phase=Phase.ENDED, outcome=Outcome(rng.integers(1, 5)), stamp=stamp
            )
            self.told.append(Told(stamp + int(rng.integers(0, 20)) * MS, word))
        self._readings(name, begun)
        self._now += int(rng.choice([0, 100, 1500])) * MS

    def _readings(self, name: str, begun: int) -> None:
        rng = self.rng
        period, latency = int(rng.integers(20, 500)) * MS, int(rng.integers(1, 400)) * MS
        stamp = begun + int(rng.integers(-100, 300)) * MS
        silent = begun + int(rng.choice([0.5, 10, 10, 10]) * SECOND)
        while stamp < min(silent, self._now + 200 * MS):
            reading = Progress(
                *(stamp, name),
                progress=float(
                    rng.choice([rng.random(), 0.0, 1.0, np.nan], p=[0.9, 0.04, 0.04, 0.02])
                ),
                valid=bool(rng.random() < 0.9),
            )
            at = stamp + int(rng.integers(0, 2 * latency))  # they overtake one another
            self.told.append(Told(at, reading))
            if rng.random() < 0.1:
                self.told.append(Told(at + 10 * MS, reading))
            stamp += period

    def _keyed(self) -> list[Told]:
        """Number the steps: some are lost, some told twice, a start begins a new epoch."""
        told, epoch, sequence = [], 1, -1
        for one in self.told:
            if isinstance(one.event, Crash):
                epoch, sequence = epoch + 1, -1
            if not isinstance(one.event, Step):
                told.append(one)
                continue
            sequence += 1
            if self.rng.random() < 0.05:
                continue
            event = one.event
            step = Step(Key('day', epoch, sequence), *list(vars(event).values())[1:])
            told += [Told(one.at, step)] * (1 + (self.rng.random() < 0.1))
        return told


@dataclass(frozen=True)
class Worth:
    """What a transition must be."""

    step: Step
    outcome: Outcome  # how the step ended; NONE: it goes on
    potential: float
    next_potential: float


def account(log: list[Told]) -> list[Worth]:
    """All transitions of a log, in order."""
    seen: set[Key] = set()
    potentials: dict[tuple[str, int], float] = {}
    spent: set[str] = set()
    worths = []
    for index, told in enumerate(log):
        step = told.event
        if not isinstance(step, Step) or step.key in seen:
            continue
        seen.add(step.key)
        outcome = _outcome(log, index, step, spent)
        if outcome is None:
            continue
        forced = _forced(log, index, step.episode)
        values = []
        for stamp in (step.begin.stamp, step.end.stamp):
            ends_here = outcome.terminal and stamp == step.end.stamp
            known = 0.0 if ends_here else _potential(log[: forced + 1], step.episode, stamp)
            if not ends_here:
                known = potentials.setdefault((step.episode, stamp), known)
            values.append(known)
        if outcome.terminal:
            spent.add(step.episode)
        worths.append(Worth(step, outcome, *values))
    return worths


def _word(log: list[Told], until: int, episode: str) -> tuple[int, Episode] | None:
    for index, told in enumerate(log[: until + 1]):
        if isinstance(told.event, Episode) and told.event.id == episode:
            return index, told.event
    return None


def _cut(log: list[Told], index: int, episode: str) -> int:
    """Where the log stops for a step at `index`: a crash, another episode, or its end."""
    for later in range(index + 1, len(log)):
        event = log[later].event
        if isinstance(event, Crash) or (isinstance(event, Step) and event.episode != episode):
            return later
    return len(log) - 1


def _outcome(log: list[Told], index: int, step: Step, spent: set[str]) -> Outcome | None:
    """None: no transition."""
    cut = _cut(log, index, step.episode)
    found = _word(log, cut, step.episode)
    word = found[1] if found else None
    if step.mode not in ACTING or (word and step.begin.stamp >= word.stamp):
        return None
    said = word.outcome if word and step.episode not in spent else Outcome.ABORTED
    events = [told.event for told in log[index : cut + 1]]
    steps = [e for e in events if isinstance(e, Step) and e.episode == step.episode]
    chain = list(dict.fromkeys(steps))  # told twice counts once
    for last, following in pairwise(chain):
        if word and last.end.stamp >= word.stamp:
            return said
        lost = following.key.sequence != last.key.sequence + 1
        if lost or following.begin.stamp != last.end.stamp:
            return Outcome.ABORTED
        if following.mode in ACTING:
            return Outcome.NONE if last is step else Outcome.ABORTED
        if following.mode is not Mode.HOLD:
            return Outcome.ABORTED
    return said


def _forced(log: list[Told], index: int, episode: str) -> int:
    """Until where readings can still count for a step at `index`."""
    cut = _cut(log, index, episode)
    found = _word(log, cut, episode)
    if found is None:
        return cut
    if any(isinstance(told.event, Crash) for told in log[found[0] : index]):
        return index  # the word is an old story
    for later in range(max(index, found[0]), cut):
        if log[later].at - log[found[0]].at >= PATIENCE * SECOND:
            return later
    return cut


def _potential(log: list[Told], episode: str, stamp: int) -> float:
    stamps, values = [], []
    for told in log:
        reading = told.event
        if isinstance(reading, Progress) and reading.episode == episode and reading.valid:
            newer = not stamps or reading.stamp - DAWN > stamps[-1]
            if newer and np.isfinite(reading.progress):
                stamps.append(reading.stamp - DAWN)
                values.append(reading.progress)
    return float(np.interp(stamp - DAWN, stamps, values)) if stamps else 0.0
