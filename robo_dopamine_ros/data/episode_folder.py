"""Episode folders: open, find and save recorded episodes in any layout."""

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from robo_dopamine_ros.data import image_folder, json_file, subtasks, video_folder
from robo_dopamine_ros.data.errors import EpisodeError, EpisodeWarning
from robo_dopamine_ros.data.frames import FolderLayout, FrameSource
from robo_dopamine_ros.data.metadata import (
    INSTRUCTION_FILE,
    METADATA_FILE,
    EpisodeMetadata,
    read_instruction,
    read_metadata,
    write_metadata,
)
from robo_dopamine_ros.data.natural_order import natural
from robo_dopamine_ros.types import VIEWS, Recording

__all__ = ['EpisodeError', 'EpisodeWarning', 'find_recordings', 'open_recording', 'save_recording']

LAYOUTS: dict[str, FolderLayout] = {'videos': video_folder, 'images': image_folder}
DEFAULT_RATE = 10.0  # of image folders that do not say; the rate of the policy [Hz]
LENGTH_TOLERANCE = 3  # frames; cameras seldom stop at the same moment


def open_recording(path: str | Path, tolerance: int = LENGTH_TOLERANCE) -> Recording:
    """Open one episode folder; raises EpisodeError that names the file and what is wrong in it.

    Views may differ by `tolerance` frames and are cut to the shortest, with a warning.
    """
    folder = Path(path)
    layout = _layout(folder)
    if layout is None:
        raise EpisodeError(
            f'{folder}: no episode here; expected cam_high.mp4, cam_left_wrist.mp4, '
            'cam_right_wrist.mp4, or one folder of images per view'
        )
    frames = layout.open_frames(folder, tolerance)
    _warn_missing(folder, frames.views)
    metadata = read_metadata(folder)
    rate = frames.rate or metadata.rate or DEFAULT_RATE
    keyframes, progress = _annotation(folder, frames, metadata)
    return Recording(
        name=folder.resolve().name,
        rate=rate,
        length=frames.length,
        views=frames.views,
        play=frames.play(rate),
        span=(keyframes[0], keyframes[-1]) if keyframes else (0, frames.length - 1),
        progress=progress,
        instruction=metadata.instruction or read_instruction(folder),
        outcome=metadata.outcome,
        grade=metadata.grade,
        keyframes=keyframes,
    )


def find_recordings(paths: Iterable[str | Path]) -> list[Recording]:
    """Open every episode at or below the paths, in the order of their names and numbers."""
    recordings = []
    for path in map(Path, paths):
        folders = list(_episode_folders(path))
        if not folders:
            raise EpisodeError(f'{path}: no episode here or in any folder below it')
        recordings += [open_recording(folder) for folder in folders]
    return recordings


def save_recording(recording: Recording, path: str | Path, layout: str = 'videos') -> Path:
    """Write an episode as `videos` (the paper's layout) or `images` (lossless); gives its folder.

    Raises EpisodeError where the folder is not empty.
    """
    if layout not in LAYOUTS:
        raise ValueError(f'layout = {layout!r}; it must be one of {", ".join(LAYOUTS)}')
    folder = Path(path)
    if folder.exists() and any(folder.iterdir()):
        raise EpisodeError(f'{folder}: not empty; choose a new folder for the episode')
    folder.mkdir(parents=True, exist_ok=True)
    LAYOUTS[layout].save(recording, folder)
    segments = subtasks.subtasks_between(recording.keyframes)
    annotated = bool(segments) and _is_linear(segments, recording)
    if annotated:
        subtasks.write_subtasks(folder / subtasks.ANNOTATION_FILE, segments)
    if recording.instruction:
        json_file.write(folder / INSTRUCTION_FILE, [recording.instruction])
    write_metadata(folder, recording, with_progress=not annotated)
    return folder


def _layout(folder: Path) -> FolderLayout | None:
    if not folder.is_dir():
        raise EpisodeError(f'{folder}: no such folder')
    return next((layout for layout in LAYOUTS.values() if layout.matches(folder)), None)


def _episode_folders(path: Path) -> Iterable[Path]:
    if _layout(path) is not None:
        yield path
        return
    for child in natural(path.iterdir()):
        if child.is_dir() and not child.name.startswith('.'):  # one being recorded is hidden
            yield from _episode_folders(child)


def _warn_missing(folder: Path, views: tuple[str, ...]) -> None:
    missing = [view for view in VIEWS if view not in views]
    if missing:
        text = f'{folder}: no images of {", ".join(missing)}; playing {", ".join(views)} alone'
        warnings.warn(EpisodeWarning(text), stacklevel=3)


def _annotation(
    folder: Path, frames: FrameSource, metadata: EpisodeMetadata
) -> tuple[tuple[int, ...], np.ndarray | None]:
    """Keyframes and progress; annotated sub-tasks take precedence over the metadata."""
    length, longest = frames.length, frames.longest
    annotation = folder / subtasks.ANNOTATION_FILE
    if annotation.exists():
        segments = subtasks.read_subtasks(annotation, length, longest)
        return subtasks.boundaries(segments), subtasks.linear_progress(segments, length)
    path, keyframes, progress = folder / METADATA_FILE, metadata.keyframes, metadata.progress
    if progress is not None and not length <= len(progress) <= longest:
        raise EpisodeError(f'{path}: progress has {len(progress)} numbers for {length} frames')
    if keyframes and length <= keyframes[-1] <= longest:
        keyframes = (*keyframes[:-1], length - 1)
    rising = len(keyframes) > 1 and keyframes[-2] < keyframes[-1]
    if keyframes and not (rising and keyframes[0] >= 0 and keyframes[-1] < length):
        raise EpisodeError(
            f'{path}: keyframes {list(metadata.keyframes)} must be two or more frames within '
            f'0..{length - 1}'
        )
    return keyframes, progress if progress is None else progress[:length]


def _is_linear(segments: tuple[subtasks.Subtask, ...], recording: Recording) -> bool:
    """Whether the progress of a recording follows from its sub-tasks alone."""
    if recording.progress is None:
        return False
    linear = subtasks.linear_progress(segments, recording.length)
    return np.allclose(linear, recording.progress, atol=1e-6)
