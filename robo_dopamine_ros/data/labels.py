"""Progress from annotated sub-tasks: Phi = i/M, each sub-task worth the same.

Robo-Dopamine (arXiv 2512.23703), section 3.1.1: the keyframes between N sub-tasks stand at
0, 1/N .. 1; inside a sub-task progress grows linearly with time.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.data import jsonfile
from robo_dopamine_ros.data.faults import EpisodeError

ANNOTATION = 'annotated_keyframes.json'
START, END = 'start_frame_id', 'end_frame_id'
NAME = 'anotation'  # as the published data spell it


@dataclass(frozen=True)
class Segment:
    """One annotated sub-task, from frame `start` up to frame `end`."""

    name: str
    start: int
    end: int


def read_segments(path: Path, length: int) -> tuple[Segment, ...]:
    """Read the sub-tasks of an episode of `length` frames; raises EpisodeError on any fault."""
    entries = jsonfile.read(path)
    if not isinstance(entries, list) or not entries:
        raise EpisodeError(
            f'{path}: expected a list of sub-tasks [{{"{NAME}": .., "{START}": .., "{END}": ..}}], '
            f'got {_brief(entries)}; annotate at least one or remove the file'
        )
    segments = tuple(_segment(path, i, entry) for i, entry in enumerate(entries))
    _check_order(path, segments, length)
    return segments


def write_segments(path: Path, segments: tuple[Segment, ...]) -> None:
    """Write sub-tasks in the published form."""
    entries = [{NAME: s.name, START: s.start, END: s.end} for s in segments]
    jsonfile.write(path, entries)


def segments_between(keyframes: tuple[int, ...]) -> tuple[Segment, ...]:
    """Give the sub-tasks that lie between consecutive keyframes."""
    pairs = zip(keyframes, keyframes[1:], strict=False)
    return tuple(Segment(f'subtask{i}', a, b) for i, (a, b) in enumerate(pairs, start=1))


def keyframes(segments: tuple[Segment, ...]) -> tuple[int, ...]:
    """Give the frames at which sub-tasks begin, and the last one's end."""
    return (*(s.start for s in segments), segments[-1].end)


def progress(segments: tuple[Segment, ...], length: int) -> np.ndarray:
    """Progress of every frame, (length,) in 0..1: 0 before the first sub-task, 1 after the last.

    Between two sub-tasks that do not touch nothing is gained.
    """
    count = len(segments)
    points = {}
    for i, segment in enumerate(segments):
        points[segment.start] = i / count
        points[segment.end] = (i + 1) / count
    return np.interp(np.arange(length), list(points), list(points.values()))


def _segment(path: Path, index: int, entry: Any) -> Segment:
    where = f'{path}: entry {index}'
    if not isinstance(entry, dict):
        raise EpisodeError(f'{where}: expected an object, got {_brief(entry)}')
    known = {NAME, 'annotation', START, END}
    missing = [key for key in (START, END) if key not in entry]
    if missing:
        strange = sorted(set(entry) - known)
        hint = f' (it has {", ".join(map(repr, strange))})' if strange else ''
        raise EpisodeError(f'{where}: {missing[0]!r} is missing{hint}')
    for key in (START, END):
        if isinstance(entry[key], bool) or not isinstance(entry[key], int):
            raise EpisodeError(
                f'{where}: {key} = {_brief(entry[key])}, but a whole frame number is needed'
            )
    name = entry.get(NAME, entry.get('annotation', f'subtask{index + 1}'))
    return Segment(str(name), entry[START], entry[END])


def _check_order(path: Path, segments: tuple[Segment, ...], length: int) -> None:
    previous = None
    for i, segment in enumerate(segments):
        where = f'{path}: entry {i} ({segment.name})'
        for key, frame in ((START, segment.start), (END, segment.end)):
            if not 0 <= frame < length:
                raise EpisodeError(
                    f'{where}: {key} = {frame} lies outside the episode, whose frames are '
                    f'0..{length - 1}'
                )
        if not segment.end > segment.start:
            raise EpisodeError(
                f'{where}: {END} = {segment.end} must be greater than {START} = {segment.start}'
            )
        if previous is not None and segment.start < previous.end:
            raise EpisodeError(
                f'{where}: {START} = {segment.start} overlaps the entry before, which ends at '
                f'{previous.end}; start at {previous.end} or later'
            )
        previous = segment


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + '...'
