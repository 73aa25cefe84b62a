"""The policy: looks ten times a second, wishes for motion, and tells what came of it as steps."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from robo_dopamine_ros.learning.acting import Actor
from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.performing import Performer, PerformerParameters
from robo_dopamine_ros.learning.plan import read_plan
from robo_dopamine_ros.learning.steps import Sizes
from robo_dopamine_ros.learning.tensors import use_threads
from robo_dopamine_ros.learning.tip import STATE
from robo_dopamine_ros.nodes.sight import Sight
from robo_dopamine_ros.nodes.step_message import step_to_msg
from robo_dopamine_ros.reward.compact.features import watch
from robo_dopamine_ros.reward.goal import GOAL, read_goal
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.cameras import CameraParameters
from robo_dopamine_ros.ros.convert import (
    action_to_msg,
    arm_state_from_msg,
    control_from_msg,
    episode_from_msg,
    kept_from_msg,
)
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.topics import Topic

RATE = 10.0  # looks, wishes and steps a second [Hz]
HEARS: Sequence[tuple[Topic, Callable[[Any], Any]]] = (
    (topics.ARM_STATE, arm_state_from_msg),
    (topics.CONTROL, control_from_msg),
    (topics.EPISODE, episode_from_msg),
    (topics.KEPT, kept_from_msg),
)


@dataclass(frozen=True)
class PolicyParameters(PerformerParameters):
    """Whose weights act, and what they see."""

    run: str = ''  # folder of the run, as `robo-dopamine train` makes it
    explore: bool = True  # actions are drawn from the policy, as deployed; false: without noise
    base_frame: str = 'base'  # the arm's base frame, as the gate has it
    seed: int = 0  # of chance, which also differs with every start
    cameras: CameraParameters = field(default_factory=CameraParameters)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.seed >= 0:
            raise ValueError(f'seed = {self.seed}; it must be 0 or more')


class Policy(Node):
    """Wires cameras, arm, gate, conductor and recorder to a performer."""

    def __init__(self) -> None:
        super().__init__('policy')
        self._p = p = declare(self, PolicyParameters)
        use_threads(1)
        epoch = time.time_ns()
        self._performer = Performer(open_run(p, epoch), p, epoch)
        self._sight = Sight(self, p.cameras, p.oldest)
        for topic, read in HEARS:
            hear = partial(self._hear, topic.name, read)
            self.create_subscription(topic.type, topic.name, hear, topic.qos)
        self._wishes, self._steps = (
            self.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (topics.POLICY_COMMAND, topics.STEP)
        )
        Diagnostics(self, self._health)
        self.create_timer(1 / RATE, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _hear(self, name: str, read: Callable[[Any], Any], message: Any) -> None:
        try:
            self._performer.hear(read(message), time.monotonic())
        except ValueError as error:
            self.get_logger().warning(f'{name} refused: {error}', throttle_duration_sec=1.0)

    def _tick(self) -> None:
        now, stamp = time.monotonic(), self.get_clock().now().nanoseconds
        views = self._sight.look()
        wish = self._performer.tick(views, self._sight.fault(stamp), now, stamp)
        self._wishes.publish(action_to_msg(wish, self._p.base_frame))
        for step in self._performer.due(now):
            self._steps.publish(step_to_msg(step, self._p.base_frame))

    def _health(self) -> Sequence[Health]:
        actor, chain = self._performer.actor, self._performer.chain
        held = self._performer.reason
        level = Level.WARN if actor.fault or (held and chain.running) else Level.OK
        words = '; '.join(dict.fromkeys(filter(None, (held, actor.fault)))) or 'acts'
        values = {
            'weights': actor.version,
            'steps': chain.sequence,
            'steps not kept yet': len(self._performer.outbox),
        }
        return [Health('policy', level, words, values), *self._sight.health()]


def open_run(p: PolicyParameters, epoch: int) -> Actor:
    """Open the folder of a run; ParameterError where it is none."""
    folder = Folder(Path(p.run))
    try:
        if not p.run:
            raise CheckpointError('it must be the folder of a run; `robo-dopamine train` makes one')
        plan = read_plan(folder.path)
        model = plan.reward_model(folder)
        _, eyes = watch(model, plan.sees)
        if strange := [view for view in p.cameras.views if view not in eyes.views]:
            raise ModelError(f'cameras.views: {model} knows no view {", ".join(strange)}')
        sizes = Sizes(eyes.see(read_goal(model / GOAL, eyes.views)).size, STATE)
    except (CheckpointError, ModelError) as error:
        raise ParameterError(f'run = {p.run!r}: {error}') from error
    return Actor(folder.weights, eyes.see, sizes, p.explore, p.seed + epoch)


def main() -> int:
    """Run the node as a process."""
    return run(Policy, sole=topics.POLICY_COMMAND)


if __name__ == '__main__':
    sys.exit(main())
