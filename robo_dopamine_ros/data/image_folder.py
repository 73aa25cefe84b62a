"""Layout `images`: one folder of image files per view, `front/000000.png` .."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.data.frames import FrameSource, Size, frame_range, named_views, resize
from robo_dopamine_ros.data.natural_order import numbered
from robo_dopamine_ros.types import SECOND, Recording, Views

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg')
MIN_USED_BITS = 15  # of files with 16, in an episode that is not dark


def matches(folder: Path) -> bool:
    """Whether a folder holds at least one folder of images."""
    return any(_image_files(child) for child in folder.iterdir() if child.is_dir())


def open_frames(folder: Path, tolerance: int) -> FrameSource:
    """List the images by number; views may differ by `tolerance` and are cut to the shortest."""
    views = named_views(folder, [c for c in folder.iterdir() if c.is_dir() and _image_files(c)])
    files = {view: numbered(_image_files(path)) for view, path in views.items()}
    lengths = {view: len(paths) for view, paths in files.items()}
    length, longest = min(lengths.values()), max(lengths.values())
    if longest - length > tolerance:
        listed = ', '.join(f'{view} {length}' for view, length in lengths.items())
        raise EpisodeError(
            f'{folder}: the views differ in length: {listed} images; at most {tolerance} '
            'of difference are tolerated'
        )
    for paths in files.values():
        _check_bit_depth(paths)
    return FrameSource(
        None, length, longest, tuple(files), lambda rate: partial(_play, files, length, rate)
    )


def save(recording: Recording, folder: Path) -> None:
    """Write every view as PNG files, without loss."""
    for view in recording.views:
        (folder / view).mkdir(parents=True, exist_ok=True)
    for index, views in enumerate(recording.play()):
        for view, image in views.images.items():
            path = folder / view / f'{index:06d}.png'
            if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
                raise EpisodeError(f'{path}: cannot be written')


def _image_files(folder: Path) -> list[Path]:
    files = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    return [path for path in files if not path.name.startswith('.')]


def _check_bit_depth(paths: Sequence[Path]) -> None:
    """EpisodeError where values of 10, 12 or 14 bits in files of 16 would be nearly black."""
    some = [paths[0], paths[len(paths) // 2], paths[-1]]
    if not all(map(_is_16_bit, some)):
        return
    images = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in some]
    brightest = max(0 if image is None else int(image.max()) for image in images)
    if 0 < (used := brightest.bit_length()) < MIN_USED_BITS:
        raise EpisodeError(
            f'{paths[0].parent}: files of 16 bits whose brightest value is {brightest} ({used} '
            'bits), which is nearly black; scale them to 8 bits'
        )


def _is_16_bit(path: Path) -> bool:
    """Whether the header of a PNG says so; JPEG files have 8 bits."""
    with path.open('rb') as file:
        head = file.read(25)
    return head[:4] == b'\x89PNG' and head[24:] == b'\x10'


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
