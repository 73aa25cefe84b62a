"""The recorder node: the only writer of experience and of episode folders.

A step is acknowledged in `recorder/status` once it is durable; the policy sends the others again.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.node import Node

from robo_dopamine_ros.checkpoint import CheckpointError
from robo_dopamine_ros.clock import steady_time_ns
from robo_dopamine_ros.experience.schema import ExperienceError
from robo_dopamine_ros.experience.types import Step
from robo_dopamine_ros.experience.writer import LIVE_RUN, Event, ExperienceWriter, StepIngest
from robo_dopamine_ros.nodes.async_episode_writer import AsyncEpisodeWriter
from robo_dopamine_ros.nodes.episode_recorder import (
    POLL_PERIOD,
    EpisodeRecorder,
    RecorderParameters,
)
from robo_dopamine_ros.nodes.run_workplace import check_run_workplace
from robo_dopamine_ros.nodes.step_messages import step_from_msg
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, from_time, to_msg
from robo_dopamine_ros.ros.diagnostics import Diagnostics, Health, Level
from robo_dopamine_ros.ros.params import ParameterError, declare
from robo_dopamine_ros.ros.spin import run_node
from robo_dopamine_ros.ros.timers import create_steady_timer
from robo_dopamine_ros.ros.topics import Topic
from robo_dopamine_ros.ros.worker import Worker
from robo_dopamine_ros.training.config import (
    RunDir,
    read_train_config,
    reopen_experience_writer,
)
from robo_dopamine_ros.training.workplace import WorkplaceError
from robo_dopamine_ros.types import Episode, Progress, RecorderStatus

MAX_QUEUED_EVENTS = 1000  # events waiting for the disk, about half a minute of them
CLOSE_TIMEOUT = 4.0  # [s] to write queued events when the node ends


class AsyncExperienceWriter:
    """Writes experience in a worker thread, so that callbacks never wait for the disk.

    When its queue is full, steps and episode ends are dropped: they are sent again until stored.
    Readings of progress are dropped for good, and potentials are interpolated between the others.
    """

    def __init__(
        self,
        open: Callable[[], ExperienceWriter],
        on_change: Callable[[], object],
        on_error: Callable[[Exception], None],
    ) -> None:
        """`on_change` is called in the worker when `status` changes, `on_error` as in Worker.

        Raises ExperienceError or CheckpointError where the database cannot be opened.
        """
        self._ingest = StepIngest(open)
        self._on_change = on_change
        self._dropped_readings = 0
        self._worker: Worker[None] = Worker(lambda _: None, on_error)

    @property
    def status(self) -> RecorderStatus:
        """Newest stored step and episode, without a stamp."""
        status = self._ingest.status
        if not status.reason and self._worker.pending >= MAX_QUEUED_EVENTS:
            return replace(status, reason=f'{MAX_QUEUED_EVENTS} events wait for the disk')
        return status

    def record(self, event: Step | Progress | Episode) -> None:
        """Queue an event; episodes without a final outcome, and invalid readings, are ignored."""
        if isinstance(event, Episode):
            if not event.decided or event.id == self._ingest.status.ended_episode:
                return
        elif isinstance(event, Progress) and not event.valid:
            return
        if self._worker.pending < MAX_QUEUED_EVENTS:
            self._queue(event)
        else:
            self._dropped_readings += isinstance(event, Progress)

    def tick(self) -> None:
        """Let time pass for steps that wait for missing data."""
        if not self._worker.pending:
            self._queue(None)

    def close(self) -> None:
        """Write the queued events and release the database."""
        self._worker.call(self._ingest.close)
        self._worker.close(CLOSE_TIMEOUT)

    def health(self) -> Health:
        """Status for diagnostics."""
        status, ingest = self.status, self._ingest
        late = ingest.late_steps
        warning = f'{late} steps of an earlier start of the policy' if late else ''
        values = {
            'epoch': status.epoch,
            'sequence': status.sequence,
            'ended': status.ended_episode,
            'waiting': self._worker.pending,
            'steps before their turn': ingest.early_steps,
            'steps of an earlier start': late,
            'readings left out': self._dropped_readings,
        }
        level = Level.ERROR if status.reason else Level.WARN if late else Level.OK
        return Health('experience', level, status.reason or warning or 'ok', values)

    def _queue(self, event: Event) -> None:
        self._worker.call(partial(self._write, event, steady_time_ns()))

    def _write(self, event: Event, now: int) -> None:
        before = self._ingest.status
        self._ingest.record(event, now)
        if self._ingest.status != before:
            self._on_change()


class RecorderNode(Node):
    """Connects the topics to the experience writer and the episode recorder."""

    def __init__(
        self, reopen: Callable[[RunDir], ExperienceWriter] = reopen_experience_writer
    ) -> None:
        """`reopen` opens the database of a run."""
        super().__init__('recorder')
        p = declare(self, RecorderParameters)
        self._experience: AsyncExperienceWriter | None = None
        self._episodes: EpisodeRecorder | None = None
        topic, mark = topics.RECORDER_STATUS, topics.MARK_KEYFRAME
        self._publisher = self.create_publisher(topic.type, topic.name, topic.qos)
        self._open(p, RunDir(Path(p.run)), reopen)
        self._subscribe_all()
        self.create_service(mark.type, mark.name, self._on_mark)
        create_steady_timer(self, 1.0 / (topic.rate or 5.0), self._on_heartbeat)
        if self._episodes is not None:
            create_steady_timer(self, POLL_PERIOD, self._episodes.tick)
        Diagnostics(self, self._health)

    def _open(
        self, p: RecorderParameters, run_dir: RunDir, reopen: Callable[[RunDir], ExperienceWriter]
    ) -> None:
        try:
            if p.run and not run_dir.missing():
                check_run_workplace(run_dir.path, read_train_config(run_dir.path), p.place)
            if p.run:
                self._experience = AsyncExperienceWriter(
                    partial(reopen, run_dir), self._publish_status, self._warn
                )
            if p.episodes != 'none':
                path = Path(p.folder) if p.folder else run_dir.episodes
                writer = AsyncEpisodeWriter.open(path, p.layout, self._publish_status)
                self._episodes = EpisodeRecorder(self, p, writer)
        except (ExperienceError, CheckpointError, WorkplaceError, OSError) as error:
            self.close()
            raise ParameterError(f'cannot record: {error}') from error

    def _subscribe_all(self) -> None:
        experience, episodes = self._experience, self._episodes
        record = [experience.record] if experience is not None else []
        on_step = [*record, *([episodes.on_step] if episodes is not None else [])]
        on_episode = [*record, *([episodes.on_episode] if episodes is not None else [])]
        self._subscribe(topics.STEP, partial(step_from_msg, run=LIVE_RUN), on_step)
        self._subscribe(topics.EPISODE, from_msg, on_episode)
        self._subscribe(topics.PROGRESS, from_msg, record)
        if episodes is not None:
            self._subscribe(topics.ARM_STATE, from_msg, [episodes.on_arm_state])
            self._subscribe(topics.CONTROL, from_msg, [episodes.on_control])

    def _subscribe(
        self,
        topic: Topic,
        decode: Callable[[Any], Any],
        callbacks: Sequence[Callable[[Any], object]],
    ) -> None:
        def on_message(message: Any) -> None:
            try:
                value = decode(message)
            except ValueError as error:
                self._warn(f'{topic.name} refused: {error}')
            else:
                for callback in callbacks:
                    callback(value)

        self.create_subscription(topic.type, topic.name, on_message, topic.qos)

    def _on_mark(self, request: Any, response: Any) -> Any:
        if self._episodes is None:
            response.reason = 'episodes = none: no episode is being recorded'
        else:
            stamp = from_time(request.stamp)
            response.index, response.reason = self._episodes.mark_keyframe(request.label, stamp)
        response.accepted = not response.reason
        return response

    def _on_heartbeat(self) -> None:
        if self._experience is not None:
            self._experience.tick()
        self._publish_status()

    def _publish_status(self) -> None:
        """Publish the status: periodically, and from the workers as soon as it changes."""
        status = RecorderStatus(0)
        if self._experience is not None:
            status = self._experience.status
        elif self._episodes is not None:
            status = self._episodes.status
        stamp = self.get_clock().now().nanoseconds
        if self.context.ok():
            self._publisher.publish(to_msg(replace(status, stamp=stamp)))

    def _warn(self, message: object) -> None:
        if self.context.ok():
            self.get_logger().warning(str(message), throttle_duration_sec=1.0)

    def _health(self) -> Sequence[Health]:
        health = [self._experience.health()] if self._experience is not None else []
        return health + (self._episodes.health() if self._episodes is not None else [])

    def close(self) -> None:
        """Write what was received."""
        for part in (self._experience, self._episodes):
            if part is not None:
                part.close()


def main() -> int:
    """Run the node as a process."""
    return run_node(RecorderNode, exclusive=topics.RECORDER_STATUS)


if __name__ == '__main__':
    sys.exit(main())
