"""Recorded episodes on disk, in and out, whichever way their pictures are stored."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import numpy as np

from robo_dopamine_ros.data import jsonfile, labels, pictures, videos
from robo_dopamine_ros.data.faults import EpisodeError, EpisodeWarning
from robo_dopamine_ros.data.notes import (
    INSTRUCTION,
    NOTES,
    Notes,
    read_instruction,
    read_notes,
    write_notes,
)
from robo_dopamine_ros.types import VIEWS, Recording

__all__ = ['EpisodeError', 'EpisodeWarning', 'find_recordings', 'open_recording', 'save_recording']

LAYOUTS: dict[str, ModuleType] = {'videos': videos, 'pictures': pictures}
USUAL_RATE = 10.0  # [Hz] of picture folders that do not say: the rate at which policies act
TOLERANCE = 3  # frames by which views may differ: cameras seldom stop at the same moment


def open_recording(path: str | Path, tolerance: int = TOLERANCE) -> Recording:
    """Open one episode folder; raises EpisodeError that names the file and what is wrong in it.

    Views may differ by `tolerance` frames and are cut to the shortest, with a warning.
    """
    folder = Path(path)
    layout = _layout(folder)
    if layout is None:
        raise EpisodeError(
            f'{folder}: no episode here; expected cam_high.mp4, cam_left_wrist.mp4, '
            'cam_right_wrist.mp4, or one folder of pictures per view'
        )
    footage = layout.footage(folder, tolerance)
    _warn_missing(folder, footage.views)
    notes = read_notes(folder)
    rate = footage.rate or notes.rate or USUAL_RATE
    keyframes, progress = _labels(folder, footage.length, notes)
    return Recording(
        name=folder.resolve().name,
        rate=rate,
        length=footage.length,
        views=footage.views,
        play=footage.play(rate),
        span=(keyframes[0], keyframes[-1]) if keyframes else (0, footage.length - 1),
        progress=progress,
        instruction=notes.instruction or read_instruction(folder),
        outcome=notes.outcome,
        grade=notes.grade,
        keyframes=keyframes,
    )


def find_recordings(paths: Iterable[str | Path]) -> list[Recording]:
    """Open every episode at or below the paths, in the order of their names."""
    found = []
    for path in map(Path, paths):
        folders = list(_episodes(path))
        if not folders:
            raise EpisodeError(f'{path}: no episode here or in any folder below it')
        found += [open_recording(folder) for folder in folders]
    return found


def save_recording(recording: Recording, path: str | Path, layout: str = 'videos') -> Path:
    """Write an episode as `videos` (the paper's folder) or `pictures` (exact) and give its folder.

    Existing episodes are never written over.
    """
    if layout not in LAYOUTS:
        raise ValueError(f'layout = {layout!r}; it must be one of {", ".join(LAYOUTS)}')
    folder = Path(path)
    if folder.exists() and any(folder.iterdir()):
        raise EpisodeError(f'{folder}: not empty; choose a new folder for the episode')
    folder.mkdir(parents=True, exist_ok=True)
    LAYOUTS[layout].save(recording, folder)
    segments = labels.segments_between(recording.keyframes)
    told = bool(segments) and _said_by(segments, recording)
    if told:
        labels.write_segments(folder / labels.ANNOTATION, segments)
    if recording.instruction:
        jsonfile.write(folder / INSTRUCTION, [recording.instruction])
    write_notes(folder, recording, with_progress=not told)
    return folder


def _layout(folder: Path) -> ModuleType | None:
    if not folder.is_dir():
        raise EpisodeError(f'{folder}: no such folder')
    return next((layout for layout in LAYOUTS.values() if layout.present(folder)), None)


def _episodes(path: Path) -> Iterable[Path]:
    if _layout(path) is not None:
        yield path
        return
    for child in sorted(path.iterdir()):
        if child.is_dir() and not child.name.startswith('.'):  # one being recorded is hidden
            yield from _episodes(child)


def _warn_missing(folder: Path, views: tuple[str, ...]) -> None:
    missing = [view for view in VIEWS if view not in views]
    if missing:
        text = f'{folder}: no pictures of {", ".join(missing)}; playing {", ".join(views)} alone'
        warnings.warn(EpisodeWarning(text), stacklevel=3)


def _labels(folder: Path, length: int, notes: Notes) -> tuple[tuple[int, ...], np.ndarray | None]:
    """Keyframes and progress: a person's annotation counts above what was recorded."""
    annotation = folder / labels.ANNOTATION
    if annotation.exists():
        segments = labels.read_segments(annotation, length)
        return labels.keyframes(segments), labels.progress(segments, length)
    if notes.progress is not None and len(notes.progress) != length:
        raise EpisodeError(
            f'{folder / NOTES}: progress has {len(notes.progress)} numbers for {length} frames'
        )
    if notes.keyframes and not 0 <= notes.keyframes[0] < notes.keyframes[-1] < length:
        raise EpisodeError(
            f'{folder / NOTES}: keyframes {list(notes.keyframes)} must be two or more frames '
            f'within 0..{length - 1}'
        )
    return notes.keyframes, notes.progress


def _said_by(segments: tuple[labels.Segment, ...], recording: Recording) -> bool:
    """Whether keyframes alone give back the progress of a recording."""
    if recording.progress is None:
        return False
    law = labels.progress(segments, recording.length)
    return np.allclose(law, recording.progress, atol=1e-6)
