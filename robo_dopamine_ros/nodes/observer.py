"""Listens to a running cell and asks its conductor; made for programs that wait, like commands."""

import threading
import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from robo_dopamine.srv import EndEpisode, StartEpisode

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import episode_from_msg, progress_from_msg, reward_from_msg
from robo_dopamine_ros.ros.topics import Service, Topic
from robo_dopamine_ros.types import Episode, Outcome, Progress, Reward

POLL = 0.01  # [s] between looks while waiting


class RefusedError(RuntimeError):
    """The cell did not answer, or answered no; the text says why."""


class Observer:
    """Keeps all that is published of progress, reward and episodes; use it as a context."""

    def __init__(self, name: str = 'observer') -> None:
        self.readings: list[Progress] = []
        self.rewards: list[Reward] = []
        self.episodes: list[Episode] = []
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node(name, context=self._context, use_global_arguments=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(
            target=self._executor.spin, name=f'{name} spins', daemon=True
        )
        self._subscriptions: dict[str, Any] = {}
        self.keep(topics.PROGRESS, progress_from_msg, self.readings)
        self.keep(topics.REWARD, reward_from_msg, self.rewards)
        self.keep(topics.EPISODE, episode_from_msg, self.episodes)

    def __enter__(self) -> 'Observer':
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self._thread.join(timeout=5.0)
        self.node.destroy_node()
        self._context.try_shutdown()

    def keep(self, topic: Topic, convert: Callable[[Any], Any], into: list[Any]) -> None:
        """Append every message of a topic, converted, to a list."""
        self._subscriptions[topic.name] = self.node.create_subscription(
            topic.type, topic.name, lambda message: into.append(convert(message)), topic.qos
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

    def start_episode(self, task: str, patience: float, check: Callable[[], None]) -> Episode:
        """Have the conductor start an episode; RefusedError when it will not within `patience` [s].

        `check` is called while waiting, so that a dead process is noticed.
        """
        request = StartEpisode.Request(task=task)
        return self._ask(topics.START_EPISODE, request, patience, check)

    def end_episode(
        self, outcome: Outcome, decided_by: str, patience: float, check: Callable[[], None]
    ) -> Episode:
        """Have the conductor end the episode that runs."""
        request = EndEpisode.Request(outcome=int(outcome), decided_by=decided_by)
        return self._ask(topics.END_EPISODE, request, patience, check)

    def _ask(
        self, service: Service, request: Any, patience: float, check: Callable[[], None]
    ) -> Episode:
        client = self.node.create_client(service.type, service.name)
        try:
            deadline = time.monotonic() + patience
            _wait(client.service_is_ready, deadline, check, f'{service.name} is not offered')
            future = client.call_async(request)
            _wait(future.done, deadline, check, f'{service.name} was not answered')
            answer = future.result()
        finally:
            self.node.destroy_client(client)
        if not answer.accepted:
            raise RefusedError(f'{service.name} was refused: {answer.reason}')
        return episode_from_msg(answer.episode)


def _wait(
    condition: Callable[[], bool], deadline: float, check: Callable[[], None], failure: str
) -> None:
    """Wait for a condition until a time of the steady clock [s]; RefusedError says `failure`."""
    while not condition():
        check()
        if time.monotonic() > deadline:
            raise RefusedError(f'{failure} in time')
        time.sleep(POLL)
