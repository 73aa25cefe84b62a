"""Log of the messages of a learning cell, with their stamps."""

import bisect
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from robo_dopamine_ros.nodes.cell_client import CellClient
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_time
from robo_dopamine_ros.ros.topics import reliable
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase

AGES = re.compile(r'\d+\.\d+ s')  # in reasons; without them the same reasons are one
QUEUE_DEPTH = 1000  # messages that may wait: so that the bench loses none
DEAD_PERIODS = 5  # periods without a tick that are a gate's death, not its lateness
ACTING = (Mode.POLICY, Mode.HUMAN)


class Tick(NamedTuple):
    """One tick of the gate."""

    stamp: int  # [ns]
    mode: Mode
    latched: bool
    reason: str


class SentStep(NamedTuple):
    """A step as it was published."""

    arrival: int  # [ns]
    epoch: int
    sequence: int
    episode: str
    begin: int  # [ns]
    end: int  # [ns]
    mode: Mode


class LoggedStatus(NamedTuple):
    """A status of the recorder."""

    arrival: int  # [ns]
    epoch: int
    sequence: int
    ended_episode: str
    reason: str


class LearnerUpdate(NamedTuple):
    """A status of the learner."""

    arrival: int  # [ns]
    updates: int
    rate: float  # [1/s]
    version: int


class CellLog(CellClient):
    """Subscribes to the whole cell; use it as a context."""

    def __init__(self) -> None:
        super().__init__('log')
        self.ticks: list[Tick] = []
        self.steps: list[SentStep] = []
        self.stored: list[LoggedStatus] = []
        self.statuses: list[LearnerUpdate] = []
        self.truths: list[tuple[int, float]] = []  # stamp [ns], true progress 0..1
        self.command_stamps: list[int] = []  # stamps of the policy's commands [ns]
        self.valid_commands: list[int] = []  # of the valid ones [ns]
        self.silences: Counter[str] = Counter()  # why commands were not valid
        self.gaps: list[tuple[int, float]] = []  # arrival [ns], longest between two ticks [s]
        self.health: dict[str, tuple[int, str]] = {}  # level and message by status
        for topic, callback in (
            (topics.CONTROL, self._on_control),
            (topics.STEP, self._on_step),
            (topics.RECORDER_STATUS, self._on_recorder_status),
            (topics.LEARNER_STATUS, self._on_status),
            (topics.SIM_GROUND_TRUTH, self._on_truth),
            (topics.POLICY_COMMAND, self._on_command),
            (topics.DIAGNOSTICS, self._on_health),
        ):
            lasting = topic.qos.durability
            qos = reliable(QUEUE_DEPTH)
            qos.durability = lasting
            self.subscribe(replace(topic, qos=qos), callback, [])

    def _on_control(self, message: Any) -> None:
        stamp, mode = from_time(message.header.stamp), Mode(message.mode)
        self.ticks.append(Tick(stamp, mode, message.latched, message.reason))

    def _on_step(self, m: Any) -> None:
        begin, end = from_time(m.begin.stamp), from_time(m.end.stamp)
        self.steps.append(
            SentStep(self.now(), m.epoch, m.sequence, m.episode, begin, end, Mode(m.mode))
        )

    def _on_recorder_status(self, m: Any) -> None:
        self.stored.append(LoggedStatus(self.now(), m.epoch, m.sequence, m.ended_episode, m.reason))

    def _on_status(self, m: Any) -> None:
        status = LearnerUpdate(self.now(), m.updates, m.updates_per_second, m.policy_version)
        self.statuses.append(status)

    def _on_truth(self, message: Any) -> None:
        self.truths.append((from_time(message.header.stamp), message.progress))

    def _on_command(self, message: Any) -> None:
        stamp = from_time(message.header.stamp)
        self.command_stamps.append(stamp)
        if message.valid:
            self.valid_commands.append(stamp)
        else:
            self.silences[AGES.sub('x s', message.reason)] += 1

    def _on_health(self, message: Any) -> None:
        for status in message.status:
            self.health[status.name] = int(status.level[0]), status.message
            if status.name == 'gate: gate':
                values = {v.key: v.value for v in status.values}
                self.gaps.append((self.now(), float(values.get('longest between ticks [s]', 0))))

    def now(self) -> int:
        """ROS time [ns]."""
        return self.node.get_clock().now().nanoseconds

    def rollouts(self) -> list['Rollout']:
        """Episodes that ran and ended without an abort."""
        return [one for one in ran(self.episodes) if one.outcome is not Outcome.ABORTED]

    def aborted(self) -> dict[str, int]:
        """Number of aborted episodes that ran, by who aborted them."""
        return Counter(
            one.decided_by for one in ran(self.episodes) if one.outcome is Outcome.ABORTED
        )


