"""The conductor: its word alone starts and ends episodes, and says how they ended."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import episode_to_msg, kept_from_msg, progress_from_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.episodes import NEXT, EpisodeParameters, Episodes
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.resets import ResetError, ResetParameters, Resets
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.types import Outcome

TICK = 0.05  # [s] between looks at the clock; reset motions are told as often


@dataclass(frozen=True)
class ConductorParameters:
    """Parameters of the conductor."""

    episodes: EpisodeParameters = field(default_factory=EpisodeParameters)
    resets: ResetParameters = field(default_factory=ResetParameters)


class Conductor(Node):
    """Wires people, reward model, gate and resets to the rules of episodes."""

    def __init__(self) -> None:
        super().__init__('conductor')
        p = declare(self, ConductorParameters)
        run_name, way = f'{datetime.now():%Y%m%d-%H%M%S}', p.resets.way
        self._episodes = Episodes(p.episodes, run_name, way != 'none', way == 'person')
        self._resets = Resets(self, p.resets)
        self._gripper: float | None = None  # as it was commanded last
        episode = topics.EPISODE
        self._publisher = self.create_publisher(episode.type, episode.name, episode.qos)
        for topic, hear in (
            (topics.PROGRESS, self._on_progress),
            (topics.CONTROL, self._on_control),
            (topics.KEPT, self._on_kept),
        ):
            self.create_subscription(topic.type, topic.name, hear, topic.qos)
        for service, answer in (
            (topics.START_EPISODE, self._on_start),
            (topics.END_EPISODE, self._on_end),
            (topics.PAUSE, self._on_pause),
        ):
            self.create_service(service.type, service.name, answer)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # a paused simulation needs us no less
        self.create_timer(TICK, self._tick, clock=steady)
        self.create_timer(1.0 / (topics.EPISODE.rate or 5.0), self._tell, clock=steady)
        Diagnostics(self, self._health)

    def _on_progress(self, message: Any) -> None:
        self._tell_if(self._episodes.hear(progress_from_msg(message), self._now()))

    def _on_control(self, message: Any) -> None:
        self._gripper = message.sent.gripper
        self._tell_if(self._episodes.hear_gate(message.latched, message.reason, self._now()))

    def _on_kept(self, message: Any) -> None:
        self._tell_if(self._episodes.hear_recorder(kept_from_msg(message), self._now()))

    def _on_start(self, request: Any, response: Any) -> Any:
        return self._answer(response, self._episodes.start(request.task, self._now()))

    def _on_end(self, request: Any, response: Any) -> Any:
        try:
            outcome = Outcome(request.outcome)
        except ValueError as error:
            return self._answer(response, str(error))
        by = request.decided_by or 'a person'
        return self._answer(response, self._episodes.end(outcome, by, self._now()))

    def _on_pause(self, request: Any, response: Any) -> Any:
        refusal = self._episodes.pause(request.data)
        now = self._episodes.words if request.data else self._episodes.prospect
        response.success, response.message = not refusal, refusal or now
        return response

    def _answer(self, response: Any, reason: str) -> Any:
        response.accepted, response.reason = not reason, reason
        response.episode = episode_to_msg(self._episodes.episode)
        self._tell_if(not reason)
        return response

    def _tick(self) -> None:
        self._tell_if(self._episodes.tick(self._now()))
        try:
            done = self._resets.update(self._episodes.resetting, self._gripper, time.monotonic())
        except ResetError as error:
            self._tell_if(not self._episodes.end(Outcome.ABORTED, f'reset: {error}', self._now()))
        else:
            self._tell_if(done and not self._episodes.ready(self._now()))

    def _tell_if(self, changed: bool) -> None:
        """Say at once what changed."""
        if changed:
            episode = self._episodes.episode
            self.get_logger().info(f'{episode.id}: {self._episodes.words}')
            self._tell()

    def _tell(self) -> None:
        self._publisher.publish(episode_to_msg(self._episodes.episode))

    def _health(self) -> Sequence[Health]:
        episode, waits_for = self._episodes.episode, self._resets.waits_for
        speakers = self.count_publishers(topics.EPISODE.name)
        message = self._episodes.words + (f': {waits_for}' if waits_for else '')
        missing = self._episodes.missing
        message += f'; {missing}' if missing not in message else ''
        level = Level.WARN if waits_for or self._episodes.halted or missing else Level.OK
        if speakers > 1:
            level, message = Level.ERROR, f'{speakers} publishers of episode; there must be one'
        values: dict[str, object] = {
            'episode': episode.id,
            'outcome': episode.outcome.name,
            'decided by': episode.decided_by,
            NEXT: self._episodes.prospect,
            **self._episodes.tally.values(),
        }
        return [Health('conductor', level, message, values)]

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds


def main() -> int:
    """Run the node as a process."""
    return run(Conductor, sole=topics.EPISODE)


if __name__ == '__main__':
    sys.exit(main())
