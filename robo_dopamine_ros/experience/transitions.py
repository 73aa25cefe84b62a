"""Building of transitions: when a step becomes one, its reward, and how it terminates. Pure.

A step waits until a valid reading of progress at or past its end has arrived and its successor is
known: the next step, or the end of its episode. It then becomes a transition, which never changes.

- Success and failure terminate the last step that began before the end of the episode: no
  bootstrapping, potential 0 at its end; success pays.
- Time limit and abort truncate the last step; the learner bootstraps from its last observation.
- Any discontinuity truncates the step before it: a gap in sequence or time, a mode other than
  HUMAN and POLICY, another episode, the end of the recording.
- Steps in HOLD leave the step before them open for the end of the episode, because nothing was
  done in between; if a source acts again, that step is truncated.

Missing readings are awaited until `timeout` after the end of the episode. Then, and after a crash,
the last valid reading counts instead; 0 without any.
"""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from robo_dopamine_ros.experience.types import Step, Transition
from robo_dopamine_ros.reward.shaping import RewardParameters, step_reward
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress, Reward

StepRewardFunction = Callable[[int, int, float, float, RewardParameters, Outcome], Reward]


@dataclass(frozen=True)
class TransitionConfig:
    """Reward of transitions, and how long they wait for missing data."""

    timeout: float = 1.0  # for readings and steps after the end of an episode [s]
    reward: RewardParameters = RewardParameters()

    def __post_init__(self) -> None:
        if not 0.0 <= self.timeout < math.inf:
            raise ValueError(f'timeout = {self.timeout} s; it must be 0 or more')


class PotentialInterpolator:
    """Potential at any stamp of one episode, interpolated between valid readings of progress.

    It is linear between two readings and constant before the first and after the last; without
    any it is 0. A stamp keeps the value that it was first given, so that the discounted shaping
    telescopes at any rate of the readings.
    """

    def __init__(self) -> None:
        self.assigned: dict[int, float] = {}  # stamp [ns] -> potential
        self._stamps: list[int] = []
        self._values: list[float] = []

    def add(self, reading: Progress) -> None:
        """Add a reading; one that is invalid, outside 0..1 or not newer is ignored."""
        newer = not self._stamps or reading.stamp > self._stamps[-1]
        if newer and reading.valid and 0.0 <= reading.progress <= 1.0:
            self._stamps.append(reading.stamp)
            self._values.append(reading.progress)

    def covers(self, stamp: int) -> bool:
        """Whether there is a reading at or past a stamp [ns]."""
        return bool(self._stamps) and self._stamps[-1] >= stamp

    def at(self, stamp: int) -> float:
        """Potential at a stamp [ns]; later calls return the same value."""
        if stamp not in self.assigned:
            self.assigned[stamp] = self._interpolate(stamp)
        return self.assigned[stamp]

    def _interpolate(self, stamp: int) -> float:
        if not self._stamps:
            return 0.0
        after = bisect_left(self._stamps, stamp)
        if after == len(self._stamps):
            return self._values[-1]
        if after == 0 or self._stamps[after] == stamp:
            return self._values[after]
        begin, end = self._stamps[after - 1 : after + 1]
        low, high = self._values[after - 1 : after + 1]
        return low + (high - low) * ((stamp - begin) / (end - begin))


@dataclass
class _PendingSteps:
    """One acting step, or consecutive steps in one other mode."""

    step: Step  # the first
    follows: bool  # whether it continues the step before it
    end: int  # [ns]


