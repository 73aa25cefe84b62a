"""Annotated sub-tasks and the progress that follows from them: Phi = i/N at the i-th keyframe.

Robo-Dopamine (arXiv 2512.23703), section 3.1.1: the keyframes between N sub-tasks have progress
0, 1/N .. 1; within a sub-task progress grows linearly with time.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.data import json_file
from robo_dopamine_ros.data.errors import EpisodeError

ANNOTATION_FILE = 'annotated_keyframes.json'
START_KEY, END_KEY = 'start_frame_id', 'end_frame_id'
NAME_KEY = 'anotation'  # as the published data spell it


@dataclass(frozen=True)
class Subtask:
    """One annotated sub-task, from frame `start` to frame `end`."""

    name: str
    start: int
    end: int


def read_subtasks(path: Path, length: int, longest: int = 0) -> tuple[Subtask, ...]:
    """Read the sub-tasks of an episode of `length` frames; raises EpisodeError if invalid.

    A sub-task may end at the number of frames, as the published tool has it, and that may be of the
    longest view, `longest`, from which the episode was cut: it then ends at the last frame.
    """
    entries = json_file.read(path)
    if not isinstance(entries, list) or not entries:
        raise EpisodeError(
            f'{path}: expected a list of sub-tasks '
            f'[{{"{NAME_KEY}": .., "{START_KEY}": .., "{END_KEY}": ..}}], '
            f'got {_brief(entries)}; annotate at least one or remove the file'
        )
    parsed = (_parse(path, i, entry) for i, entry in enumerate(entries))
    end = max(length, longest)
    subtasks = tuple(replace(s, end=length - 1) if length <= s.end <= end else s for s in parsed)
    _check_order(path, subtasks, length)
    return subtasks


def write_subtasks(path: Path, subtasks: tuple[Subtask, ...]) -> None:
    """Write sub-tasks in the published format."""
    entries = [{NAME_KEY: s.name, START_KEY: s.start, END_KEY: s.end} for s in subtasks]
    json_file.write(path, entries)


def subtasks_between(keyframes: tuple[int, ...]) -> tuple[Subtask, ...]:
    """Sub-tasks between consecutive keyframes."""
    pairs = zip(keyframes, keyframes[1:], strict=False)
    return tuple(Subtask(f'subtask{i}', a, b) for i, (a, b) in enumerate(pairs, start=1))


def boundaries(subtasks: tuple[Subtask, ...]) -> tuple[int, ...]:
    """Keyframes: the first frame of each sub-task and the last frame of the last one."""
    return (*(s.start for s in subtasks), subtasks[-1].end)


def linear_progress(subtasks: tuple[Subtask, ...], length: int) -> np.ndarray:
    """Progress of every frame, (length,) in 0..1: 0 before the first sub-task, 1 after the last.

    Progress is constant between two sub-tasks that do not touch.
    """
    count = len(subtasks)
    points = {}
    for i, subtask in enumerate(subtasks):
        points[subtask.start] = i / count
        points[subtask.end] = (i + 1) / count
    return np.interp(np.arange(length), list(points), list(points.values()))


def _parse(path: Path, index: int, entry: Any) -> Subtask:
    where = f'{path}: entry {index}'
    if not isinstance(entry, dict):
        raise EpisodeError(f'{where}: expected an object, got {_brief(entry)}')
    known = {NAME_KEY, 'annotation', START_KEY, END_KEY}
    missing = [key for key in (START_KEY, END_KEY) if key not in entry]
    if missing:
        unknown = sorted(set(entry) - known)
        hint = f' (it has {", ".join(map(repr, unknown))})' if unknown else ''
        raise EpisodeError(f'{where}: {missing[0]!r} is missing{hint}')
    for key in (START_KEY, END_KEY):
        if isinstance(entry[key], bool) or not isinstance(entry[key], int):
            raise EpisodeError(
                f'{where}: {key} = {_brief(entry[key])}, but a whole frame number is needed'
            )
    name = entry.get(NAME_KEY, entry.get('annotation', f'subtask{index + 1}'))
    return Subtask(str(name), entry[START_KEY], entry[END_KEY])


def _check_order(path: Path, subtasks: tuple[Subtask, ...], length: int) -> None:
    previous = None
    for i, subtask in enumerate(subtasks):
        where = f'{path}: entry {i} ({subtask.name})'
        start, end = subtask.start, subtask.end
        for key, frame in ((START_KEY, start), (END_KEY, end)):
            if not 0 <= frame < length:
                raise EpisodeError(
                    f'{where}: {key} = {frame} lies outside the episode, whose frames are '
                    f'0..{length - 1}'
                )
        if not end > start:
            raise EpisodeError(
                f'{where}: {END_KEY} = {end} must be greater than {START_KEY} = {start}'
            )
        if previous is not None and start < previous.end:
            raise EpisodeError(
                f'{where}: {START_KEY} = {start} overlaps the entry before, which ends at '
                f'{previous.end}; start at {previous.end} or later'
            )
        previous = subtask


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + '...'
