"""Node `episode_manager`: starts and ends episodes and publishes `episode`."""

import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rclpy.node import Node

from robo_dopamine_ros.clock import steady_time, steady_time_ns
from robo_dopamine_ros.episodes.config import EpisodeParameters, ResetParameters
from robo_dopamine_ros.episodes.home_motion import HomePose
from robo_dopamine_ros.episodes.resets import (
    EpisodeResetter,
    HomeReset,
    ManualReset,
    NoReset,
    ResetError,
    ResetStrategy,
    SimReset,
)
from robo_dopamine_ros.episodes.state_machine import NEXT_EPISODE_KEY, EpisodeStateMachine
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.types import ArmCommand, Instant, Outcome

TICK_PERIOD = 0.05  # of time-outs and of commands of a reset motion [s]


@dataclass(frozen=True)
class EpisodeManagerParameters:
    """Parameters of the node."""

    episodes: EpisodeParameters = field(default_factory=EpisodeParameters)
    resets: ResetParameters = field(default_factory=ResetParameters)


def unique_run_name() -> str:
    """Return a name for the ids of episodes, which no other cell has that starts now."""
    return f'{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}'


class EpisodeManager(Node):
    """Connects services, reward model, gate, recorder and resets to the state machine."""

    def __init__(self) -> None:
        super().__init__('episode_manager')
        p = declare(self, EpisodeManagerParameters)
        run, strategy = unique_run_name(), p.resets.strategy
        self._episodes = EpisodeStateMachine(
            p.episodes, run, needs_reset=strategy != 'none', manual_reset=strategy == 'manual'
        )
        self._resetter = EpisodeResetter(_reset_strategy(self, p.resets), p.resets)
        self._gripper: float | None = None  # last commanded opening, 0..1
        episode = topics.EPISODE
        self._publisher = self.create_publisher(episode.type, episode.name, episode.qos)
        for topic, on_message in (
            (topics.PROGRESS, self._on_progress),
            (topics.CONTROL, self._on_control),
            (topics.RECORDER_STATUS, self._on_recorder_status),
        ):
            self.create_subscription(topic.type, topic.name, on_message, topic.qos)
        for service, on_request in (
            (topics.START_EPISODE, self._on_start),
            (topics.END_EPISODE, self._on_end),
            (topics.PAUSE, self._on_pause),
        ):
            self.create_service(service.type, service.name, on_request)
        create_steady_timer(self, TICK_PERIOD, self._tick)
        create_steady_timer(self, 1.0 / (topics.EPISODE.rate or 5.0), self._publish)
        Diagnostics(self, self._health)

    def _on_progress(self, message: Any) -> None:
        reading = from_msg(message)
        self._publish_change(self._episodes.on_progress(reading, self._now()))

    def _on_control(self, message: Any) -> None:
        self._gripper = message.sent.gripper
        changed = self._episodes.on_control(message.latched, message.reason, self._now())
        self._publish_change(changed)

    def _on_recorder_status(self, message: Any) -> None:
        status = from_msg(message)
        self._publish_change(self._episodes.on_recorder_status(status, self._now()))

    def _on_start(self, request: Any, response: Any) -> Any:
        return self._answer(response, self._episodes.start(request.task, self._now()))

    def _on_end(self, request: Any, response: Any) -> Any:
        try:
            outcome = Outcome(request.outcome)
        except ValueError as error:
            return self._answer(response, str(error))
        decided_by = request.decided_by or 'a person'
        return self._answer(response, self._episodes.claim(outcome, decided_by, self._now()))

    def _on_pause(self, request: Any, response: Any) -> Any:
        refusal = self._episodes.pause(request.data)
        state = self._episodes.status if request.data else self._episodes.next_episode
        response.success, response.message = not refusal, refusal or state
        return response

    def _answer(self, response: Any, refusal: str) -> Any:
        response.accepted, response.reason = not refusal, refusal
        response.episode = to_msg(self._episodes.episode)
        self._publish_change(not refusal)
        return response

    def _tick(self) -> None:
        self._publish_change(self._episodes.tick(self._now()))
        resetting = self._episodes.resetting
        try:
            done = self._resetter.update(resetting, self._gripper, steady_time())
        except ResetError as error:
            refusal = self._episodes.end(Outcome.ABORTED, f'reset: {error}', self._now())
            self._publish_change(not refusal)
        else:
            self._publish_change(done and not self._episodes.reset_done(self._now()))

    def _publish_change(self, changed: bool) -> None:
        if changed:
            self.get_logger().info(f'{self._episodes.episode.id}: {self._episodes.status}')
            self._publish()

    def _publish(self) -> None:
        self._publisher.publish(to_msg(self._episodes.episode))

    def _health(self) -> Sequence[Health]:
        episode, waiting_for = self._episodes.episode, self._resetter.waiting_for
        message = self._episodes.status + (f': {waiting_for}' if waiting_for else '')
        unavailable = self._episodes.unavailable
        message += f'; {unavailable}' if unavailable not in message else ''
        problem = waiting_for or self._episodes.auto_start_blocked or unavailable
        level = Level.WARN if problem else Level.OK
        publishers = self.count_publishers(topics.EPISODE.name)
        if publishers > 1:
            level, message = Level.ERROR, f'{publishers} publishers of episode; there must be one'
        values: dict[str, object] = {
            'episode': episode.id,
            'outcome': episode.outcome.name,
            'decided by': episode.decided_by,
            NEXT_EPISODE_KEY: self._episodes.next_episode,
            **self._episodes.stats.diagnostic_values(),
        }
        return [Health('episode_manager', level, message, values)]

    def _now(self) -> Instant:
        return Instant(steady_time_ns(), self.get_clock().now().nanoseconds)


def _reset_strategy(node: Node, parameters: ResetParameters) -> ResetStrategy:
    """Make the reset strategy of the parameters, with its clients and publishers."""
    if parameters.strategy == 'sim':
        reset = topics.SIM_RESET
        return SimReset(reset.name, node.create_client(reset.type, reset.name))
    if parameters.strategy == 'motion':
        return _home_reset(node, parameters.home)
    if parameters.strategy == 'manual':
        return ManualReset(node.get_logger().info)
    return NoReset()


def _home_reset(node: Node, home: HomePose) -> HomeReset:
    """Connect a motion to the home pose to `arm/state` and `reset/command`."""
    command_topic, state_topic = topics.RESET_COMMAND, topics.ARM_STATE
    publisher = node.create_publisher(command_topic.type, command_topic.name, command_topic.qos)
    frame = ''  # base frame, as the arm state names it

    def publish(command: ArmCommand) -> None:
        stamped = replace(command, stamp=node.get_clock().now().nanoseconds)
        publisher.publish(to_msg(stamped, frame))

    def on_arm_state(message: Any) -> None:
        nonlocal frame
        frame = message.header.frame_id
        reset.on_arm_state(from_msg(message), steady_time())

    reset = HomeReset(home, publish)
    node.create_subscription(state_topic.type, state_topic.name, on_arm_state, state_topic.qos)
    return reset


def main() -> int:
    """Run the node as a process."""
    return run_node(EpisodeManager, exclusive=topics.EPISODE)


if __name__ == '__main__':
    sys.exit(main())
