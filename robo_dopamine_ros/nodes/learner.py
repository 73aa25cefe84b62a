"""The learner: learns from what the recorder keeps, publishes weights, and stands in nobody's way.

Nothing waits for it and no motion depends on it: without it the policy acts by the weights it has.
"""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.lessons import LessonParameters, Lessons
from robo_dopamine_ros.learning.logbook import Logbook
from robo_dopamine_ros.learning.schema import StoreError
from robo_dopamine_ros.learning.tensors import use_threads
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import episode_from_msg, learner_status_to_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.worker import Worker

LOOK = 0.05  # between two looks at what is new, while nothing is due [s]


@dataclass(frozen=True)
class LearnerParameters:
    """Which run is learned from, and how much of the machine that may take."""

    run: str = ''  # folder of the run, as `robo-dopamine train --rollouts 0` makes it
    nice: int = field(default=10, metadata={'range': (0, 19)})  # how far others go first
    threads: int = field(default=1, metadata={'range': (1, 64)})  # of the processor
    lessons: LessonParameters = field(default_factory=LessonParameters)

    def __post_init__(self) -> None:
        if not self.run:
            raise ValueError('run is empty; name the folder of a run of robo-dopamine train')


class Learner(Node):
    """Wires a run to its worker; callbacks only look and ask."""

    def __init__(self) -> None:
        super().__init__('learner')
        self._p = p = declare(self, LearnerParameters)
        os.nice(p.nice)
        use_threads(p.threads)
        folder = Folder(Path(p.run))
        try:
            self._lessons = Lessons(folder, p.lessons, time.monotonic())
        except (CheckpointError, StoreError) as error:
            raise ParameterError(f'run: {error}') from error
        self._logbook = Logbook(folder.curves)
        self._paused, self._open = False, True
        self._counted = time.monotonic(), self._lessons.pupil.agent.updates
        self._worker = Worker(self._turn, self._failed)
        episode, status = topics.EPISODE, topics.LEARNER_STATUS
        self.create_subscription(episode.type, episode.name, self._on_episode, episode.qos)
        self._status = self.create_publisher(status.type, status.name, status.qos)
        waiting = ReentrantCallbackGroup()  # an answer that waits holds nothing else up
        for service, answer in (
            (topics.LEARNER_SAVE, self._on_save),
            (topics.LEARNER_PAUSE, self._on_pause),
        ):
            self.create_service(service.type, service.name, answer, callback_group=waiting)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(LOOK, lambda: self._worker.offer(None), clock=steady)
        self.create_timer(1.0 / (status.rate or 1.0), self._tell, clock=steady)
        Diagnostics(self, self._health)
        left = self._lessons.owed
        self.get_logger().info(f'goes on after {self._counted[1]} gradient steps; {left} are due')

    def close(self) -> None:
        """Put away what was learned."""
        self._open = False
        self._worker.call(self._save)
        if not self._worker.close():
            print('learner: no checkpoint in time; the one before stays', file=sys.stderr)
        self._lessons.close()
        self._logbook.close()

    def _save(self) -> None:
        self._lessons.save()

    def _turn(self, _: None) -> None:
        if self._lessons.turn(time.monotonic(), not self._paused) and self._open:
            self._worker.offer(None)

    def _failed(self, error: Exception) -> None:
        self._lessons.fault = self._lessons.fault or f'learning stopped: {error!r}'

    def _on_episode(self, message: Any) -> None:
        outcomes = self._lessons.outcomes
        if outcomes.hear(episode_from_msg(message)):
            told = {'success': outcomes.rate} | self._lessons.pupil.told
            self._logbook.write(told, outcomes.count)

    async def _on_save(self, request: Any, response: Any) -> Any:
        answer = Future(executor=self.executor)
        self._worker.call(lambda: answer.set_result(self._lessons.save()))
        reason = await answer
        response.success = not reason
        response.message = reason or f'saved after {self._lessons.pupil.agent.updates} steps'
        return response

    def _on_pause(self, request: Any, response: Any) -> Any:
        self._paused = request.data
        response.success, response.message = True, 'paused' if self._paused else 'goes on'
        return response

    def _tell(self) -> None:
        now, (before, had) = time.monotonic(), self._counted
        self._counted = now, self._lessons.pupil.agent.updates
        rate = (self._counted[1] - had) / max(now - before, 1e-3)
        stamp = self.get_clock().now().nanoseconds
        status = replace(
            self._lessons.status, stamp=stamp, updates_per_second=rate, paused=self._paused
        )
        self._status.publish(learner_status_to_msg(status))

    def _health(self) -> Sequence[Health]:
        lessons = self._lessons
        wrong = lessons.fault or lessons.trouble
        values: dict[str, object] = {
            'gradient steps': lessons.pupil.agent.updates,
            'gradient steps due': lessons.owed,
            'policy version': lessons.version,
            'episodes': lessons.outcomes.count,
        }
        level = Level.ERROR if wrong else Level.OK
        return [Health('learner', level, wrong or ('paused' if self._paused else 'ok'), values)]


def main() -> int:
    """Run the node as a process."""
    return run(Learner)


if __name__ == '__main__':
    sys.exit(main())
