"""Writes an episode folder while the episode happens.

Pictures go to disk as they come, so that memory holds one set of them however long an episode is.
All of it lies in a hidden folder, which nothing opens, until it is complete.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from robo_dopamine_ros.data import jsonfile, labels
from robo_dopamine_ros.data.episodes import open_recording, save_recording
from robo_dopamine_ros.data.faults import EpisodeError
from robo_dopamine_ros.data.footage import in_usual_order
from robo_dopamine_ros.data.steps import Steps, save_steps
from robo_dopamine_ros.types import SECOND, Outcome, Recording, Views

FACTS = 'recorded.json'
RATE = 10.0  # of steps, and so of their pictures [Hz]
NEAR = 0.1  # by which a picture may miss the moment it stands for [s]
STILL, STEADY = 0.0008, 0.01  # motion in a step that is none [m], [rad] and share of the opening
CLOSE = 5  # frames from an end of the motion within which a mark stands for that end
SPOOLED = {  # how pictures wait for the end of an episode, by layout
    'videos': ('.jpg', [cv2.IMWRITE_JPEG_QUALITY, 95]),  # which loses less than the video will
    'pictures': ('.png', [cv2.IMWRITE_PNG_COMPRESSION, 1]),
}


@dataclass(frozen=True)
class Mark:
    """A moment at which a person said that something was reached."""

    stamp: int  # [ns]
    label: str = ''


@dataclass(frozen=True, eq=False)
class Account:
    """All of an episode but its pictures, once it has ended."""

    steps: Steps
    instruction: str
    outcome: Outcome
    marks: Sequence[Mark] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  # kept beside it, as JSON


class Draft:
    """An episode that is being recorded; ends with `finish` or `discard`."""

    def __init__(self, parent: Path, name: str, layout: str = 'videos') -> None:
        """`layout` is as that of save_recording."""
        self._layout = layout
        self._target = parent / name
        self._folder = parent / f'.{name}.part'
        self._folder.mkdir(parents=True)
        self._spool = (self._folder / 'spool').open('w+b')
        self._sets: list[tuple[int, dict[str, tuple[int, int]]]] = []  # stamp; offset and size

    def add(self, views: Views) -> None:
        """Put one set of pictures on disk; its views are those of the first one."""
        if self._sets and (self._sets[0][1].keys() != views.images.keys()):
            raise ValueError(
                f'views = {sorted(views.images)}; they must be {sorted(self._sets[0][1])}'
            )
        places, (kind, quality) = {}, SPOOLED[self._layout]
        for view, image in views.images.items():
            _, encoded = cv2.imencode(kind, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
            places[view] = (self._spool.tell(), len(encoded))
            self._spool.write(encoded.data)
        self._sets.append((views.stamp, places))

    def finish(self, account: Account) -> Path:
        """Make it a complete episode folder and give that; raises EpisodeError where it cannot."""
        chosen = self._chosen(account.steps)
        self._spool.flush()
        keyframes, names = _annotated(account)
        segments = labels.segments_between(keyframes)
        recording = Recording(
            name=self._target.name,
            rate=RATE,
            length=len(chosen),
            views=tuple(in_usual_order(list(self._sets[0][1]))),
            play=lambda: self._play(chosen),
            span=(keyframes[0], keyframes[-1]) if keyframes else (0, len(chosen) - 1),
            keyframes=keyframes,
            progress=labels.progress(segments, len(chosen)) if segments else None,
            instruction=account.instruction,
            outcome=account.outcome,
        )
        made = save_recording(recording, self._folder / 'made', self._layout)
        if any(names):
            named = (replace(s, name=n or s.name) for s, n in zip(segments, names, strict=True))
            labels.write_segments(made / labels.ANNOTATION, tuple(named))
        save_steps(account.steps, made)
        jsonfile.write(made / FACTS, dict(account.facts))
        if open_recording(made).length != len(chosen):  # a full disk may cut videos silently
            raise EpisodeError(f'{self._target.name}: pictures were lost; is the disk full?')
        _sync(made)
        made.rename(self._target)
        self.discard()
        return self._target

    def discard(self) -> None:
        """Leave nothing."""
        with contextlib.suppress(OSError):  # of pictures that a full disk never took
            self._spool.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _chosen(self, steps: Steps) -> list[int]:
        """The set of pictures nearest to every moment."""
        if not len(steps):
            raise EpisodeError(f'{self._target.name}: not one step was made')
        if not self._sets:
            raise EpisodeError(f'{self._target.name}: no complete set of pictures came')
        stamps = np.array([stamp for stamp, _ in self._sets])
        after = np.searchsorted(stamps, steps.stamps).clip(1, max(1, len(stamps) - 1))
        pairs = np.stack([after - 1, after.clip(max=len(stamps) - 1)])
        misses = np.abs(stamps[pairs] - steps.stamps)
        chosen = np.where(misses[0] <= misses[1], pairs[0], pairs[1])
        worst = int(misses.min(0).argmax())
        miss = misses.min(0)[worst] / SECOND
        if miss > NEAR:
            raise EpisodeError(
                f'{self._target.name}: no pictures within {NEAR} s of frame {worst} of '
                f'{len(steps.stamps)}; the nearest are {miss:.2f} s off'
            )
        return chosen.tolist()

    def _play(self, chosen: list[int]) -> Iterator[Views]:
        for number in chosen:
            stamp, places = self._sets[number]
            images = {view: self._picture(*place) for view, place in places.items()}
            yield Views(images, dict.fromkeys(images, stamp))

    def _picture(self, offset: int, size: int) -> np.ndarray:
        encoded = np.frombuffer(os.pread(self._spool.fileno(), size, offset), np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        if image is None:
            raise EpisodeError(f'{self._target.name}: a picture was lost; is the disk full?')
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def sweep(parent: Path) -> None:
    """Remove what recorders left that were killed."""
    for folder in parent.glob('.*.part'):
        shutil.rmtree(folder, ignore_errors=True)


def moving(steps: Steps) -> tuple[int, int] | None:
    """First and last frame of the motion that was sent; None where nothing moved."""
    times = np.diff(steps.stamps)[:, None] / SECOND
    way, turn = (np.linalg.norm(part * times, axis=1) for part in np.split(steps.twists, 2, 1))
    grip = np.abs(np.diff(steps.grippers, prepend=steps.grippers[:1]))
    moved = np.flatnonzero((way > STILL) | (turn > STEADY) | (grip > STEADY))
    return (int(moved[0]), int(moved[-1]) + 1) if len(moved) else None


def _annotated(account: Account) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Keyframes of a success, and what was reached at each but the first.

    They are the ends of its motion and what a person marked; a mark close to an end stands for it.
    What did not succeed has none, because nobody knows how far it came.
    """
    ends = moving(account.steps)
    if account.outcome is not Outcome.SUCCESS or ends is None:
        return (), ()
    stamps = account.steps.stamps
    marked = {int(np.abs(stamps - mark.stamp).argmin()): mark.label for mark in account.marks}
    first, last = ends
    if not marked or min(marked) > first + CLOSE or len(marked) == 1:
        marked.setdefault(first, '')
    if max(marked) < last - CLOSE or len(marked) == 1:
        marked.setdefault(last, '')
    frames = sorted(marked)
    return tuple(frames), tuple(marked[frame] for frame in frames[1:])


def _sync(folder: Path) -> None:
    """Have every file of a folder on disk before its name says that it is complete."""
    for path in [*folder.rglob('*'), folder]:
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
