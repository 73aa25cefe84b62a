"""The policy node: publishes a command and the resulting step of experience at 10 Hz."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.node import Node

from robo_dopamine_ros.checkpoint import CheckpointError, use_threads
from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.experience.types import ObservationSpec
from robo_dopamine_ros.grm.compact.features import open_with_features
from robo_dopamine_ros.grm.goal_images import GOAL_DIR, read_goal_images
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.nodes.run_workplace import check_run_workplace
from robo_dopamine_ros.nodes.step_messages import step_to_msg
from robo_dopamine_ros.policy.inference import PolicyInference
from robo_dopamine_ros.policy.loop import PolicyLoop, PolicyLoopParameters
from robo_dopamine_ros.policy.observation import PROPRIOCEPTION_SIZE
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.cameras import CameraParameters
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.ros.view_poller import ViewPoller
from robo_dopamine_ros.training.config import RunDir, read_train_config, reward_model_path
from robo_dopamine_ros.training.workplace import Workplace, WorkplaceError
from robo_dopamine_ros.types import require_at_least

RATE = 10.0  # of commands and steps [Hz]
SUBSCRIPTIONS: Sequence[tuple[Topic, Callable[[Any], Any]]] = (
    (topics.ARM_STATE, from_msg),
    (topics.CONTROL, from_msg),
    (topics.EPISODE, from_msg),
    (topics.RECORDER_STATUS, from_msg),
)


@dataclass(frozen=True)
class PolicyParameters(PolicyLoopParameters):
    """Run whose weights act, its cameras, and when it may act."""

    run: str = ''  # directory of a run made by `robo-dopamine train`
    explore: bool = True  # whether actions are sampled from the policy; false: without noise
    base_frame: str = 'base'  # base frame of the arm, as in the gate
    workplace: str = ''  # JSON of the arm and its frames, which `robo-dopamine up` fills in
    seed: int = 0  # of sampled actions, added to the time of the start
    cameras: CameraParameters = field(default_factory=CameraParameters)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(0, self, 'seed')
        Workplace.from_json(self.workplace)  # refuses what is none

    @property
    def place(self) -> Workplace:
        """Where it acts."""
        mine = Workplace(base_frame=self.base_frame, origin=self.origin, tip_offset=self.tip_offset)
        return replace(Workplace.from_json(self.workplace), **mine.known)


class PolicyNode(Node):
    """Connects cameras, arm, gate, episode manager and recorder to the policy loop."""

    def __init__(self) -> None:
        super().__init__('policy')
        self._p = p = declare(self, PolicyParameters)
        use_threads(1)
        epoch = time.time_ns()
        self._loop = PolicyLoop(open_inference(p, epoch), p, epoch)
        self._views = ViewPoller(self, p.cameras, p.max_input_age)
        for topic, decode in SUBSCRIPTIONS:
            on_message = partial(self._on_message, topic.name, decode)
            self.create_subscription(topic.type, topic.name, on_message, topic.qos)
        self._command_publisher, self._step_publisher = (
            self.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (topics.POLICY_COMMAND, topics.STEP)
        )
        Diagnostics(self, self._health)
        create_steady_timer(self, 1 / RATE, self._tick)

    def _on_message(self, name: str, decode: Callable[[Any], Any], message: Any) -> None:
        try:
            self._loop.on_message(decode(message), steady_time())
        except ValueError as error:
            self.get_logger().warning(f'{name} refused: {error}', throttle_duration_sec=1.0)

    def _tick(self) -> None:
        now, stamp = steady_time(), self.get_clock().now().nanoseconds
        views = self._views.poll(now)
        command = self._loop.step(views, self._views.stale_reason(now, stamp), now, stamp)
        self._command_publisher.publish(to_msg(command, self._p.base_frame))
        for step in self._loop.send_buffer.steps_to_send(now):
            self._step_publisher.publish(step_to_msg(step, self._p.base_frame))

    def _health(self) -> Sequence[Health]:
        inference, steps = self._loop.inference, self._loop.step_builder
        reason, fault = self._loop.reason, inference.fault
        level = Level.WARN if fault or (reason and steps.running) else Level.OK
        message = '; '.join(dict.fromkeys(filter(None, (reason, fault)))) or 'acts'
        values = {
            'weights': inference.version,
            'steps': steps.sequence,
            'steps not stored yet': len(self._loop.send_buffer),
        }
        return [Health('policy', level, message, values), *self._views.health()]


def open_inference(p: PolicyParameters, epoch: int) -> PolicyInference:
    """Inference with the weights and the reward model of a run; ParameterError without one."""
    run_dir = RunDir(Path(p.run))
    try:
        if not p.run:
            raise CheckpointError('it must be the folder of a run; `robo-dopamine train` makes one')
        config = read_train_config(run_dir.path)
        check_run_workplace(run_dir.path, config, p.place)
        model = reward_model_path(run_dir, config)
        _, encoder = open_with_features(model, config.policy_views)
        if unknown := [view for view in p.cameras.views if view not in encoder.views]:
            raise ModelError(f'cameras.views: {model} knows no view {", ".join(unknown)}')
        features = encoder.encode(read_goal_images(model / GOAL_DIR, encoder.views))
        spec = ObservationSpec(features.size, PROPRIOCEPTION_SIZE)
    except (CheckpointError, ModelError, WorkplaceError) as error:
        raise ParameterError(f'run = {p.run!r}: {error}') from error
    scale = config.online.action_scale
    return PolicyInference(run_dir.weights, encoder.encode, spec, p.explore, p.seed + epoch, scale)


def main() -> int:
    """Run the node as a process."""
    return run_node(PolicyNode, exclusive=topics.POLICY_COMMAND)


if __name__ == '__main__':
    sys.exit(main())
