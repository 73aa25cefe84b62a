"""A straightforward reward node, the baseline of live_reward.py.

Every image reaches a callback and an approximate-time synchronizer, every synchronized set is
converted with a copy, and each of the three perspectives is a separate query that encodes start,
goal, previous and present views again. The synchronizer follows message_filters.
"""

import itertools
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from robo_dopamine_ros.grm.compact.loading import load_compact
from robo_dopamine_ros.reward.progress import ProgressTracker
from robo_dopamine_ros.reward.shaping import RewardShaper
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, from_time, to_msg
from robo_dopamine_ros.types import SECOND, VIEWS, Hops, Phase, TaskContext, Views

SLOP, QUEUE = SECOND // 20, 10


class ApproximateTime:
    """Calls back with each set of messages, one of each topic, that are close in time."""

    def __init__(self, count: int, on_match: Callable[..., None]) -> None:
        self._queues: list[dict[int, Any]] = [{} for _ in range(count)]
        self._on_match = on_match

    def add(self, index: int, message: Any) -> None:
        stamp = from_time(message.header.stamp)
        self._queues[index][stamp] = message
        while len(self._queues[index]) > QUEUE:
            del self._queues[index][min(self._queues[index])]
        choices = [
            [stamp]
            if i == index
            else sorted((s for s in queue if abs(s - stamp) < SLOP), key=lambda s: abs(s - stamp))
            for i, queue in enumerate(self._queues)
        ]
        for stamps in itertools.product(*choices):
            if max(stamps) - min(stamps) < SLOP:
                self._on_match(*(q.pop(s) for q, s in zip(self._queues, stamps, strict=True)))
                return


class BaselineRewardNode(Node):
    """Converts every set of images and runs three independent queries ten times a second."""

    def __init__(self, model: str) -> None:
        super().__init__('reward')
        self._model = load_compact(model)
        self._tracker, self._shaper = ProgressTracker(), RewardShaper()
        self._running = False
        self._now: Views | None = None
        self._before: Views | None = None
        self._start: Views | None = None
        synchronizer = ApproximateTime(len(VIEWS), self._convert)
        for index, view in enumerate(VIEWS):
            topic = topics.camera_topic(view)
            self.create_subscription(
                topic.type,
                topic.name,
                partial(synchronizer.add, index),
                qos_profile_sensor_data,
            )
        episode = topics.EPISODE
        self.create_subscription(episode.type, episode.name, self._on_episode, episode.qos)
        self._progress, self._reward = (
            self.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (topics.PROGRESS, topics.REWARD)
        )
        self.create_timer(0.1, self._on_timer)

    def _on_episode(self, message: Any) -> None:
        episode = from_msg(message)
        self._running = episode.phase is Phase.RUNNING
        self._tracker.reset(episode.id, episode.task, self._model.name)
        self._shaper.reset(episode.id)

    def _convert(self, *messages: Any) -> None:
        images = {
            view: np.frombuffer(m.data, np.uint8).reshape(m.height, m.width, 3).copy()
            for view, m in zip(VIEWS, messages, strict=True)
        }
        stamps = [from_time(message.header.stamp) for message in messages]
        self._now = Views(images, dict(zip(VIEWS, stamps, strict=True)))

    def _on_timer(self) -> None:
        views = self._now
        if not self._running or views is None:
            return
        self._start = self._start or views
        before = self._before or views
        self._before = views
        answers = [self._query(before, views) for _ in ('incremental', 'forward', 'backward')]
        hops = Hops(answers[0].incremental, answers[1].forward, answers[2].backward)
        reading = self._tracker.update(hops, views.stamp)
        latency = (self.get_clock().now().nanoseconds - views.stamp) / SECOND
        self._progress.publish(to_msg(replace(reading, latency=latency)))
        if (reward := self._shaper.update(reading)) is not None:
            self._reward.publish(to_msg(reward))

    def _query(self, before: Views, after: Views) -> Hops:
        """One perspective: start, goal, previous and present views are all encoded again."""
        assert self._start is not None
        self._model.reset(TaskContext('', self._start, self._start))
        self._model.step(before)
        return self._model.step(after)


def main() -> None:
    rclpy.init()
    try:
        rclpy.spin(BaselineRewardNode(sys.argv[1]))
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
