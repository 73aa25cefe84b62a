"""Decodes video files frame by frame."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from robo_dopamine_ros.data.faults import EpisodeError

Size = tuple[int, int]  # (width, height) [px]


@dataclass(frozen=True)
class Video:
    """A video file whose first and last frames have been decoded."""

    path: Path
    rate: float  # [Hz]
    length: int  # frames
    size: Size


def probe(path: Path) -> Video:
    """Open a video and make sure that its end can be decoded; raises EpisodeError."""
    with _capture(path) as capture:
        rate = capture.get(cv2.CAP_PROP_FPS)
        length = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if not 0 < rate < 1000:
            raise EpisodeError(f'{path}: its frame rate reads {rate:g} Hz; encode it anew')
        ok, frame = capture.read()
        if not ok or length < 1:
            raise EpisodeError(f'{path}: no frame can be decoded; the file is damaged or empty')
        capture.set(cv2.CAP_PROP_POS_FRAMES, length - 1)
        if not capture.grab():
            length = _count(path, length)
        return Video(path, rate, length, (frame.shape[1], frame.shape[0]))


def frames(
    video: Video, size: Size | None, stride: int, start: int, stop: int
) -> Iterator[np.ndarray]:
    """Yield frames start, start + stride .. below stop as (H, W, 3) uint8 RGB."""
    with _capture(video.path) as capture:
        if start:
            capture.set(cv2.CAP_PROP_POS_FRAMES, start)
        for index in range(start, stop):
            if not capture.grab():
                raise EpisodeError(
                    f'{video.path}: decoding stopped at frame {index} of {video.length}; '
                    'the file is truncated or damaged'
                )
            if (index - start) % stride == 0:
                _, frame = capture.retrieve()
                yield cv2.cvtColor(resized(frame, size), cv2.COLOR_BGR2RGB)


def resized(image: np.ndarray, size: Size | None) -> np.ndarray:
    """Scale a picture to (W, H); averaging over areas when it becomes smaller."""
    height, width = image.shape[:2]
    if size is None or size == (width, height):
        return image
    smaller = size[0] <= width and size[1] <= height
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


class Writer:
    """Writes RGB frames into an MPEG-4 file; use it as a context."""

    def __init__(self, path: Path, rate: float, size: Size):
        self._path = path
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), rate, size)
        if not self._writer.isOpened():
            raise EpisodeError(f'{path}: cannot be written; is the folder there and writable?')

    def __enter__(self) -> 'Writer':
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.release()

    def write(self, image: np.ndarray) -> None:
        """Append one (H, W, 3) uint8 RGB frame."""
        self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


@contextmanager
def _capture(path: Path) -> Iterator[cv2.VideoCapture]:
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise EpisodeError(
                f'{path}: not a video that can be decoded; it may be truncated, empty or damaged'
            )
        yield capture
    finally:
        capture.release()


def _count(path: Path, declared: int) -> int:
    """Count what really decodes, when the end does not; a frame or two less is usual."""
    with _capture(path) as capture:
        count = 0
        while capture.grab():
            count += 1
    if count < declared - 2:
        raise EpisodeError(
            f'{path}: only {count} of its {declared} frames can be decoded; '
            'the file is truncated or damaged'
        )
    return count
