"""Layout `images`: one folder of image files per view, `front/000000.png` .."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.data.frames import FrameSource, Size, frame_range, resize, sorted_views
from robo_dopamine_ros.types import SECOND, Recording, Views

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg')


def matches(folder: Path) -> bool:
    """Whether a folder holds at least one folder of images."""
    return bool(_files_by_view(folder))


def open_frames(folder: Path, tolerance: int) -> FrameSource:
    """List the images; views may differ by `tolerance` images and are cut to the shortest."""
    found = _files_by_view(folder)
    files = {view: found[view] for view in sorted_views(list(found))}
    lengths = {view: len(paths) for view, paths in files.items()}
    length = min(lengths.values())
    if max(lengths.values()) - length > tolerance:
        listed = ', '.join(f'{view} {length}' for view, length in lengths.items())
        raise EpisodeError(
            f'{folder}: the views differ in length: {listed} images; at most {tolerance} '
            'of difference are tolerated'
        )
    return FrameSource(None, length, tuple(files), lambda rate: partial(_play, files, length, rate))


def save(recording: Recording, folder: Path) -> None:
    """Write every view as PNG files, without loss."""
    for view in recording.views:
        (folder / view).mkdir(parents=True, exist_ok=True)
    for index, views in enumerate(recording.play()):
        for view, image in views.images.items():
            path = folder / view / f'{index:06d}.png'
            if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
                raise EpisodeError(f'{path}: cannot be written')


def _files_by_view(folder: Path) -> dict[str, list[Path]]:
    listed = {child.name: _image_files(child) for child in folder.iterdir() if child.is_dir()}
    return {view: paths for view, paths in listed.items() if paths}


def _image_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _play(
    files: dict[str, list[Path]],
    length: int,
    rate: float,
    size: Size | None = None,
    stride: int = 1,
    start: int = 0,
    stop: int | None = None,
) -> Iterator[Views]:
    for index in frame_range(length, stride, start, stop):
        stamp = round(index * SECOND / rate)
        images = {view: _read(paths[index], size) for view, paths in files.items()}
        yield Views(images, dict.fromkeys(images, stamp))


def _read(path: Path, size: Size | None) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise EpisodeError(f'{path}: not an image that can be decoded; it may be truncated')
    return cv2.cvtColor(resize(image, size), cv2.COLOR_BGR2RGB)
