"""Synchronized image sets from one to three cameras; a missing view is named with its reason.

The synchronizer `newest` leaves images in the middleware until a set is polled: the executor never
wakes for an image, so of 30 images a second only those that are used cost time. Taking them on
demand measured half the CPU time of subscription callbacks; serialized messages saved nothing more.
"""

import itertools
import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from robo_dopamine_ros.ros.convert import from_time
from robo_dopamine_ros.ros.images import ImageDecodeError, decode_image
from robo_dopamine_ros.ros.topics import camera_topic
from robo_dopamine_ros.types import SECOND, VIEWS, Views

TRANSPORTS = ('raw', 'compressed')
SYNCHRONIZERS = ('newest', 'message_filters')
T = TypeVar('T')


@dataclass(frozen=True)
class SyncLimits:
    """Limits on the stamps of one set."""

    max_age: float = 0.3  # an older image is late [s], above 0
    max_skew: float = 0.05  # oldest to newest image of a set [s], above 0
    future_tolerance: float = 0.05  # stamps may be ahead of the clock by this much [s], 0 or more

    def __post_init__(self) -> None:
        for name in ('max_age', 'max_skew'):
            if not 0.0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value} s; it must be above 0')
        if not 0.0 <= self.future_tolerance < math.inf:
            raise ValueError(f'future_tolerance = {self.future_tolerance} s; it must be 0 or more')


@dataclass(frozen=True)
class CameraParameters:
    """Which cameras are read, and how."""

    views: tuple[str, ...] = VIEWS  # view names, one to three, in the order of the model
    transport: str = 'raw'  # 'raw' (image_raw) or 'compressed' (image_raw/compressed)
    synchronizer: str = 'newest'  # 'newest', or 'message_filters' where the distribution has it
    depth: int = 2  # images per camera that the middleware keeps, 1 to 10
    limits: SyncLimits = field(default_factory=SyncLimits)

    def __post_init__(self) -> None:
        if not 1 <= len(self.views) <= 3 or len(set(self.views)) != len(self.views):
            raise ValueError(f'views = {list(self.views)}; it must be one to three different names')
        if self.transport not in TRANSPORTS:
            raise ValueError(f'transport = {self.transport!r}; it must be one of {TRANSPORTS}')
        if self.synchronizer not in SYNCHRONIZERS:
            raise ValueError(
                f'synchronizer = {self.synchronizer!r}; it must be one of {SYNCHRONIZERS}'
            )
        if not 1 <= self.depth <= 10:
            raise ValueError(f'depth = {self.depth}; it must be within 1..10')


@dataclass
class CameraStats:
    """Statistics since the cameras were opened, for diagnostics."""

    sets: int = 0  # sets given
    skew: float = 0.0  # of the newest set given [s]
    ages: dict[str, float] = field(default_factory=dict)  # of the newest image of each view [s]
    absent: dict[str, str] = field(default_factory=dict)  # at the last poll: view -> reason
    missed: Counter[str] = field(default_factory=Counter)  # view -> polls without an image
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # (view, check) -> images


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


class CameraSource(Protocol):
    """A source of image sets; `poll` never waits."""

    stats: CameraStats

    def poll(self) -> Match[Any] | None:
        """The messages of the best set now, and why other views are absent.

        None while nothing is newer than the set given last and that set is still fresh.
        """

    def convert(self, match: Match[Any]) -> tuple[Views, dict[str, str]]:
        """Decode a set; also returns every absent view, those with a refused image included."""

    def close(self) -> None:
        """Stop receiving."""


def open_cameras(node: Node, parameters: CameraParameters) -> CameraSource:
    """Subscribe `node` to its cameras; ImportError where the synchronizer is not installed."""
    if parameters.synchronizer == 'newest':
        return NewestCameras(node, parameters)
    from robo_dopamine_ros.ros.message_filters_cameras import (
        MessageFiltersCameras,  # optional packages
    )

    return MessageFiltersCameras(node, parameters)


class ImageSets:
    """Base of both synchronizers: statistics, and decoding of the sets that are used."""

    decode: Callable[[Any], np.ndarray] = staticmethod(decode_image)

    def __init__(self, node: Node, parameters: CameraParameters):
        self.node = node
        self.views = parameters.views
        self.limits = parameters.limits
        self.synchronizer: LatestSynchronizer[Any] = LatestSynchronizer(
            parameters.views, parameters.limits, parameters.depth + 1
        )
        self.stats = CameraStats(refused=self.synchronizer.refused)
        self._given = 0  # stamp of the newest set given [ns]

    def now(self) -> int:
        """ROS time [ns]."""
        return self.node.get_clock().now().nanoseconds

    def accept(self, match: Match[Any], now: int) -> Match[Any] | None:
        """Update the statistics; returns the match, or None if its set was given before."""
        newest = {view: self.synchronizer.newest(view) for view in self.views}
        self.stats.ages = {v: (now - stamp) / SECOND for v, stamp in newest.items() if stamp}
        self.stats.absent = dict(match.absent)
        self.stats.missed.update(match.absent.keys())
        if self._given > now + self.limits.future_tolerance * SECOND:
            self._given = 0  # the clock went back
        if match.messages:
            if match.stamp <= self._given:
                return None
            self._given = match.stamp
            self.stats.skew = match.skew
            self.stats.sets += 1
        return match

    def convert(self, match: Match[Any]) -> tuple[Views, dict[str, str]]:
        """As `CameraSource.convert`."""
        images, absent = {}, dict(match.absent)
        for view, message in match.messages.items():
            try:
                images[view] = self.decode(message)
            except ImageDecodeError as error:
                self.stats.refused[view, error.kind] += 1
                absent[view] = str(error)
        return Views(images, {view: match.stamps[view] for view in images}), absent


class _OnDemand(CallbackGroup):
    """Keeps the executor from serving the subscriptions in it."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


class NewestCameras(ImageSets):
    """Takes the images that the middleware kept of each camera and matches them by stamp."""

    def __init__(self, node: Node, parameters: CameraParameters):
        super().__init__(node, parameters)
        group = _OnDemand()
        self._depth = parameters.depth
        self._subscriptions = {}
        for view in parameters.views:
            topic = camera_topic(view, parameters.transport, parameters.depth)
            self._subscriptions[view] = node.create_subscription(
                topic.type, topic.name, _no_callback, topic.qos, callback_group=group
            )

    def poll(self) -> Match[Any] | None:
        """As `CameraSource.poll`."""
        now = self.now()
        for view, subscription in self._subscriptions.items():
            handle = subscription.handle
            with handle:
                for _ in range(self._depth):
                    if (taken := handle.take_message(subscription.msg_type, False)) is None:
                        break
                    message = taken[0]
                    self.synchronizer.add(view, from_time(message.header.stamp), message, now)
        return self.accept(self.synchronizer.match(now), now)

    def close(self) -> None:
        """Stop receiving."""
        for subscription in self._subscriptions.values():
            self.node.destroy_subscription(subscription)


def _no_callback(_: Any) -> None:
    """Callback of subscriptions that are read on demand; never called."""
