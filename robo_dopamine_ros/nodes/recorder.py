"""The recorder: the only writer of experience and of episode files; says how far it has come.

A step is announced as kept once it is durable. Whoever sent what is not, sends it again.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.experience import Experience
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.intake import RUN, reopen_experience
from robo_dopamine_ros.learning.schema import StoreError
from robo_dopamine_ros.nodes.filming import LOOK, Filming, RecorderParameters
from robo_dopamine_ros.nodes.keeping import Keeping
from robo_dopamine_ros.nodes.step_message import step_from_msg
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import (
    arm_state_from_msg,
    control_from_msg,
    episode_from_msg,
    from_time,
    kept_to_msg,
    progress_from_msg,
)
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.run import run
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.types import Kept


class Recorder(Node):
    """Wires what is told to the store and to the episode folders."""

    def __init__(self, reopen: Callable[[Folder], Experience] = reopen_experience) -> None:
        """`reopen` gives the writer of the store of a run."""
        super().__init__('recorder')
        p = declare(self, RecorderParameters)
        self._keeping: Keeping | None = None
        self._filming: Filming | None = None
        topic, mark = topics.KEPT, topics.MARK_KEYFRAME
        self._publisher = self.create_publisher(topic.type, topic.name, topic.qos)
        self._open(p, Folder(Path(p.run)), reopen)
        self._listen()
        self.create_service(mark.type, mark.name, self._on_mark)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0 / (topic.rate or 5.0), self._beat, clock=steady)
        if self._filming is not None:
            self.create_timer(LOOK, self._filming.tick, clock=steady)
        Diagnostics(self, self._health)

    def _open(
        self, p: RecorderParameters, folder: Folder, reopen: Callable[[Folder], Experience]
    ) -> None:
        try:
            if p.run:
                self._keeping = Keeping(partial(reopen, folder), self._tell, self._say)
            if p.episodes != 'none':
                into = Path(p.folder) if p.folder else folder.episodes
                self._filming = Filming(self, p, into, self._tell)
        except (StoreError, CheckpointError, OSError) as error:
            self.close()
            raise ParameterError(f'cannot record: {error}') from error

    def _listen(self) -> None:
        keeping, filming = self._keeping, self._filming
        keep = [keeping.hear] if keeping is not None else []
        steps = [*keep, *([filming.hear] if filming is not None else [])]
        words = [*keep, *([filming.follow] if filming is not None else [])]
        self._hear(topics.STEP, partial(step_from_msg, run=RUN), steps)
        self._hear(topics.EPISODE, episode_from_msg, words)
        self._hear(topics.PROGRESS, progress_from_msg, keep)
        if filming is not None:
            self._hear(topics.ARM_STATE, arm_state_from_msg, [filming.hear_arm])
            self._hear(topics.CONTROL, control_from_msg, [filming.hear_control])

    def _hear(
        self, topic: Topic, convert: Callable[[Any], Any], takes: Sequence[Callable[[Any], object]]
    ) -> None:
        def hear(message: Any) -> None:
            try:
                value = convert(message)
            except ValueError as error:
                self._say(f'{topic.name} refused: {error}')
            else:
                for take in takes:
                    take(value)

        self.create_subscription(topic.type, topic.name, hear, topic.qos)

    def _on_mark(self, request: Any, response: Any) -> Any:
        if self._filming is None:
            response.reason = 'episodes = none: no episode is being recorded'
        else:
            stamp = from_time(request.stamp)
            response.index, response.reason = self._filming.mark(request.label, stamp)
        response.accepted = not response.reason
        return response

    def _beat(self) -> None:
        if self._keeping is not None:
            self._keeping.tick()
        self._tell()

    def _tell(self) -> None:
        """Say how far it has come; from the workers too, the moment something is on disk."""
        kept = Kept(0)
        if self._keeping is not None:
            kept = self._keeping.kept
        elif self._filming is not None:
            kept = self._filming.kept
        stamp = self.get_clock().now().nanoseconds
        if self.context.ok():
            self._publisher.publish(kept_to_msg(replace(kept, stamp=stamp)))

    def _say(self, fault: object) -> None:
        if self.context.ok():
            self.get_logger().warning(str(fault), throttle_duration_sec=1.0)

    def _health(self) -> Sequence[Health]:
        health = [self._keeping.health()] if self._keeping is not None else []
        return health + (self._filming.health() if self._filming is not None else [])

    def close(self) -> None:
        """Have on disk what was heard."""
        for part in (self._keeping, self._filming):
            if part is not None:
                part.close()


def main() -> int:
    """Run the node as a process."""
    return run(Recorder, sole=topics.KEPT)


if __name__ == '__main__':
    sys.exit(main())
