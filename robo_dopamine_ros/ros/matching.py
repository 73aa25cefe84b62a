"""Which pictures of several cameras belong together. Pure: no ROS, no clock, stamps only."""

import itertools
import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from robo_dopamine_ros.types import SECOND

T = TypeVar('T')


@dataclass(frozen=True)
class MatchLimits:
    """What still counts as one moment, and as now."""

    max_age: float = 0.3  # an older picture is late [s], above 0
    max_skew: float = 0.05  # oldest to newest picture of a set [s], above 0
    future: float = 0.05  # stamps may be ahead of the clock by this much [s], 0 or more

    def __post_init__(self) -> None:
        for name in ('max_age', 'max_skew'):
            if not 0.0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value} s; it must be above 0')
        if not 0.0 <= self.future < math.inf:
            raise ValueError(f'future = {self.future} s; it must be 0 or more')


@dataclass(frozen=True)
class Match(Generic[T]):
    """The pictures that go together, and why the other views have none."""

    pictures: Mapping[str, T]
    stamps: Mapping[str, int]  # [ns]
    absent: Mapping[str, str]  # view -> reason

    @property
    def stamp(self) -> int:
        """Stamp of the newest picture [ns], 0 without any."""
        return max(self.stamps.values(), default=0)

    @property
    def skew(self) -> float:
        """Time between the oldest and the newest picture [s]."""
        return (self.stamp - min(self.stamps.values(), default=0)) / SECOND


class Newest(Generic[T]):
    """Keeps the latest pictures of every view and gives those that are newest and closest.

    A set one frame older wins when it is closer by more than half a frame: cameras that fire
    together arrive one by one, and the complete set is then the better one.
    """

    def __init__(self, views: Sequence[str], limits: MatchLimits, keep: int = 3) -> None:
        if not views or len(set(views)) != len(views):
            raise ValueError(f'views = {list(views)}; they must be one or more different names')
        self.views = tuple(views)
        self.limits = limits
        self.refused: Counter[tuple[str, str]] = Counter()  # (view, reason) -> pictures
        self._kept: dict[str, deque[tuple[int, T]]] = {v: deque(maxlen=keep) for v in views}

    def add(self, view: str, stamp: int, picture: T, now: int) -> str:
        """Keep a picture; gives the reason when its stamp (all in ns) makes that impossible."""
        kept = self._kept[view]
        if kept and kept[-1][0] > now + self.limits.future * SECOND:
            kept.clear()  # the clock itself went back, as when a recording starts over
        reason = self._stamp_fault(stamp, kept[-1][0] if kept else 0, now)
        if reason:
            self.refused[view, reason] += 1
        else:
            kept.append((stamp, picture))
        return reason

    def newest(self, view: str) -> int:
        """Stamp of the newest picture kept of a view [ns], 0 without any."""
        kept = self._kept[view]
        return kept[-1][0] if kept else 0

    def match(self, now: int) -> Match[T]:
        """Give the best set at `now` [ns]; a view that is late or does not fit is absent."""
        absent: dict[str, str] = {}
        fresh: dict[str, list[tuple[int, T]]] = {}
        for view, kept in self._kept.items():
            young = [p for p in kept if self._age_allowed(now - p[0])]
            if young:
                fresh[view] = young
            else:
                age = (now - kept[-1][0]) / SECOND if kept else 0.0
                absent[view] = f'late by {age:.2f} s' if kept else 'no picture yet'
        while fresh:
            best = min(itertools.product(*fresh.values()), key=lambda s: self._cost(s, now))
            stamps = dict(zip(fresh, (stamp for stamp, _ in best), strict=True))
            skew = max(stamps.values()) - min(stamps.values())
            if skew <= self.limits.max_skew * SECOND:
                pictures = dict(zip(fresh, (picture for _, picture in best), strict=True))
                return Match(pictures, stamps, absent)
            laggard = min(fresh, key=lambda view: fresh[view][-1][0])
            behind = (max(p[-1][0] for p in fresh.values()) - fresh[laggard][-1][0]) / SECOND
            absent[laggard] = f'behind the others by {behind:.2f} s'
            del fresh[laggard]
        return Match({}, {}, absent)

    def _age_allowed(self, age: int) -> bool:
        return -self.limits.future * SECOND <= age <= self.limits.max_age * SECOND

    def _stamp_fault(self, stamp: int, last: int, now: int) -> str:
        if stamp <= 0:
            return 'stamp is zero'
        if stamp > now + self.limits.future * SECOND:
            return 'stamp is in the future'
        return 'stamp is not newer than the one before' if stamp <= last else ''

    @staticmethod
    def _cost(pictures: Sequence[tuple[int, T]], now: int) -> int:
        newest = max(stamp for stamp, _ in pictures)
        return now - newest + 2 * (newest - min(stamp for stamp, _ in pictures))
