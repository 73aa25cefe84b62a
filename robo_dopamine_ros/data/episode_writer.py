"""Writes an episode folder while the episode runs.

Images are spooled to disk as they arrive, so memory does not grow with the episode. Everything lies
in a hidden folder, which no reader opens, until the episode is complete.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from robo_dopamine_ros.data import json_file, subtasks
from robo_dopamine_ros.data.episode_folder import open_recording, save_recording
from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.data.frames import Size, resize, sorted_views
from robo_dopamine_ros.data.trajectory import Trajectory, save_trajectory
from robo_dopamine_ros.types import SECOND, Outcome, Recording, Views

RECORD_FILE = 'recorded.json'
FRAME_RATE = 10.0  # of steps and of their images [Hz]
MAX_IMAGE_OFFSET = 0.1  # between the stamps of a state and of its images [s]
LINEAR_DEADBAND = 0.0008  # smaller displacements in one step are no motion [m]
ANGULAR_DEADBAND = 0.01  # likewise [rad], and of the gripper opening, 0..1
MERGE_FRAMES = 5  # a mark so close to an end of the motion replaces that end
SPOOL_ENCODING = {  # of images until the end of an episode, by layout
    'videos': ('.jpg', [cv2.IMWRITE_JPEG_QUALITY, 95]),  # loses less than the video
    'images': ('.png', [cv2.IMWRITE_PNG_COMPRESSION, 1]),
}


@dataclass(frozen=True)
class KeyframeMark:
    """A moment at which a person marked that a sub-task is done."""

    stamp: int  # [ns]
    label: str = ''


@dataclass(frozen=True)
class Rescaled:
    """Images of a view that came in another size than its first ones, and were scaled to it."""

    view: str
    stamp: int  # of the first such image [ns]
    came: Size
    recorded: Size

    def __str__(self) -> str:
        came, recorded = ('x'.join(map(str, size)) for size in (self.came, self.recorded))
        return f'images of {self.view} came as {came} and were scaled to {recorded}, as before'


@dataclass(frozen=True, eq=False)
class EpisodeRecord:
    """Everything of an ended episode but its images."""

    trajectory: Trajectory
    instruction: str
    outcome: Outcome
    marks: Sequence[KeyframeMark] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)  # for `recorded.json`


class EpisodeWriter:
    """An episode that is being recorded; `create` starts it, `finish` or `discard` ends it."""

    def __init__(self, target: Path, part: Path, spool: IO[bytes], layout: str) -> None:
        """Use `create`. `part` is the hidden folder that becomes `target`."""
        self._target, self._part, self._spool, self._layout = target, part, spool, layout
        self._sets: list[tuple[int, dict[str, tuple[int, int]]]] = []  # stamp; offset and length
        self._sizes: dict[str, Size] = {}  # of the first image of every view
        self._rescaled: dict[tuple[str, Size], Rescaled] = {}

    @classmethod
    def create(cls, parent: Path, name: str, layout: str = 'videos') -> 'EpisodeWriter':
        """Start an episode `name` in a folder; `layout` as in save_recording."""
        part = parent / f'.{name}.part'
        part.mkdir(parents=True)
        return cls(parent / name, part, (part / 'spool').open('w+b'), layout)

    @property
    def warning(self) -> str:
        """Which images were changed to fit the others; '' for none."""
        return '; '.join(map(str, self._rescaled.values()))

    def add(self, views: Views) -> None:
        """Spool one set of images; all sets must have the same views.

        An image of another size than the first of its view, as from a camera that was plugged in
        again, is scaled to that.
        """
        if self._sets and (self._sets[0][1].keys() != views.images.keys()):
            raise ValueError(
                f'views = {sorted(views.images)}; they must be {sorted(self._sets[0][1])}'
            )
        locations, (suffix, options) = {}, SPOOL_ENCODING[self._layout]
        for view, image in views.images.items():
            fitting = self._fit(view, image, views.stamps[view])
            _, encoded = cv2.imencode(suffix, cv2.cvtColor(fitting, cv2.COLOR_RGB2BGR), options)
            locations[view] = (self._spool.tell(), len(encoded))
            self._spool.write(encoded.data)
        self._sets.append((views.stamp, locations))

    def finish(self, record: EpisodeRecord) -> Path:
        """Write the complete episode folder and give its path; raises EpisodeError."""
        frames = self._nearest_sets(record.trajectory)
        self._spool.flush()
        keyframes, names = _keyframes(record)
        segments = subtasks.subtasks_between(keyframes)
        recording = Recording(
            name=self._target.name,
            rate=FRAME_RATE,
            length=len(frames),
            views=tuple(sorted_views(list(self._sets[0][1]))),
            play=lambda: self._play(frames),
            span=(keyframes[0], keyframes[-1]) if keyframes else (0, len(frames) - 1),
            keyframes=keyframes,
            progress=subtasks.linear_progress(segments, len(frames)) if segments else None,
            instruction=record.instruction,
            outcome=record.outcome,
        )
        folder = save_recording(recording, self._part / 'complete', self._layout)
        if any(names):
            named = (replace(s, name=n or s.name) for s, n in zip(segments, names, strict=True))
            subtasks.write_subtasks(folder / subtasks.ANNOTATION_FILE, tuple(named))
        save_trajectory(record.trajectory, folder)
        rescaled = [asdict(change) for change in self._rescaled.values()]
        changes = {'rescaled': rescaled} if rescaled else {}
        json_file.write(folder / RECORD_FILE, {**record.metadata, **changes})
        if open_recording(folder).length != len(frames):  # a full disk may truncate videos silently
            raise EpisodeError(f'{self._target.name}: images were lost; is the disk full?')
        _sync(folder)
        folder.rename(self._target)
        self.discard()
        return self._target

    def discard(self) -> None:
        """Delete everything that is not finished."""
        with contextlib.suppress(OSError):  # a full disk may refuse the last images
            self._spool.close()
        shutil.rmtree(self._part, ignore_errors=True)

    def _fit(self, view: str, image: np.ndarray, stamp: int) -> np.ndarray:
        came = (image.shape[1], image.shape[0])
        recorded = self._sizes.setdefault(view, came)
        if came != recorded:
            change = Rescaled(view, stamp, came, recorded)
            self._rescaled.setdefault((view, came), change)
        return resize(image, recorded)

    def _nearest_sets(self, trajectory: Trajectory) -> list[int]:
        """Index of the image set nearest in time to every state."""
        name = self._target.name
        if not len(trajectory):
            raise EpisodeError(f'{name}: not one step was made')
        if not self._sets:
            raise EpisodeError(f'{name}: no complete set of images came')
        stamps = np.array([stamp for stamp, _ in self._sets])
        after = np.searchsorted(stamps, trajectory.stamps).clip(1, max(1, len(stamps) - 1))
        pairs = np.stack([after - 1, after.clip(max=len(stamps) - 1)])
        offsets = np.abs(stamps[pairs] - trajectory.stamps)
        nearest = np.where(offsets[0] <= offsets[1], pairs[0], pairs[1])
        worst = int(offsets.min(0).argmax())
        offset = offsets.min(0)[worst] / SECOND
        if offset > MAX_IMAGE_OFFSET:
            raise EpisodeError(
                f'{name}: no images within {MAX_IMAGE_OFFSET} s of frame {worst} of '
                f'{len(trajectory.stamps)}; the nearest are {offset:.2f} s off'
            )
        return nearest.tolist()

    def _play(self, frames: list[int]) -> Iterator[Views]:
        for frame in frames:
            stamp, locations = self._sets[frame]
            images = {view: self._decode(*location) for view, location in locations.items()}
            yield Views(images, dict.fromkeys(images, stamp))

    def _decode(self, offset: int, size: int) -> np.ndarray:
        encoded = np.frombuffer(os.pread(self._spool.fileno(), size, offset), np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        if image is None:
            raise EpisodeError(f'{self._target.name}: an image was lost; is the disk full?')
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def remove_unfinished(parent: Path) -> None:
    """Delete the episodes that a killed recorder did not finish."""
    for folder in parent.glob('.*.part'):
        shutil.rmtree(folder, ignore_errors=True)


def motion_span(trajectory: Trajectory) -> tuple[int, int] | None:
    """First and last frame of the commanded motion; None without motion."""
    dt = np.diff(trajectory.stamps)[:, None] / SECOND
    linear, angular = (
        np.linalg.norm(part * dt, axis=1) for part in np.split(trajectory.twists, 2, 1)
    )
    gripper = np.abs(np.diff(trajectory.grippers, prepend=trajectory.grippers[:1]))
    moving = np.flatnonzero(
        (linear > LINEAR_DEADBAND) | (angular > ANGULAR_DEADBAND) | (gripper > ANGULAR_DEADBAND)
    )
    return (int(moving[0]), int(moving[-1]) + 1) if len(moving) else None


def _keyframes(record: EpisodeRecord) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Keyframes of a success, and the label of each but the first.

    They are the ends of the motion and the marks; a mark close to an end replaces it. Other
    outcomes have no keyframes, because their progress is unknown.
    """
    ends = motion_span(record.trajectory)
    if record.outcome is not Outcome.SUCCESS or ends is None:
        return (), ()
    stamps = record.trajectory.stamps
    labels = {int(np.abs(stamps - mark.stamp).argmin()): mark.label for mark in record.marks}
    first, last = ends
    if not labels or min(labels) > first + MERGE_FRAMES or len(labels) == 1:
        labels.setdefault(first, '')
    if max(labels) < last - MERGE_FRAMES or len(labels) == 1:
        labels.setdefault(last, '')
    frames = sorted(labels)
    return tuple(frames), tuple(labels[frame] for frame in frames[1:])


def _sync(folder: Path) -> None:
    """Flush every file of a folder to disk before its name says that it is complete."""
    for path in [*folder.rglob('*'), folder]:
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
