"""Writes episode folders in a worker thread, so that callbacks never wait for the disk."""

import os
from collections.abc import Callable
from pathlib import Path

from robo_dopamine_ros.data.episode_writer import EpisodeRecord, EpisodeWriter, remove_unfinished
from robo_dopamine_ros.ros.worker import Worker
from robo_dopamine_ros.types import Views

MAX_QUEUED_VIEWS = 20  # sets of images waiting for the disk
WORKER_NICE = 10  # priority of the worker thread, below everything that moves the arm
WRITER_CLOSE_TIMEOUT = 4.0  # [s] to finish the current episode when the node ends


class AsyncEpisodeWriter:
    """Writes one episode after the other; methods return at once."""

    def __init__(self, path: Path, layout: str, on_change: Callable[[], object]) -> None:
        """`on_change` is called in the worker thread when `last_episode` or `fault` may change."""
        self.last_episode = ''  # id of the episode that was finished last, written or not
        self.fault = ''  # why nothing can be written
        self.refusal = ''  # why the newest episode to be written was not
        self.warning = ''  # what was changed in the newest episode that was written
        self.written = self.failed = 0  # episodes
        self.dropped_views = 0  # sets of images for which the disk was too slow
        self._path, self._layout, self._on_change = path, layout, on_change
        self._writer: EpisodeWriter | None = None  # of the current episode
        self._worker: Worker[None] = Worker(lambda _: None, self._on_error)

    @classmethod
    def open(cls, path: Path, layout: str, on_change: Callable[[], object]) -> 'AsyncEpisodeWriter':
        """Make the directory, remove unfinished episodes and start; OSError if not writable."""
        writer = cls(path, layout, on_change)
        writer._probe()
        remove_unfinished(path)
        writer._worker.call(_lower_priority)
        return writer

    def begin(self, episode: str) -> None:
        """Begin an episode."""
        self._worker.call(lambda: self._begin(episode))

    def add_views(self, convert: Callable[[], Views | None]) -> None:
        """Add one set of images, which the worker converts; dropped where the queue is full."""
        if self._worker.pending < MAX_QUEUED_VIEWS:
            self._worker.call(lambda: self._add_views(convert))
        else:
            self.dropped_views += 1

    def finish(self, episode: str, record: EpisodeRecord | None) -> None:
        """Write the episode with its record, or discard it without one."""
        self._worker.call(lambda: self._finish(episode, record))

    def retry(self) -> None:
        """Check whether files can be written again after a fault."""
        self._worker.call(self._probe)

    def close(self) -> None:
        """Finish the queue and discard an unfinished episode."""
        self._worker.call(self._discard)
        self._worker.close(WRITER_CLOSE_TIMEOUT)

    def _begin(self, episode: str) -> None:
        self._discard()
        self._writer = EpisodeWriter.create(self._path, episode, self._layout)

    def _add_views(self, convert: Callable[[], Views | None]) -> None:
        if self._writer is not None and (views := convert()) is not None:
            self._writer.add(views)

    def _finish(self, episode: str, record: EpisodeRecord | None) -> None:
        writer, self._writer = self._writer, None
        written = False
        try:
            if record is not None and writer is not None:
                writer.finish(record)
                written = True
                self.refusal, self.warning = '', writer.warning and f'{episode}: {writer.warning}'
        finally:
            if writer is not None:
                writer.discard()
            self.written += written
            self.failed += record is not None and not written
            self.last_episode = episode
            self._on_change()

    def _discard(self) -> None:
        if self._writer is not None:
            self._writer.discard()
        self._writer = None

    def _probe(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        probe = self._path / '.probe'
        probe.write_bytes(bytes(4096))
        probe.unlink()
        if self.fault:
            self.fault = ''
            self._on_change()

    def _on_error(self, error: Exception) -> None:
        """Discard the episode that could not be written, and note why."""
        if isinstance(error, OSError):
            self.fault = f'{error}; free space, or make it writable'
        else:
            self.refusal = str(error) or repr(error)
        self._discard()
        self._on_change()


def _lower_priority() -> None:
    """Lower the priority of this thread; on Linux every thread has its own."""
    os.nice(WORKER_NICE)
