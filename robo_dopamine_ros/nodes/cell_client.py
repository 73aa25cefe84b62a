"""A client of a running cell: receives its topics in a thread and calls its episode manager."""

import threading
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg
from robo_dopamine_ros.ros.episode_client import EpisodeClient
from robo_dopamine_ros.ros.shutdown import destroy_when_quiet
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.types import Episode, Outcome, Progress, Reward


class CellClient:
    """Receives progress, rewards and episodes, newest last; use it as a context manager."""

    def __init__(
        self, name: str = 'observer', namespace: str = '', limit: int | None = None
    ) -> None:
        """`limit` is the number of messages of each topic that are kept at least; None: all."""
        self._limit = limit
        self.readings: list[Progress] = []
        self.rewards: list[Reward] = []
        self.episodes: list[Episode] = []
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node(
            name, context=self._context, namespace=namespace, use_global_arguments=False
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(
            target=self._executor.spin, name=f'{name} spins', daemon=True
        )
        self._subscriptions: dict[str, Any] = {}
        self._episode_manager = EpisodeClient(self.node, self.episodes)
        self.subscribe(topics.PROGRESS, from_msg, self.readings)
        self.subscribe(topics.REWARD, from_msg, self.rewards)
        self.subscribe(topics.EPISODE, from_msg, self.episodes, changes_only=True)

    def __enter__(self) -> 'CellClient':
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self._thread.join(timeout=5.0)
        destroy_when_quiet(self.node)
        self._context.try_shutdown()

    def subscribe(
        self,
        topic: Topic,
        convert: Callable[[Any], Any],
        values: list[Any],
        changes_only: bool = False,
    ) -> None:
        """Append every message of a topic, converted, to `values`; or only those that differ."""

        def on_message(message: Any) -> None:
            value = convert(message)
            if not (changes_only and values and value == values[-1]):
                values.append(value)
            if self._limit and len(values) >= 2 * self._limit:
                del values[: -self._limit]

        self._subscriptions[topic.name] = self.node.create_subscription(
            topic.type, topic.name, on_message, topic.qos
        )

    @property
    def episode(self) -> Episode:
        """The newest episode; an idle one before the first message."""
        return self.episodes[-1] if self.episodes else Episode()

    def episode_readings(self) -> list[Progress]:
        """Return the readings of the newest episode."""
        return [r for r in self.readings if r.episode == self.episode.id != '']

    def episode_rewards(self) -> list[Reward]:
        """Return the rewards of the newest episode."""
        return [r for r in self.rewards if r.episode == self.episode.id != '']

    def unpublished_topics(self) -> list[str]:
        """Return the names of the subscribed topics without a publisher."""
        subscriptions = self._subscriptions.items()
        return [name for name, one in subscriptions if not one.get_publisher_count()]

    def node_names(self) -> set[str]:
        """Return the full names of the nodes in the graph."""
        found = self.node.get_node_names_and_namespaces()
        return {f'{namespace.rstrip("/")}/{name}' for name, namespace in found}

    def start_episode(self, task: str, timeout: float, check: Callable[[], None]) -> Episode:
        """Start an episode; see EpisodeClient."""
        return self._episode_manager.start(task, timeout, check)

    def end_episode(
        self, outcome: Outcome, decided_by: str, timeout: float, check: Callable[[], None]
    ) -> Episode:
        """End the running episode; see EpisodeClient."""
        return self._episode_manager.end(outcome, decided_by, timeout, check)
