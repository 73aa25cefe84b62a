"""Metadata of an episode: `episode.json` and `task_instruction.json`."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.data import json_file
from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.types import Outcome, Recording

METADATA_FILE = 'episode.json'
INSTRUCTION_FILE = 'task_instruction.json'
GRADES = ('success', 'partial', 'failure')
OUTCOMES = {outcome.name.lower(): outcome for outcome in Outcome}


@dataclass(frozen=True)
class EpisodeMetadata:
    """Contents of `episode.json`; every field is optional."""

    rate: float | None = None  # [Hz]
    instruction: str = ''
    progress: np.ndarray | None = None  # (frames,) 0..1
    keyframes: tuple[int, ...] = ()
    outcome: Outcome = Outcome.NONE
    grade: str = ''


def read_metadata(folder: Path) -> EpisodeMetadata:
    """Read `episode.json`, if present; raises EpisodeError that names the invalid field."""
    path = folder / METADATA_FILE
    if not path.exists():
        return EpisodeMetadata()
    fields = json_file.read(path)
    if not isinstance(fields, dict):
        raise EpisodeError(f'{path}: expected an object, got {fields!r:.60}')
    unknown = sorted(set(fields) - set(EpisodeMetadata.__dataclass_fields__))
    if unknown:
        known = ', '.join(EpisodeMetadata.__dataclass_fields__)
        raise EpisodeError(f'{path}: unknown field {unknown[0]!r}; known are {known}')
    return EpisodeMetadata(
        rate=_rate(path, fields.get('rate')),
        instruction=_text(path, 'instruction', fields.get('instruction', '')),
        progress=_progress(path, fields.get('progress')),
        keyframes=_keyframes(path, fields.get('keyframes', [])),
        outcome=OUTCOMES[_choice(path, 'outcome', fields.get('outcome', 'none'), tuple(OUTCOMES))],
        grade=_choice(path, 'grade', fields.get('grade', ''), ('', *GRADES)),
    )


def write_metadata(folder: Path, recording: Recording, with_progress: bool) -> None:
    """Write `episode.json`; without progress and keyframes where the annotation has them."""
    fields: dict[str, Any] = {
        'rate': recording.rate,
        'instruction': recording.instruction,
        'outcome': recording.outcome.name.lower(),
        'grade': recording.grade,
    }
    if with_progress and recording.progress is not None:
        fields['progress'] = np.asarray(recording.progress, dtype=float).round(6).tolist()
    if with_progress and recording.keyframes:
        fields['keyframes'] = list(recording.keyframes)
    json_file.write(folder / METADATA_FILE, fields)


def read_instruction(folder: Path) -> str:
    """First instruction in `task_instruction.json`, here or one folder up; empty without one."""
    for path in (folder / INSTRUCTION_FILE, folder.parent / INSTRUCTION_FILE):
        if path.exists():
            instructions = json_file.read(path)
            if not isinstance(instructions, list) or not all(
                isinstance(text, str) for text in instructions
            ):
                raise EpisodeError(f'{path}: expected a list of strings, got {instructions!r:.60}')
            return instructions[0].strip() if instructions else ''
    return ''


def _rate(path: Path, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise EpisodeError(f'{path}: rate = {value!r}, but frames per second above 0 are needed')
    return float(value)


def _text(path: Path, name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise EpisodeError(f'{path}: {name} = {value!r:.60}, but a string is needed')
    return value


def _progress(path: Path, value: Any) -> np.ndarray | None:
    if value is None:
        return None
    try:
        progress = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        progress = np.full(1, np.nan)
    if progress.ndim != 1 or not np.all((progress >= 0) & (progress <= 1)):
        raise EpisodeError(f'{path}: progress must be a list of one number in 0..1 per frame')
    return progress


def _keyframes(path: Path, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or any(type(k) is not int for k in value):
        raise EpisodeError(f'{path}: keyframes = {value!r:.60}, but a list of frames is needed')
    if any(b <= a for a, b in zip(value, value[1:], strict=False)):
        raise EpisodeError(f'{path}: keyframes = {value!r:.60}, but they must increase')
    return tuple(value)


def _choice(path: Path, name: str, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        allowed = ', '.join(repr(k) for k in known)
        raise EpisodeError(f'{path}: {name} = {value!r:.60}; it must be one of {allowed}')
    return value
