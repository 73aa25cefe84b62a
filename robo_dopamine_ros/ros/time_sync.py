"""Matches the images of several cameras by their stamps; no ROS, no clock."""

import itertools
import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from robo_dopamine_ros.types import SECOND

T = TypeVar('T')


@dataclass(frozen=True)
class SyncLimits:
    """Limits on the stamps of one set."""

    max_age: float = 0.3  # an older image is late [s], above 0
    max_skew: float = 0.05  # oldest to newest image of a set [s], above 0
    future_tolerance: float = 0.05  # stamps may be ahead of the clock by this much [s], 0 or more
    frozen_time: float = 5.0  # the same picture for as long is reported [s]; 0: never
    refuse_frozen: bool = False  # whether the view is absent then; a noiseless picture may repeat

    def __post_init__(self) -> None:
        for name in ('max_age', 'max_skew'):
            if not 0.0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value} s; it must be above 0')
        if not 0.0 <= self.future_tolerance < math.inf:
            raise ValueError(f'future_tolerance = {self.future_tolerance} s; it must be 0 or more')
        if not 0.0 <= self.frozen_time < math.inf:
            raise ValueError(f'frozen_time = {self.frozen_time} s; it must be 0 or more')


@dataclass(frozen=True)
class Match(Generic[T]):
    """One set of messages close in time, and the reasons why other views have none."""

    messages: Mapping[str, T]
    stamps: Mapping[str, int]  # [ns]
    absent: Mapping[str, str]  # view -> reason

    @property
    def stamp(self) -> int:
        """Stamp of the newest message [ns], 0 without any."""
        return max(self.stamps.values(), default=0)

    @property
    def skew(self) -> float:
        """Time between the oldest and the newest message [s]."""
        return (self.stamp - min(self.stamps.values(), default=0)) / SECOND

    def without(self, views: Mapping[str, str]) -> 'Match[T]':
        """The match without some of its views, absent for the reasons given."""
        if not views:
            return self
        messages = {v: message for v, message in self.messages.items() if v not in views}
        stamps = {view: self.stamps[view] for view in messages}
        return Match(messages, stamps, {**views, **self.absent})


class LatestSynchronizer(Generic[T]):
    """Keeps the latest messages of every view and matches by stamp; no ROS, no clock.

    The best set minimises its age plus twice its skew: a set that is one frame older wins when its
    skew is smaller by more than half a frame. Cameras that trigger together arrive one by one, and
    then the complete older set is the better one.
    """

    def __init__(self, views: Sequence[str], limits: SyncLimits, keep: int = 3) -> None:
        if not views or len(set(views)) != len(views):
            raise ValueError(f'views = {list(views)}; they must be one or more different names')
        self.views = tuple(views)
        self.limits = limits
        self.refused: Counter[tuple[str, str]] = Counter()  # (view, reason) -> messages
        self._kept: dict[str, deque[tuple[int, T]]] = {v: deque(maxlen=keep) for v in views}

    def add(self, view: str, stamp: int, message: T, now: int) -> str:
        """Add a message; returns the reason when its stamp is refused. Times in ns."""
        kept = self._kept[view]
        if kept and kept[-1][0] > now + self.limits.future_tolerance * SECOND:
            kept.clear()  # the clock went back, as when a recording starts over
        reason = self._stamp_fault(stamp, kept[-1][0] if kept else 0, now)
        if reason:
            self.refused[view, reason] += 1
        else:
            kept.append((stamp, message))
        return reason

    def newest(self, view: str) -> int:
        """Stamp of the newest message of a view [ns], 0 without any."""
        kept = self._kept[view]
        return kept[-1][0] if kept else 0

    def match(self, now: int) -> Match[T]:
        """The best set at `now` [ns]; a view that is late or does not fit is absent."""
        absent: dict[str, str] = {}
        fresh: dict[str, list[tuple[int, T]]] = {}
        for view, kept in self._kept.items():
            young = [one for one in kept if self.is_fresh(one[0], now)]
            if young:
                fresh[view] = young
            else:
                absent[view] = _late((now - kept[-1][0]) / SECOND) if kept else 'no picture yet'
        while fresh:
            best = min(itertools.product(*fresh.values()), key=lambda s: self._cost(s, now))
            stamps = dict(zip(fresh, (stamp for stamp, _ in best), strict=True))
            if max(stamps.values()) - min(stamps.values()) <= self.limits.max_skew * SECOND:
                messages = dict(zip(fresh, (message for _, message in best), strict=True))
                return Match(messages, stamps, absent)
            slowest = min(fresh, key=lambda view: fresh[view][-1][0])
            behind = (max(p[-1][0] for p in fresh.values()) - fresh[slowest][-1][0]) / SECOND
            absent[slowest] = f'behind the others by {behind:.2f} s'
            del fresh[slowest]
        return Match({}, {}, absent)

    def is_fresh(self, stamp: int, now: int) -> bool:
        """Whether a stamp is neither too old nor ahead of the clock, both in ns."""
        limits = self.limits
        return -limits.future_tolerance * SECOND <= now - stamp <= limits.max_age * SECOND

    def _stamp_fault(self, stamp: int, last: int, now: int) -> str:
        if stamp <= 0:
            return 'stamp is zero'
        if stamp > now + self.limits.future_tolerance * SECOND:
            return 'stamp is in the future'
        return 'stamp is not newer than the one before' if stamp <= last else ''

    @staticmethod
    def _cost(chosen: Sequence[tuple[int, T]], now: int) -> int:
        newest = max(stamp for stamp, _ in chosen)
        return now - newest + 2 * (newest - min(stamp for stamp, _ in chosen))


def _late(age: float) -> str:
    return f'late by {age:.2f} s' if age >= 0.0 else f'{-age:.2f} s ahead of the clock'