class TransitionBuilder:
    """Turns steps, readings and episode ends into transitions, in the order of the steps.

    A transition that is neither terminated nor truncated is always followed by the one that begins
    with its last observation. Readings and ends may precede the first step of their episode.
    """

    def __init__(
        self, config: TransitionConfig | None = None, reward: StepRewardFunction = step_reward
    ) -> None:
        """`reward` gives the reward of one step; see also reward_baselines.py."""
        self._config = config or TransitionConfig()
        self._reward = reward
        self._potentials: dict[str, PotentialInterpolator] = {}  # by episode
        self._ends: dict[str, tuple[Episode, int]] = {}  # by episode, with their arrival [ns]
        self._episode = ''  # of the newest step
        self._pending: deque[_PendingSteps] = deque()
        self._last: Step | None = None  # of the episode, in any mode
        self._open = False  # whether the newest transition has a successor

    def update(self, event: Step | Progress | Episode | None, now: int) -> list[Transition]:
        """Process an event at `now` [ns], or only time if None; returns what became complete."""
        built = []
        if isinstance(event, Step):
            if event.episode != self._episode:
                built = self.flush()
                self._begin_episode(event.episode)
            self._append(event)
        elif isinstance(event, Progress):
            self._potentials.setdefault(event.episode, PotentialInterpolator()).add(event)
        elif event is not None and event.phase is Phase.ENDED:
            if event.outcome is Outcome.NONE:
                raise ValueError(f'episode {event.id} ended with outcome NONE; it must be named')
            self._ends.setdefault(event.id, (event, now))
        ended, arrival = self._ends.get(self._episode, (None, now))
        overdue = ended is not None and now - arrival >= self._config.timeout * SECOND
        return built + self._build(ended, overdue)

    def flush(self) -> list[Transition]:
        """Complete all pending steps at the end of the data."""
        ended, _ = self._ends.get(self._episode, (None, 0))
        return self._build(ended, overdue=True)

    def has_episode(self, episode: str) -> bool:
        """Whether the state of an episode is known here."""
        return episode in self._potentials

    def restore_potentials(self, episode: str, potentials: dict[int, float]) -> None:
        """Restore the potentials (stamp [ns] -> value) stored before a crash."""
        self._potentials.setdefault(episode, PotentialInterpolator()).assigned.update(potentials)

    def _begin_episode(self, episode: str) -> None:
        self._episode = episode
        self._potentials = {episode: self._potentials.get(episode, PotentialInterpolator())}
        self._ends = {id: ended for id, ended in self._ends.items() if id == episode}
        self._pending.clear()
        self._last = None

    def _append(self, step: Step) -> None:
        last, self._last = self._last, step
        follows = last is not None and _follows(last, step)
        same = last is not None and not (last.acting or step.acting) and last.mode is step.mode
        if follows and same and self._pending:
            self._pending[-1].end = step.end.stamp
        else:
            self._pending.append(_PendingSteps(step, follows, step.end.stamp))

    def _build(self, ended: Episode | None, overdue: bool) -> list[Transition]:
        built = []
        potentials = self._potentials.setdefault(self._episode, PotentialInterpolator())
        while self._pending:
            step = self._pending[0].step
            if step.acting and (self._open or ended is None or step.begin.stamp < ended.stamp):
                outcome = self._outcome(ended, overdue)
                if outcome is None or not (overdue or potentials.covers(step.end.stamp)):
                    break
                built.append(self._transition(step, potentials, outcome))
                self._open = outcome is Outcome.NONE
                if ended is not None and outcome is ended.outcome:
                    ended = self._consume_end()
            self._pending.popleft()
        return built

    def _consume_end(self) -> Episode:
        """Give the outcome to one step only: later steps of the episode are truncated."""
        ended, arrival = self._ends[self._episode]
        ended = replace(ended, outcome=Outcome.ABORTED)
        self._ends[self._episode] = (ended, arrival)
        return ended

    def _outcome(self, ended: Episode | None, overdue: bool) -> Outcome | None:
        """Outcome of the first pending step: NONE if a step follows, None if not known yet."""
        pending = iter(self._pending)
        end, held = next(pending).end, False
        for later in pending:
            if ended is not None and end >= ended.stamp:
                break
            if not later.follows:
                return Outcome.ABORTED
            if later.step.acting:
                return Outcome.ABORTED if held else Outcome.NONE
            if later.step.mode is not Mode.HOLD:
                return Outcome.ABORTED
            end, held = later.end, True
        if ended is not None and (end >= ended.stamp or overdue):
            return ended.outcome
        return Outcome.ABORTED if overdue else None

    def _transition(
        self, step: Step, potentials: PotentialInterpolator, outcome: Outcome
    ) -> Transition:
        begin, end = step.begin.stamp, step.end.stamp
        before = potentials.at(begin)
        after = 0.0 if outcome.terminal else potentials.at(end)
        reward = self._reward(begin, end, before, after, self._config.reward, outcome)
        return Transition(step.id, replace(reward, episode=step.episode))


def _follows(last: Step, step: Step) -> bool:
    """Whether two steps are consecutive in one epoch, with no time in between."""
    before, after = last.id, step.id
    same = (before.run, before.epoch, before.sequence + 1)
    return same == (after.run, after.epoch, after.sequence) and last.end.stamp == step.begin.stamp