@dataclass(frozen=True)
class Rollout:
    """An episode that ran."""

    id: str
    begin: int  # [ns]
    end: int  # [ns]
    outcome: Outcome
    decided_by: str


def ran(episodes: Sequence[Episode]) -> list[Rollout]:
    """Episodes that ran and ended, from the published episode states."""
    begun = {e.id: e.stamp for e in reversed(episodes) if e.phase is Phase.RUNNING}
    ended = {e.id: e for e in episodes if e.phase is Phase.ENDED and e.id in begun}
    return [Rollout(e.id, begun[e.id], e.stamp, e.outcome, e.decided_by) for e in ended.values()]


def lateness(ticks: Sequence[Tick], period: float, within: Sequence[tuple[int, int]] = ()) -> Any:
    """|period - `period`| [s] between consecutive ticks (n,), of those within spans [ns] if any.

    A gate that was dead in between is not late.
    """
    stamps = np.array([tick.stamp for tick in ticks], np.int64)
    apart = np.diff(stamps) / SECOND
    chosen = apart < DEAD_PERIODS * period
    if within:
        inside = [(stamps[1:] > begin) & (stamps[1:] <= end) for begin, end in within]
        chosen &= np.logical_or.reduce(inside)
    return np.abs(apart[chosen] - period)


def learning(statuses: Sequence[LearnerUpdate]) -> list[tuple[int, int]]:
    """Spans [ns] in which the learner took gradient steps."""
    return [(a.arrival, b.arrival) for a, b in pairwise(statuses) if b.updates > a.updates]


def count_interventions(ticks: Sequence[Tick], begin: int, end: int) -> tuple[int, int, int]:
    """Of a span [ns]: acting ticks, human ticks, number of interventions."""
    acting = [tick.mode for tick in between(ticks, begin, end) if tick.mode in ACTING]
    taken = sum(b is Mode.HUMAN and a is not b for a, b in pairwise([Mode.HOLD, *acting]))
    return len(acting), acting.count(Mode.HUMAN), taken


def between(ticks: Sequence[Tick], begin: int, end: int) -> Sequence[Tick]:
    """Ticks within a span [ns]."""
    first = bisect.bisect(ticks, begin, key=lambda tick: tick.stamp)
    return ticks[first : bisect.bisect(ticks, end, key=lambda tick: tick.stamp)]


def truth_at(truths: Sequence[tuple[int, float]], stamp: int) -> float:
    """The last ground-truth progress at or before a stamp [ns]; NaN if there is none."""
    known = bisect.bisect(truths, stamp, key=lambda truth: truth[0])
    return truths[known - 1][1] if known else math.nan


def behind(steps: Sequence[SentStep], stored: Sequence[LoggedStatus]) -> list[int]:
    """Number of steps not stored yet, at every status of the recorder."""
    counts, newest, number = [], (0, -1), 0
    for status in stored:
        while number < len(steps) and steps[number].arrival <= status.arrival:
            newest = max(newest, (steps[number].epoch, steps[number].sequence))
            number += 1
        if newest[0] == status.epoch:
            counts.append(max(0, newest[1] - status.sequence))
    return counts


def latency(
    steps: Sequence[SentStep], command_stamps: Sequence[int], commands: Sequence[int]
) -> list[float]:
    """From the newest view of each step's first observation to its command [s]."""
    valid, times = set(commands), []
    for begin in {step.begin for step in steps if step.mode is Mode.POLICY}:
        number = bisect.bisect_left(command_stamps, begin)
        if number < len(command_stamps) and command_stamps[number] in valid:
            times.append((command_stamps[number] - begin) / SECOND)
    return times
