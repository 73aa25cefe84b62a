"""Synchronized image sets from one to three cameras; a missing view is named with its reason.

The synchronizer `newest` leaves images in the middleware until a set is polled: the executor never
wakes for an image, so of 30 images a second only those that are used cost time. Taking them on
demand measured half the CPU time of subscription callbacks; serialized messages saved nothing more.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from robo_dopamine_ros.ros.convert import from_time
from robo_dopamine_ros.ros.images import ImageDecodeError, decode_image
from robo_dopamine_ros.ros.repeat_watch import RepeatWatch
from robo_dopamine_ros.ros.time_sync import LatestSynchronizer, Match, SyncLimits
from robo_dopamine_ros.ros.topics import camera_topic
from robo_dopamine_ros.types import SECOND, VIEWS, Views

TRANSPORTS = ('raw', 'compressed')
SYNCHRONIZERS = ('newest', 'message_filters')


@dataclass(frozen=True)
class CameraParameters:
    """Which cameras are read, and how."""

    views: tuple[str, ...] = VIEWS  # view names, one to three, in the order of the model
    transport: str = 'raw'  # 'raw' (image_raw) or 'compressed' (image_raw/compressed)
    synchronizer: str = 'newest'  # 'newest', or 'message_filters' where the distribution has it
    depth: int = 2  # images per camera that the middleware keeps, 1 to 10
    bit_depth: int = 0  # of cameras in 16-bit encodings, 9 to 16; 0: 16, unless it looks like fewer
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
        if self.bit_depth and not 9 <= self.bit_depth <= 16:
            text = f'bit_depth = {self.bit_depth}'
            raise ValueError(f'{text}; it must be 9 to 16, or 0 where the encodings have 8')


@dataclass
class CameraStats:
    """Statistics since the cameras were opened, for diagnostics."""

    sets: int = 0  # sets given
    skew: float = 0.0  # of the newest set given [s]
    ages: dict[str, float] = field(default_factory=dict)  # of the newest image of each view [s]
    absent: dict[str, str] = field(default_factory=dict)  # at the last poll: view -> reason
    frozen: dict[str, str] = field(default_factory=dict)  # views whose picture repeats -> reason
    missed: Counter[str] = field(default_factory=Counter)  # view -> polls without an image
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # (view, check) -> images


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

    decode: Callable[[Any, int], np.ndarray] = staticmethod(decode_image)

    def __init__(self, node: Node, parameters: CameraParameters):
        self.node = node
        self.views = parameters.views
        self.limits = parameters.limits
        self.synchronizer: LatestSynchronizer[Any] = LatestSynchronizer(
            parameters.views, parameters.limits, parameters.depth + 1
        )
        self.stats = CameraStats(refused=self.synchronizer.refused)
        self._bit_depth = parameters.bit_depth
        self._repeats = RepeatWatch(parameters.limits.frozen_time)
        self._given = 0  # stamp of the newest set given [ns]

    def now(self) -> int:
        """ROS time [ns]."""
        return self.node.get_clock().now().nanoseconds

    def accept(self, match: Match[Any], now: int) -> Match[Any] | None:
        """Update the statistics; returns the match, or None if its set was given before."""
        newest = {view: self.synchronizer.newest(view) for view in self.views}
        self.stats.ages = {v: (now - stamp) / SECOND for v, stamp in newest.items() if stamp}
        if self._given > now + self.limits.future_tolerance * SECOND:
            self._given = 0  # the clock went back
        is_new = match.stamp > self._given
        if is_new:
            self._given = match.stamp
            self.stats.skew = match.skew
            self.stats.frozen = self._repeats.update(match.messages, match.stamps)
        if self.limits.refuse_frozen:
            match = match.without(self.stats.frozen)
        self.stats.absent = dict(match.absent)
        self.stats.missed.update(match.absent.keys())
        if is_new and match.messages:
            self.stats.sets += 1
        return match if is_new or not match.messages else None

    def convert(self, match: Match[Any]) -> tuple[Views, dict[str, str]]:
        """As `CameraSource.convert`."""
        images, absent = {}, dict(match.absent)
        for view, message in match.messages.items():
            try:
                images[view] = self.decode(message, self._bit_depth)
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
