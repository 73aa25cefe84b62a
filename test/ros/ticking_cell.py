"""What fakes of a whole cell share: publishers, camera views, and a thread that ticks at 50 Hz."""

import threading
import time
from typing import Any

import numpy as np
from processes import Watcher

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import to_msg
from robo_dopamine_ros.ros.images import image_to_msg
from robo_dopamine_ros.types import VIEWS, Episode, Phase

TICK = 0.02  # [s]


class TickingCell(Watcher):
    """Publishes the given topics and images; a subclass defines `_tick`, called every TICK."""

    def __init__(self, *published: topics.Topic) -> None:
        super().__init__()
        self.episode_state = Episode('e0', phase=Phase.IDLE)
        self._number, self._open = 0, True
        self._publishers_of: dict[str, Any] = {
            t.name: self.node.create_publisher(t.type, t.name, t.qos) for t in published
        }
        self._views = {
            view: self.node.create_publisher(
                topics.camera_topic(view).type, topics.camera_topic(view).name, 2
            )
            for view in VIEWS
        }
        self._ticking = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Any:
        super().__enter__()
        self._ticking.start()
        return self

    def __exit__(self, *words: object) -> None:
        self._open = False
        self._ticking.join()
        super().__exit__(*words)

    @property
    def stamp(self) -> int:
        return self.node.get_clock().now().nanoseconds

    def publish(self, topic: topics.Topic, message: Any) -> None:
        self._publishers_of[topic.name].publish(message)

    def publish_image(self, view: str, image: np.ndarray, stamp: int) -> None:
        self._views[view].publish(image_to_msg(image, stamp, view))

    def publish_episode(self, phase: Phase, name: str, **fields: Any) -> None:
        self.episode_state = Episode(name, phase=phase, stamp=self.stamp, **fields)
        self.publish(topics.EPISODE, to_msg(self.episode_state))

    def _tick(self) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        due = time.monotonic()
        while self._open:
            self._number += 1
            self._tick()
            due = max(due + TICK, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
