"""Listens to a running cell and asks its conductor; made for programs that wait, like commands."""

import threading
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import episode_from_msg, progress_from_msg, reward_from_msg
from robo_dopamine_ros.ros.episode_client import EpisodeClient
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.types import Episode, Outcome, Progress, Reward


class Observer:
    """Keeps what is published of progress, reward and episodes; use it as a context."""

    def __init__(
        self, name: str = 'observer', namespace: str = '', limit: int | None = None
    ) -> None:
        """`limit` is how many of each are kept at least; None: all."""
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
        self._conductor = EpisodeClient(self.node, self.episodes)
        self.keep(topics.PROGRESS, progress_from_msg, self.readings)
        self.keep(topics.REWARD, reward_from_msg, self.rewards)
        self.keep(topics.EPISODE, episode_from_msg, self.episodes, changes=True)

    def __enter__(self) -> 'Observer':
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self._thread.join(timeout=5.0)
        self.node.destroy_node()
        self._context.try_shutdown()

    def keep(
        self, topic: Topic, convert: Callable[[Any], Any], into: list[Any], changes: bool = False
    ) -> None:
        """Append every message of a topic, converted, to a list; or those that differ, only."""

        def take(message: Any) -> None:
            value = convert(message)
            if not (changes and into and value == into[-1]):
                into.append(value)
            if self._limit and len(into) >= 2 * self._limit:
                del into[: -self._limit]

        self._subscriptions[topic.name] = self.node.create_subscription(
            topic.type, topic.name, take, topic.qos
        )

    @property
    def episode(self) -> Episode:
        """The newest word of the conductor; an idle episode before it spoke."""
        return self.episodes[-1] if self.episodes else Episode()

    def read(self) -> list[Progress]:
        """Readings of the newest episode."""
        return [r for r in self.readings if r.episode == self.episode.id != '']

    def paid(self) -> list[Reward]:
        """Rewards of the newest episode."""
        return [r for r in self.rewards if r.episode == self.episode.id != '']

    def silent(self) -> list[str]:
        """Names of the topics that nobody publishes yet."""
        known = self._subscriptions.items()
        return [name for name, subscription in known if not subscription.get_publisher_count()]

    def nodes(self) -> set[str]:
        """Full names of the nodes in the graph."""
        found = self.node.get_node_names_and_namespaces()
        return {f'{namespace.rstrip("/")}/{name}' for name, namespace in found}

    def start_episode(self, task: str, patience: float, check: Callable[[], None]) -> Episode:
        """Have the conductor start an episode; see EpisodeClient."""
        return self._conductor.start(task, patience, check)

    def end_episode(
        self, outcome: Outcome, decided_by: str, patience: float, check: Callable[[], None]
    ) -> Episode:
        """Have the conductor end the episode that runs; see EpisodeClient."""
        return self._conductor.end(outcome, decided_by, patience, check)
