"""Sets of pictures from one to three cameras: complete, fresh, close in time, or named why not.

`newest` leaves the pictures in the middleware until a set is wanted: the executor never wakes for
an image, so of 30 pictures a second only those that are used cost anything. Taking them on demand
measured half the CPU time of subscription callbacks; raw (serialized) messages saved nothing.
"""

import importlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from robo_dopamine.msg import View

from robo_dopamine_ros.ros.convert import from_time
from robo_dopamine_ros.ros.decode import PictureError, check_layout, decode
from robo_dopamine_ros.ros.matching import Match, MatchLimits, Newest
from robo_dopamine_ros.ros.topics import camera_topic
from robo_dopamine_ros.types import SECOND, VIEWS, Views

TRANSPORTS = ('raw', 'compressed')
SYNCHRONIZERS = ('newest', 'message_filters')


@dataclass(frozen=True)
class CameraParameters:
    """Which cameras are watched, and how."""

    views: tuple[str, ...] = VIEWS  # view names, one to three, in the order of the model
    transport: str = 'raw'  # 'raw' (image_raw) or 'compressed' (image_raw/compressed)
    synchronizer: str = 'newest'  # 'newest', or 'message_filters' where the distribution has it
    depth: int = 2  # pictures per camera the middleware keeps for us, 1 to 10
    limits: MatchLimits = field(default_factory=MatchLimits)

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
class CameraCounts:
    """What happened since the cameras were opened, for diagnostics."""

    sets: int = 0  # sets given
    skew: float = 0.0  # of the set given last [s]
    ages: dict[str, float] = field(default_factory=dict)  # of each view's newest picture [s]
    absent: dict[str, str] = field(default_factory=dict)  # at the last look: view -> reason
    missed: Counter[str] = field(default_factory=Counter)  # view -> looks without a picture
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # (view, kind) -> pictures


class Cameras(Protocol):
    """A source of picture sets; `take` never waits."""

    counts: CameraCounts

    def take(self) -> Match[Any] | None:
        """Give the messages of the best set there is now, and why other views are absent.

        None while there is nothing newer than the set given last, and that is still fresh.
        """

    def convert(self, match: Match[Any]) -> tuple[Views, dict[str, str]]:
        """Decode a set; also gives every absent view, those with a refused picture among them."""

    def close(self) -> None:
        """Stop receiving."""


def open_cameras(node: Node, parameters: CameraParameters) -> Cameras:
    """Subscribe `node` to its cameras."""
    made: dict[str, Callable[[Node, CameraParameters], Cameras]] = {
        'newest': NewestCameras,
        'message_filters': FilteredCameras,
    }
    return made[parameters.synchronizer](node, parameters)


class _Sets:
    """What both synchronizers share: counting, and decoding only what is used."""

    decode: Callable[[Any], np.ndarray] = staticmethod(decode)

    def __init__(self, node: Node, parameters: CameraParameters):
        self.node = node
        self.views = parameters.views
        self.newest: Newest[Any] = Newest(parameters.views, parameters.limits, parameters.depth + 1)
        self.counts = CameraCounts(refused=self.newest.refused)
        self._limits = parameters.limits
        self._given = 0  # stamp of the set given last [ns]

    def now(self) -> int:
        """ROS time [ns]."""
        return self.node.get_clock().now().nanoseconds

    def give(self, match: Match[Any], now: int) -> Match[Any] | None:
        """Count a look at the cameras, and give what it found unless it was given before."""
        newest = {view: self.newest.newest(view) for view in self.views}
        self.counts.ages = {v: (now - stamp) / SECOND for v, stamp in newest.items() if stamp}
        self.counts.absent = dict(match.absent)
        self.counts.missed.update(match.absent.keys())
        if self._given > now + self._limits.future * SECOND:
            self._given = 0  # the clock went back
        if match.pictures:
            if match.stamp <= self._given:
                return None
            self._given = match.stamp
            self.counts.skew = match.skew
            self.counts.sets += 1
        return match

    def convert(self, match: Match[Any]) -> tuple[Views, dict[str, str]]:
        """Decode a set; also gives every absent view, those with a refused picture among them."""
        images, absent = {}, dict(match.absent)
        for view, message in match.pictures.items():
            try:
                images[view] = self.decode(message)
            except PictureError as error:
                self.counts.refused[view, error.kind] += 1
                absent[view] = str(error)
        return Views(images, {view: match.stamps[view] for view in images}), absent


