"""The paper's episode folder: `cam_high.mp4`, `cam_left_wrist.mp4`, `cam_right_wrist.mp4`."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from robo_dopamine_ros.data import video
from robo_dopamine_ros.data.faults import EpisodeError, EpisodeWarning
from robo_dopamine_ros.data.footage import Footage, in_usual_order, picked
from robo_dopamine_ros.types import SECOND, VIEWS, Recording, Views

PREFIX = 'cam_'
FRONT, HIGH = VIEWS[0], 'high'  # the folder's word for the front view


def present(folder: Path) -> bool:
    """Whether a folder holds an episode as videos."""
    return any(folder.glob(f'{PREFIX}*.mp4'))


def footage(folder: Path, tolerance: int) -> Footage:
    """Open the videos; they may differ by `tolerance` frames and are cut to the shortest."""
    paths = {_view(path): path for path in folder.glob(f'{PREFIX}*.mp4')}
    found = {view: video.probe(paths[view]) for view in in_usual_order(list(paths))}
    return Footage(
        rate=_common_rate(folder, found),
        length=_common_length(folder, found, tolerance),
        views=tuple(found),
        play=partial(_player, found, _common_length(folder, found, tolerance, warn=False)),
    )


def save(recording: Recording, folder: Path) -> None:
    """Encode every view as `cam_<view>.mp4`; MPEG-4 loses a little of each picture."""
    with ExitStack() as open_files:
        writers: dict[str, video.Writer] = {}
        for views in recording.play():
            for view, image in views.images.items():
                if view not in writers:
                    size = (image.shape[1], image.shape[0])
                    writer = video.Writer(folder / _file(view), recording.rate, size)
                    writers[view] = open_files.enter_context(writer)
                writers[view].write(image)


def _view(path: Path) -> str:
    name = path.stem.removeprefix(PREFIX)
    return FRONT if name == HIGH else name


def _file(view: str) -> str:
    return f'{PREFIX}{HIGH if view == FRONT else view}.mp4'


def _common_rate(folder: Path, found: dict[str, video.Video]) -> float:
    rates = {v.path.name: v.rate for v in found.values()}
    if max(rates.values()) - min(rates.values()) > 0.01 * min(rates.values()):
        listed = ', '.join(f'{name} {rate:g} Hz' for name, rate in rates.items())
        raise EpisodeError(f'{folder}: the videos differ in rate: {listed}; record all at one rate')
    return next(iter(rates.values()))


def _common_length(
    folder: Path, found: dict[str, video.Video], tolerance: int, warn: bool = True
) -> int:
    lengths = {v.path.name: v.length for v in found.values()}
    shortest, longest = min(lengths.values()), max(lengths.values())
    listed = ', '.join(f'{name} {length}' for name, length in lengths.items())
    if longest - shortest > tolerance:
        raise EpisodeError(
            f'{folder}: the videos differ in length: {listed} frames; at most {tolerance} frames '
            'of difference are tolerated, so cut them to the same moments'
        )
    if warn and longest > shortest:
        warnings.warn(
            EpisodeWarning(f'{folder}: using {shortest} frames of videos with {listed}'),
            stacklevel=2,
        )
    return shortest


def _player(
    found: dict[str, video.Video], length: int, rate: float
) -> Callable[..., Iterator[Views]]:
    return partial(_play, found, length, rate)


def _play(
    found: dict[str, video.Video],
    length: int,
    rate: float,
    size: video.Size | None = None,
    stride: int = 1,
    start: int = 0,
    stop: int | None = None,
) -> Iterator[Views]:
    chosen = picked(length, stride, start, stop)
    streams = [video.frames(v, size, stride, chosen.start, chosen.stop) for v in found.values()]
    for index, images in zip(chosen, zip(*streams, strict=True), strict=True):
        stamp = round(index * SECOND / rate)
        yield Views(dict(zip(found, images, strict=True)), dict.fromkeys(found, stamp))
