"""The learner node: trains on the recorded experience and publishes weights, at low priority.

No motion depends on it: without a learner the policy keeps acting with its current weights.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from robo_dopamine_ros.checkpoint import CheckpointError, use_threads
from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.experience.schema import ExperienceError
from robo_dopamine_ros.learning.tensorboard import TensorBoardWriter
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.ros.worker import Worker
from robo_dopamine_ros.training.config import RunDir
from robo_dopamine_ros.training.learner_loop import LearnerLoop, LearnerLoopParameters

SYNC_PERIOD = 0.05  # between reads of the database while no updates are due [s]


@dataclass(frozen=True)
class LearnerParameters:
    """Run to learn from, and resources of the learner."""

    run: str = ''  # directory of a run made by `robo-dopamine train --rollouts 0`
    nice: int = field(default=10, metadata={'range': (0, 19)})  # niceness of the process
    threads: int = field(default=1, metadata={'range': (1, 64)})  # CPU threads
    loop: LearnerLoopParameters = field(default_factory=LearnerLoopParameters)

    def __post_init__(self) -> None:
        if not self.run:
            raise ValueError('run is empty; name the folder of a run of robo-dopamine train')


class LearnerNode(Node):
    """Runs the learner loop in a worker thread; callbacks only read state and queue requests."""

    def __init__(self) -> None:
        super().__init__('learner')
        self._p = p = declare(self, LearnerParameters)
        os.nice(p.nice)
        use_threads(p.threads)
        run_dir = RunDir(Path(p.run))
        try:
            self._loop = LearnerLoop.open(run_dir, p.loop, steady_time())
        except (CheckpointError, ExperienceError) as error:
            raise ParameterError(f'run: {error}') from error
        self._tensorboard = TensorBoardWriter.open(run_dir.tensorboard)
        self._paused, self._open = False, True
        self._last_count = steady_time(), self._loop.trainer.agent.updates
        self._worker = Worker(self._step, self._on_error)
        episode, status = topics.EPISODE, topics.LEARNER_STATUS
        self.create_subscription(episode.type, episode.name, self._on_episode, episode.qos)
        self._status_publisher = self.create_publisher(status.type, status.name, status.qos)
        concurrent = ReentrantCallbackGroup()  # so that a pending answer blocks no other callback
        for service, callback in (
            (topics.LEARNER_SAVE, self._on_save),
            (topics.LEARNER_PAUSE, self._on_pause),
        ):
            self.create_service(service.type, service.name, callback, callback_group=concurrent)
        create_steady_timer(self, SYNC_PERIOD, lambda: self._worker.offer(None))
        create_steady_timer(self, 1.0 / (status.rate or 1.0), self._publish_status)
        Diagnostics(self, self._health)
        due = self._loop.updates_due
        self.get_logger().info(f'resumes after {self._last_count[1]} gradient steps; {due} are due')

    def close(self) -> None:
        """Write a checkpoint and stop."""
        self._open = False
        self._worker.call(self._save)
        if not self._worker.close():
            print('learner: no checkpoint in time; the one before stays', file=sys.stderr)
        self._loop.close()
        self._tensorboard.close()

    def _save(self) -> None:
        self._loop.save()

    def _step(self, _: None) -> None:
        if self._loop.step(steady_time(), not self._paused) and self._open:
            self._worker.offer(None)

    def _on_error(self, error: Exception) -> None:
        self._loop.fault = self._loop.fault or f'learning stopped: {error!r}'

    def _on_episode(self, message: Any) -> None:
        success = self._loop.success_rate
        if success.on_episode(from_msg(message)):
            metrics = {'success': success.rate} | self._loop.trainer.metrics
            self._tensorboard.add_scalars(metrics, success.count)

    async def _on_save(self, request: Any, response: Any) -> Any:
        saved = Future(executor=self.executor)
        self._worker.call(lambda: saved.set_result(self._loop.save()))
        reason = await saved
        response.success = not reason
        response.message = reason or f'saved after {self._loop.trainer.agent.updates} steps'
        return response

    def _on_pause(self, request: Any, response: Any) -> Any:
        self._paused = request.data
        response.success, response.message = True, 'paused' if self._paused else 'resumed'
        return response

    def _publish_status(self) -> None:
        now, (before, updates) = steady_time(), self._last_count
        self._last_count = now, self._loop.trainer.agent.updates
        rate = (self._last_count[1] - updates) / max(now - before, 1e-3)
        stamp = self.get_clock().now().nanoseconds
        status = replace(
            self._loop.status, stamp=stamp, updates_per_second=rate, paused=self._paused
        )
        self._status_publisher.publish(to_msg(status))

    def _health(self) -> Sequence[Health]:
        loop = self._loop
        message = loop.fault or loop.warning
        values: dict[str, object] = {
            'gradient steps': loop.trainer.agent.updates,
            'gradient steps due': loop.updates_due,
            'policy version': loop.policy_version,
            'episodes': loop.success_rate.count,
        }
        level = Level.ERROR if message else Level.OK
        return [Health('learner', level, message or ('paused' if self._paused else 'ok'), values)]


def main() -> int:
    """Run the node as a process."""
    return run_node(LearnerNode)


if __name__ == '__main__':
    sys.exit(main())
