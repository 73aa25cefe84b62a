"""Video files: every codec that FFmpeg decodes, read by PyAV; frames are found by their times."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.data.frames import Size, resize

# Codecs that the tests encode and read. Others are read too where PyAV has a decoder.
TESTED_CODECS = ('mpeg4', 'h264', 'hevc', 'vp9', 'av1')
MAX_MISSING = 2  # frames of a file that need not decode; containers often declare one or two more
TURNS = {  # of the picture, by the rotation that the file declares [deg]
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_CLOCKWISE,
}


@dataclass(frozen=True, eq=False)
class VideoFile:
    """A video file whose first and last frame can be decoded."""

    path: Path
    rate: float  # [Hz]
    size: Size
    times: np.ndarray  # (frames,) int64, when each frame is shown, in the time base of the file

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.times)


def probe_video(path: Path) -> VideoFile:
    """Read the properties of a video and check that its end can be decoded; EpisodeError if not."""
    with _open(path) as (container, stream):
        rate = float(stream.average_rate or stream.guessed_rate or 0.0)
        if not 0 < rate < 1000:
            raise EpisodeError(f'{path}: its frame rate reads {rate:g} Hz; encode it anew')
        times = _frame_times(path, container, stream)
        first = next(_decoded(container, stream, times[0]), None)
        if first is None:
            raise EpisodeError(
                f'{path}: no frame of its {stream.codec_context.codec.canonical_name} video can '
                'be decoded; the file is damaged or empty'
            )
        if next(_frames_from(container, stream, times[-1], times[0]), None) is None:
            times = _decodable_times(path, container, stream, times)
        height, width = _to_rgb(first.picture).shape[:2]
        return VideoFile(path, rate, (width, height), times)


def decode_frames(
    video: VideoFile, size: Size | None, stride: int, start: int, stop: int
) -> Iterator[np.ndarray]:
    """Yield frames start, start + stride .. below `stop` as (H, W, 3) uint8 RGB.

    The frame before stands in for one that does not decode; EpisodeError after a third one.
    """
    with _open(video.path) as (container, stream):
        frames = _frames_from(container, stream, video.times[start], video.times[0])
        missing = 0
        frame = ahead = next(frames, None)
        for index in range(start, stop):
            while ahead is not None and ahead.time <= video.times[index]:
                frame, ahead = ahead, next(frames, None)
            missing += frame is None or frame.time != video.times[index]
            if frame is None or missing > MAX_MISSING:
                raise EpisodeError(
                    f'{video.path}: decoding stopped at frame {index} of {video.length}; '
                    'the file is truncated or damaged'
                )
            if (index - start) % stride == 0:
                yield resize(_to_rgb(frame.picture), size)


class _Frame(NamedTuple):
    time: int  # when it is shown, in the time base of the file
    picture: av.VideoFrame


@contextmanager
def _open(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The container and its video; EpisodeError names the codec if nothing here decodes it."""
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as error:
        raise EpisodeError(
            f'{path}: not a video that can be decoded; it may be truncated, empty or damaged'
        ) from error
    with container:
        if not container.streams.video:
            raise EpisodeError(f'{path}: holds no video')
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise EpisodeError(
                f'{path}: its codec, {_named_codec(path)}, has no decoder here; encode it anew, '
                f'as {", ".join(TESTED_CODECS)}'
            )
        yield container, stream


def _named_codec(path: Path) -> str:
    """The four letters by which an MP4 file names its codec."""
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(b'stsd')  # box: version and count, 8 bytes; size of the entry, 4; its name
        name = data[at + 16 : at + 20] if at >= 0 else b''
    return repr(name.decode('latin-1')) if name else 'which it does not name'


def _frame_times(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream
) -> np.ndarray:
    """When each frame is shown; packets that are not to be shown are left out."""
    times, discarded = [], 0
    with suppress(av.error.FFmpegError):  # the file may end early
        for packet in container.demux(stream):
            if packet.pts is not None:
                discarded += packet.is_discard
                times += [] if packet.is_discard else [packet.pts]
    if len(times) + discarded < stream.frames - MAX_MISSING:
        raise _cut_short(path, len(times) + discarded, stream.frames)
    if not times:
        raise EpisodeError(f'{path}: holds no frame; the file is damaged or empty')
    return np.sort(np.array(times, np.int64))


def _decodable_times(
    path: Path,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    times: np.ndarray,
) -> np.ndarray:
    """The times without the last ones, which do not decode; EpisodeError where that is many."""
    shown = [frame.time for frame in _decoded(container, stream, times[0])]
    count = int(np.searchsorted(times, max(shown), 'right'))
    if count < len(times) - MAX_MISSING:
        raise _cut_short(path, count, len(times))
    return times[:count]


def _cut_short(path: Path, count: int, declared: int) -> EpisodeError:
    return EpisodeError(
        f'{path}: only {count} of its {declared} frames can be decoded; '
        'the file is truncated or damaged'
    )


def _frames_from(
    container: av.container.InputContainer, stream: av.VideoStream, time: int, first_time: int
) -> Iterator[_Frame]:
    """Frames shown at `time` or later; from the first on where seeking lands behind `time`."""
    frames = _decoded(container, stream, time)
    frame = next(frames, None)
    if frame is None or frame.time > time:
        frames = _decoded(container, stream, first_time)
        frame = next(frames, None)
    if frame is not None:
        yield from (f for f in chain([frame], frames) if f.time >= time)


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream, time: int
) -> Iterator[_Frame]:
    """Frames from the key frame at or before `time` on; packets that do not decode are skipped."""
    with suppress(av.error.FFmpegError):  # the file may end early
        container.seek(int(time), stream=stream)
        for packet in container.demux(stream):
            with suppress(av.error.FFmpegError):
                yield from (_Frame(f.pts, f) for f in packet.decode() if f.pts is not None)


def _to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """The picture of a frame as (H, W, 3) uint8 RGB, turned as the file says."""
    image = frame.to_ndarray(format='rgb24')
    turn = TURNS.get(frame.rotation % 360)
    return image if turn is None else cv2.rotate(image, turn)
