"""Cameras through `message_filters` and `cv_bridge`, where the ROS distribution provides them."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node

from robo_dopamine_ros.ros.cameras import CameraParameters, ImageSets
from robo_dopamine_ros.ros.convert import from_time
from robo_dopamine_ros.ros.images import check_layout, decode_image
from robo_dopamine_ros.ros.time_sync import Match
from robo_dopamine_ros.ros.topics import camera_topic


class MessageFiltersCameras(ImageSets):
    """ApproximateTimeSynchronizer and cv_bridge as a `CameraSource`.

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
            subscriber.registerCallback(self._on_image, view)
            self._subscribers.append(subscriber)
        self._filter = filters.ApproximateTimeSynchronizer(
            self._subscribers, 10, parameters.limits.max_skew
        )
        self._filter.registerCallback(self._on_set)

    def poll(self) -> Match[Any] | None:
        """The messages of the newest complete set, if it is new; see `CameraSource.poll`."""
        now = self.now()
        stamps = {v: from_time(message.header.stamp) for v, message in self._set.items()}
        if stamps and all(self.synchronizer.is_fresh(stamp, now) for stamp in stamps.values()):
            return self.accept(Match(self._set, stamps, {}), now)
        found = self.synchronizer.match(now)
        waiting = 'waits for ' + (', '.join(found.absent) or 'a set close enough in time')
        absent = {view: found.absent.get(view, waiting) for view in self.views}
        return self.accept(Match({}, {}, absent), now)

    def close(self) -> None:
        """Stop receiving."""
        for subscriber in self._subscribers:
            self.node.destroy_subscription(subscriber.sub)

    def _on_image(self, message: Any, view: str) -> None:
        self.synchronizer.add(view, from_time(message.header.stamp), message, self.now())

    def _on_set(self, *messages: Any) -> None:
        stamps = [from_time(message.header.stamp) for message in messages]
        newest = [self.synchronizer.newest(view) for view in self.views]
        if all(0 < stamp <= last for stamp, last in zip(stamps, newest, strict=True)):
            self._set = dict(zip(self.views, messages, strict=True))


def _cv_bridge_decoder(bridge: Any) -> Callable[[Any, int], np.ndarray]:
    """Decode raw 8-bit images by cv_bridge, after checking their fields, which cv_bridge does not.

    The other ones have a bit depth or rows of colour samples, of which cv_bridge knows nothing.
    """

    def decode(message: Any, bit_depth: int = 0) -> np.ndarray:
        if hasattr(message, 'format'):
            return decode_image(message, bit_depth)
        layout = check_layout(message)
        if layout.is_16_bit or layout.colour_rows:
            return decode_image(message, bit_depth)
        return bridge.imgmsg_to_cv2(message, 'rgb8')

    return decode


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'synchronizer = message_filters needs {module}, which this machine lacks '
            f'({error}); install ros-$ROS_DISTRO-{module.replace("_", "-")} or use newest'
        ) from error
