"""Layout `videos`, as the paper's: `cam_high.mp4`, `cam_left_wrist.mp4`, `cam_right_wrist.mp4`."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from robo_dopamine_ros.data.errors import EpisodeError, EpisodeWarning
from robo_dopamine_ros.data.frames import (
    FRONT_VIEW,
    PAPERS_FRONT_VIEW,
    VIEW_PREFIX,
    FrameSource,
    Size,
    frame_range,
    named_views,
)
from robo_dopamine_ros.data.video_file import VideoFile, decode_frames, probe_video
from robo_dopamine_ros.types import SECOND, Recording, Views

VIDEOS = f'{VIEW_PREFIX}*.mp4'


def matches(folder: Path) -> bool:
    """Whether a folder holds at least one video of an episode."""
    return any(folder.glob(VIDEOS))


def open_frames(folder: Path, tolerance: int) -> FrameSource:
    """Open the videos; they may differ by `tolerance` frames and are cut to the shortest."""
    paths = named_views(folder, folder.glob(VIDEOS))
    videos = {view: probe_video(path) for view, path in paths.items()}
    rate, length = _common_rate(folder, videos), _common_length(folder, videos, tolerance)
    longest = max(video.length for video in videos.values())
    return FrameSource(
        rate, length, longest, tuple(videos), lambda rate: partial(_play, videos, length, rate)
    )


def save(recording: Recording, folder: Path) -> None:
    """Encode every view as `cam_<view>.mp4` (MPEG-4, lossy)."""
    with ExitStack() as open_files:
        writers: dict[str, VideoWriter] = {}
        for views in recording.play():
            for view, image in views.images.items():
                if view not in writers:
                    size = (image.shape[1], image.shape[0])
                    writer = VideoWriter(folder / _file_name(view), recording.rate, size)
                    writers[view] = open_files.enter_context(writer)
                writers[view].write(image)


class VideoWriter:
    """Writes RGB frames into an MPEG-4 file; a context manager that opens and closes the file."""

    def __init__(self, path: Path, rate: float, size: Size) -> None:
        self._path, self._rate, self._size = path, rate, size
        self._writer: cv2.VideoWriter

    def __enter__(self) -> 'VideoWriter':
        codec = cv2.VideoWriter.fourcc(*'mp4v')
        self._writer = cv2.VideoWriter(str(self._path), codec, self._rate, self._size)
        if not self._writer.isOpened():
            raise EpisodeError(
                f'{self._path}: cannot be written; is the folder there and writable?'
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.release()

    def write(self, image: np.ndarray) -> None:
        """Append one (H, W, 3) uint8 RGB frame; EpisodeError for one of another size."""
        size = (image.shape[1], image.shape[0])
        if size != self._size:  # OpenCV would leave it out silently
            raise EpisodeError(f'{self._path}: a frame of {size} px in a video of {self._size} px')
        self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def _file_name(view: str) -> str:
    return f'{VIEW_PREFIX}{PAPERS_FRONT_VIEW if view == FRONT_VIEW else view}.mp4'


def _common_rate(folder: Path, videos: dict[str, VideoFile]) -> float:
    rates = {video.path.name: video.rate for video in videos.values()}
    if max(rates.values()) - min(rates.values()) > 0.01 * min(rates.values()):
        listed = ', '.join(f'{name} {rate:g} Hz' for name, rate in rates.items())
        raise EpisodeError(f'{folder}: the videos differ in rate: {listed}; record all at one rate')
    return next(iter(rates.values()))


def _common_length(folder: Path, videos: dict[str, VideoFile], tolerance: int) -> int:
    lengths = {video.path.name: video.length for video in videos.values()}
    shortest, longest = min(lengths.values()), max(lengths.values())
    listed = ', '.join(f'{name} {length}' for name, length in lengths.items())
    if longest - shortest > tolerance:
        raise EpisodeError(
            f'{folder}: the videos differ in length: {listed} frames; at most {tolerance} frames '
            'of difference are tolerated, so cut them to the same moments'
        )
    if longest > shortest:
        text = f'{folder}: using {shortest} frames of videos with {listed}'
        warnings.warn(EpisodeWarning(text), stacklevel=2)
    return shortest


def _play(
    videos: dict[str, VideoFile],
    length: int,
    rate: float,
    size: Size | None = None,
    stride: int = 1,
    start: int = 0,
    stop: int | None = None,
) -> Iterator[Views]:
    indices = frame_range(length, stride, start, stop)
    streams = [
        decode_frames(video, size, stride, indices.start, indices.stop) for video in videos.values()
    ]
    for index, images in zip(indices, zip(*streams, strict=True), strict=True):
        stamp = round(index * SECOND / rate)
        yield Views(dict(zip(videos, images, strict=True)), dict.fromkeys(videos, stamp))
