"""Random logs of the events a recorder receives, and the transitions expected of them.

The second half implements the rules of transitions independently: it reads the whole log at once,
where the code under test gets one event after the other.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from robo_dopamine_ros.experience.types import Observation, ObservationSpec, Step, StepId
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

MS = SECOND // 1000
START = 1_700_000_000 * SECOND  # [ns]
TIMEOUT = 0.5  # [s]
SPEC = ObservationSpec(features=3, state=2)
ACTING = (Mode.HUMAN, Mode.POLICY)


class Crash:
    """The process is killed and started again."""


@dataclass(frozen=True)
class LoggedEvent:
    """An event and its arrival at the recorder."""

    at: int  # [ns]
    event: Step | Progress | Episode | Crash | None


def make_observation(number: int, stamp: int) -> Observation:
    """An observation that contains its number twice."""
    features = np.array([number % 1000, number // 1000, 7], np.float16)
    return Observation(stamp, features, np.array([number, -number], np.float32))


def make_twist(number: int) -> np.ndarray:
    """Twist of step `number`, exact in any precision."""
    return np.array([number % 64, number // 64, 32, 0, 0, 0]) / 64


def step_number(action: np.ndarray) -> int:
    """Number of the step of an action, for a scale of 1."""
    return int(64 * action[0] + 4096 * action[1])


class RandomLog:
    """Log of a few random episodes."""

    def __init__(self, rng: np.random.Generator, episodes: int, crashes: int) -> None:
        self.rng = rng
        self.events: list[LoggedEvent] = []
        self._now = START
        self._observations = 0
        self._steps = 0
        for index in range(episodes):
            self._episode(f'e{index}')
        times = rng.integers(START, self._now, crashes)
        self.events += [LoggedEvent(int(at), Crash()) for at in times]
        self.events += [LoggedEvent(at, None) for at in range(START, self._now + SECOND, 150 * MS)]
        self.events.sort(key=lambda one: one.at)
        self.events = self._number_steps()

    def _observe(self) -> Observation:
        self._observations += 1
        return make_observation(self._observations, self._now)

    def _episode(self, name: str) -> None:
        rng, begun = self.rng, self._now
        end, mode = self._observe(), Mode.POLICY
        for _ in range(rng.integers(1, 14)):
            if rng.random() < 0.2:
                mode = Mode(rng.choice([0, 0, 1, 1, 3, 3, 2, 4]))
            if rng.random() < 0.05:  # a gap in the recording
                self._now += int(rng.integers(1, 300)) * MS
                end = self._observe()
            begin = end
            self._now += int(rng.integers(60, 150)) * MS
            end = self._observe()
            demonstration = name == 'e0'
            step = Step(
                *(StepId('day', 1, 0), name, begin, end, mode, make_twist(self._steps)),
                *(float(rng.integers(2)), float(rng.integers(2)), 0, demonstration),
            )
            self._steps += 1
            self.events.append(LoggedEvent(self._now, step))
        if rng.random() < 0.9:
            stamp = self._now + int(rng.integers(-100, 30)) * MS
            ended = Episode(
                name, phase=Phase.ENDED, outcome=Outcome(rng.integers(1, 5)), stamp=stamp
            )
            self.events.append(LoggedEvent(stamp + int(rng.integers(0, 20)) * MS, ended))
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
            at = stamp + int(rng.integers(0, 2 * latency))  # out of order
            self.events.append(LoggedEvent(at, reading))
            if rng.random() < 0.1:
                self.events.append(LoggedEvent(at + 10 * MS, reading))
            stamp += period

    def _number_steps(self) -> list[LoggedEvent]:
        """Number the steps: some are lost, some repeated, a crash begins a new epoch."""
        events, epoch, sequence = [], 1, -1
        for one in self.events:
            if isinstance(one.event, Crash):
                epoch, sequence = epoch + 1, -1
            if not isinstance(one.event, Step):
                events.append(one)
                continue
            sequence += 1
            if self.rng.random() < 0.05:
                continue
            event = one.event
            step = Step(StepId('day', epoch, sequence), *list(vars(event).values())[1:])
            events += [LoggedEvent(one.at, step)] * (1 + (self.rng.random() < 0.1))
        return events


@dataclass(frozen=True)
class ExpectedTransition:
    """Step, outcome and potentials of a transition."""

    step: Step
    outcome: Outcome  # of the step; NONE: another follows
    potential: float
    next_potential: float


def expected_transitions(log: list[LoggedEvent]) -> list[ExpectedTransition]:
    """All transitions of a log, in order."""
    seen: set[StepId] = set()
    potentials: dict[tuple[str, int], float] = {}
    consumed: set[str] = set()
    transitions = []
    for index, one in enumerate(log):
        step = one.event
        if not isinstance(step, Step) or step.id in seen:
            continue
        seen.add(step.id)
        outcome = _outcome(log, index, step, consumed)
        if outcome is None:
            continue
        last = _last_reading(log, index, step.episode)
        values = []
        for stamp in (step.begin.stamp, step.end.stamp):
            ends_here = outcome.terminal and stamp == step.end.stamp
            known = 0.0 if ends_here else _potential(log[: last + 1], step.episode, stamp)
            if not ends_here:
                known = potentials.setdefault((step.episode, stamp), known)
            values.append(known)
        if outcome.terminal:
            consumed.add(step.episode)
        transitions.append(ExpectedTransition(step, outcome, *values))
    return transitions


def _episode_end(log: list[LoggedEvent], until: int, episode: str) -> tuple[int, Episode] | None:
    for index, one in enumerate(log[: until + 1]):
        if isinstance(one.event, Episode) and one.event.id == episode:
            return index, one.event
    return None


def _end_of_data(log: list[LoggedEvent], index: int, episode: str) -> int:
    """Index where the data for a step at `index` end: a crash, another episode, or the last."""
    for later in range(index + 1, len(log)):
        event = log[later].event
        if isinstance(event, Crash) or (isinstance(event, Step) and event.episode != episode):
            return later
    return len(log) - 1


def _outcome(log: list[LoggedEvent], index: int, step: Step, consumed: set[str]) -> Outcome | None:
    """Outcome of a step; None: it becomes no transition."""
    cut = _end_of_data(log, index, step.episode)
    found = _episode_end(log, cut, step.episode)
    ended = found[1] if found else None
    if step.mode not in ACTING or (ended and step.begin.stamp >= ended.stamp):
        return None
    final = ended.outcome if ended and step.episode not in consumed else Outcome.ABORTED
    events = [one.event for one in log[index : cut + 1]]
    steps = [e for e in events if isinstance(e, Step) and e.episode == step.episode]
    unique = list(dict.fromkeys(steps))
    for last, following in pairwise(unique):
        if ended and last.end.stamp >= ended.stamp:
            return final
        lost = following.id.sequence != last.id.sequence + 1
        if lost or following.begin.stamp != last.end.stamp:
            return Outcome.ABORTED
        if following.mode in ACTING:
            return Outcome.NONE if last is step else Outcome.ABORTED
        if following.mode is not Mode.HOLD:
            return Outcome.ABORTED
    return final


def _last_reading(log: list[LoggedEvent], index: int, episode: str) -> int:
    """Index of the last event whose reading can count for a step at `index`."""
    cut = _end_of_data(log, index, episode)
    found = _episode_end(log, cut, episode)
    if found is None:
        return cut
    if any(isinstance(one.event, Crash) for one in log[found[0] : index]):
        return index  # the end was stored before the crash
    for later in range(max(index, found[0]), cut):
        if log[later].at - log[found[0]].at >= TIMEOUT * SECOND:
            return later
    return cut


def _potential(log: list[LoggedEvent], episode: str, stamp: int) -> float:
    stamps, values = [], []
    for one in log:
        reading = one.event
        if isinstance(reading, Progress) and reading.episode == episode and reading.valid:
            newer = not stamps or reading.stamp - START > stamps[-1]
            if newer and np.isfinite(reading.progress):
                stamps.append(reading.stamp - START)
                values.append(reading.progress)
    return float(np.interp(stamp - START, stamps, values)) if stamps else 0.0
