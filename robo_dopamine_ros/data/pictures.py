"""An episode as folders of pictures, one folder per view: `front/000000.png` .."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from robo_dopamine_ros.data.faults import EpisodeError
from robo_dopamine_ros.data.footage import Footage, in_usual_order, picked
from robo_dopamine_ros.data.video import Size, resized
from robo_dopamine_ros.types import SECOND, Recording, Views

ENDINGS = ('.png', '.jpg', '.jpeg')


def present(folder: Path) -> bool:
    """Whether a folder holds an episode as picture folders."""
    return bool(_views(folder))


def footage(folder: Path, tolerance: int) -> Footage:
    """List the pictures; views may differ by `tolerance` pictures and are cut to the shortest."""
    views = _views(folder)
    files = {view: views[view] for view in in_usual_order(list(views))}
    lengths = {view: len(paths) for view, paths in files.items()}
    if max(lengths.values()) - min(lengths.values()) > tolerance:
        listed = ', '.join(f'{view} {length}' for view, length in lengths.items())
        raise EpisodeError(
            f'{folder}: the views differ in length: {listed} pictures; at most {tolerance} '
            'of difference are tolerated'
        )
    length = min(lengths.values())
    return Footage(None, length, tuple(files), partial(_player, files, length))


def save(recording: Recording, folder: Path) -> None:
    """Write every view as PNG files, which keep each picture exactly."""
    for view in recording.views:
        (folder / view).mkdir(parents=True, exist_ok=True)
    for index, views in enumerate(recording.play()):
        for view, image in views.images.items():
            path = folder / view / f'{index:06d}.png'
            if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
                raise EpisodeError(f'{path}: cannot be written')


def _views(folder: Path) -> dict[str, list[Path]]:
    listed = {child.name: _pictures(child) for child in folder.iterdir() if child.is_dir()}
    return {view: paths for view, paths in listed.items() if paths}


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)


def _player(
    files: dict[str, list[Path]], length: int, rate: float
) -> Callable[..., Iterator[Views]]:
    return partial(_play, files, length, rate)


def _play(
    files: dict[str, list[Path]],
    length: int,
    rate: float,
    size: Size | None = None,
    stride: int = 1,
    start: int = 0,
    stop: int | None = None,
) -> Iterator[Views]:
    for index in picked(length, stride, start, stop):
        stamp = round(index * SECOND / rate)
        images = {view: _read(paths[index], size) for view, paths in files.items()}
        yield Views(images, dict.fromkeys(images, stamp))


def _read(path: Path, size: Size | None) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise EpisodeError(f'{path}: not a picture that can be decoded; it may be truncated')
    return cv2.cvtColor(resized(image, size), cv2.COLOR_BGR2RGB)