class _OnDemand(CallbackGroup):
    """Keeps the executor away from the subscriptions in it."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


class NewestCameras(_Sets):
    """Takes what the middleware kept of each camera and matches on stamps."""

    def __init__(self, node: Node, parameters: CameraParameters):
        super().__init__(node, parameters)
        group = _OnDemand()
        self._depth = parameters.depth
        self._subscriptions = {}
        for view in parameters.views:
            topic = camera_topic(view, parameters.transport, parameters.depth)
            self._subscriptions[view] = node.create_subscription(
                topic.type, topic.name, _never, topic.qos, callback_group=group
            )

    def take(self) -> Match[Any] | None:
        """Give the messages of the best set that is new; see Cameras."""
        now = self.now()
        for view, subscription in self._subscriptions.items():
            handle = subscription.handle
            with handle:
                for _ in range(self._depth):
                    if (taken := handle.take_message(subscription.msg_type, False)) is None:
                        break
                    message = taken[0]
                    self.newest.add(view, from_time(message.header.stamp), message, now)
        return self.give(self.newest.match(now), now)

    def close(self) -> None:
        """Stop receiving."""
        for subscription in self._subscriptions.values():
            self.node.destroy_subscription(subscription)


class FilteredCameras(_Sets):
    """The usual ApproximateTimeSynchronizer and cv_bridge, where the distribution has them.

    It gives complete sets only: one silent camera makes every view absent.
    """

    def __init__(self, node: Node, parameters: CameraParameters):
        super().__init__(node, parameters)
        filters = _import('message_filters')
        self.decode = _cv_bridge_decoder(_import('cv_bridge').CvBridge())
        self._set: dict[str, Any] = {}
        self._subscribers = []
        for view in self.views:
            topic = camera_topic(view, parameters.transport, parameters.depth)
            subscriber = filters.Subscriber(node, topic.type, topic.name, qos_profile=topic.qos)
            subscriber.registerCallback(self._arrived, view)
            self._subscribers.append(subscriber)
        self._filter = filters.ApproximateTimeSynchronizer(
            self._subscribers, 10, parameters.limits.max_skew
        )
        self._filter.registerCallback(self._matched)

    def take(self) -> Match[Any] | None:
        """Give the messages of the newest complete set that is new; see Cameras."""
        now = self.now()
        stamps = {v: from_time(message.header.stamp) for v, message in self._set.items()}
        if stamps and now - min(stamps.values()) <= self._limits.max_age * SECOND:
            return self.give(Match(self._set, stamps, {}), now)
        alone = self.newest.match(now)
        waiting = 'waits for ' + (', '.join(alone.absent) or 'a set close enough in time')
        absent = {view: alone.absent.get(view, waiting) for view in self.views}
        return self.give(Match({}, {}, absent), now)

    def close(self) -> None:
        """Stop receiving."""
        for subscriber in self._subscribers:
            self.node.destroy_subscription(subscriber.sub)

    def _arrived(self, message: Any, view: str) -> None:
        self.newest.add(view, from_time(message.header.stamp), message, self.now())

    def _matched(self, *messages: Any) -> None:
        stamps = [from_time(message.header.stamp) for message in messages]
        known = [self.newest.newest(view) for view in self.views]
        if all(0 < stamp <= newest for stamp, newest in zip(stamps, known, strict=True)):
            self._set = dict(zip(self.views, messages, strict=True))


def _cv_bridge_decoder(bridge: Any) -> Callable[[Any], np.ndarray]:
    """Decode raw messages by cv_bridge once their fields agree; it would not notice otherwise."""

    def by_bridge(message: Any) -> np.ndarray:
        if hasattr(message, 'format'):
            return decode(message)
        check_layout(message)
        return bridge.imgmsg_to_cv2(message, 'rgb8')

    return by_bridge


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'synchronizer = message_filters needs {module}, which this machine lacks '
            f'({error}); install ros-$ROS_DISTRO-{module.replace("_", "-")} or use newest'
        ) from error


def decode_views(messages: Sequence[View]) -> Views | None:
    """Give the views of View messages, None of none; PictureError names the view at fault."""
    images = {}
    for message in messages:
        try:
            images[message.name] = decode(message.image)
        except PictureError as error:
            raise PictureError(error.kind, f'view {message.name}: {error}') from error
    stamps = {message.name: from_time(message.image.header.stamp) for message in messages}
    return Views(images, stamps) if images else None


def _never(_: Any) -> None:
    """Stand in for the callback that subscriptions taken on demand do not have."""
