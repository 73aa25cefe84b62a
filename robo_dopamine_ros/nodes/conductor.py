"""The conductor: its word alone starts and ends episodes, and says how they ended."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rclpy.node import Node

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import episode_to_msg, progress_from_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health
from robo_dopamine_ros.ros.episodes import EpisodeParameters, Episodes
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.types import Outcome

TICK = 0.05  # [s] between looks at the clock


@dataclass(frozen=True)
class ConductorParameters:
    """Parameters of the conductor."""

    episodes: EpisodeParameters = field(default_factory=EpisodeParameters)


class Conductor(Node):
    """Wires people and reward model to the rules of episodes."""

    def __init__(self) -> None:
        super().__init__('conductor')
        parameters = declare(self, ConductorParameters)
        self._episodes = Episodes(parameters.episodes, f'{datetime.now():%Y%m%d-%H%M%S}')
        episode, progress = topics.EPISODE, topics.PROGRESS
        self._publisher = self.create_publisher(episode.type, episode.name, episode.qos)
        self.create_subscription(progress.type, progress.name, self._on_progress, progress.qos)
        for service, answer in (
            (topics.START_EPISODE, self._on_start),
            (topics.END_EPISODE, self._on_end),
        ):
            self.create_service(service.type, service.name, answer)
        self.create_timer(TICK, self._tick)
        Diagnostics(self, self._health)
        self._tell()

    def _on_progress(self, message: Any) -> None:
        self._episodes.hear(progress_from_msg(message), self._now())

    def _on_start(self, request: Any, response: Any) -> Any:
        return self._answer(response, self._episodes.start(request.task, self._now()))

    def _on_end(self, request: Any, response: Any) -> Any:
        try:
            outcome = Outcome(request.outcome)
        except ValueError as error:
            return self._answer(response, str(error))
        by = request.decided_by or 'a person'
        return self._answer(response, self._episodes.end(outcome, by, self._now()))

    def _answer(self, response: Any, reason: str) -> Any:
        response.accepted, response.reason = not reason, reason
        response.episode = episode_to_msg(self._episodes.episode)
        if not reason:
            self._tell()
        return response

    def _tick(self) -> None:
        if self._episodes.tick(self._now()):
            self._tell()

    def _tell(self) -> None:
        self._publisher.publish(episode_to_msg(self._episodes.episode))

    def _health(self) -> Sequence[Health]:
        episode = self._episodes.episode
        values = {'episode': episode.id, 'outcome': episode.outcome.name}
        proposed = ', success proposed' if self._episodes.proposed else ''
        message = episode.phase.name.lower() + proposed
        return [Health('conductor', message=message, values=values)]

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds


def main() -> int:
    """Run the node as a process."""
    return run(Conductor)


if __name__ == '__main__':
    sys.exit(main())
