"""Videos of the codecs that data sets come in, encoded here by PyAV."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.data.episode_folder import EpisodeError, open_recording
from robo_dopamine_ros.data.video_file import TESTED_CODECS, decode_frames, probe_video

ENCODERS = {'h264': 'libx264', 'hevc': 'libx265', 'vp9': 'libvpx-vp9', 'av1': 'libsvtav1'}
QUIET = {'libx265': {'x265-params': 'log-level=none'}, 'libsvtav1': {'preset': '10'}}
SIZE = (64, 48)
LENGTH = 30


def level(index: int) -> int:
    """Grey level of frame `index`, by which a decoded frame is known again."""
    return 20 + 7 * index


def encode(
    path: Path, codec: str, pixels: str = 'yuv420p', options: dict | None = None, skip: int = -1
) -> Path:
    """A file of LENGTH frames that grow brighter; frame `skip` is left out of it."""
    encoder = ENCODERS.get(codec, codec)
    with av.open(str(path), 'w', options=options or {}) as container:
        stream = container.add_stream(encoder, rate=30, options={**QUIET.get(encoder, {})})
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixels
        stream.codec_context.gop_size = 12
        if codec == 'mpeg4':
            stream.bit_rate = 4_000_000
        for index in range(LENGTH):
            if index == skip:
                continue
            image = np.full((SIZE[1], SIZE[0], 3), level(index), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            frame.pts, frame.time_base = index, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def shown(frame: np.ndarray) -> int:
    """Index of the frame whose grey level a picture has."""
    return round((frame.mean() - level(0)) / (level(1) - level(0)))


@pytest.fixture(scope='module', params=[*TESTED_CODECS, 'h264 10 bit'])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    codec, *deep = request.param.split(' ', 1)
    path = tmp_path_factory.mktemp('video') / 'cam_high.mp4'
    return encode(path, codec, 'yuv420p10le' if deep else 'yuv420p')


def test_every_codec_decodes_to_the_frames_encoded(video: Path) -> None:
    with pytest.warns(UserWarning, match='no images of left_wrist'):
        recording = open_recording(video.parent)
    assert (recording.length, recording.rate) == (LENGTH, 30.0)
    frames = [views.images['front'] for views in recording.play()]
    assert [shown(frame) for frame in frames] == list(range(LENGTH))
    assert frames[0].shape == (SIZE[1], SIZE[0], 3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, LENGTH - 1), st.integers(1, LENGTH), st.integers(1, 7))
def test_any_part_of_a_video_has_the_frames_of_the_whole(
    video: Path, start: int, count: int, stride: int
) -> None:
    stop = min(LENGTH, start + count)
    frames = decode_frames(probe_video(video), None, stride, start, stop)
    assert [shown(frame) for frame in frames] == list(range(start, stop, stride))


def test_a_codec_without_decoder_is_named(tmp_path: Path) -> None:
    path = encode(tmp_path / 'cam_high.mp4', 'av1')
    path.write_bytes(path.read_bytes().replace(b'av01', b'zz01'))
    said = r"cam_high\.mp4: its codec, 'zz01', has no decoder here; encode it anew, as mpeg4, h264"
    with pytest.raises(EpisodeError, match=said):
        probe_video(path)


def test_a_file_without_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'cam_high.mp4'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('aac', rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), 'fltp', 'mono')
        sound.sample_rate = 16000
        container.mux([*stream.encode(sound), *stream.encode()])
    with pytest.raises(EpisodeError, match=r'cam_high\.mp4: holds no video'):
        probe_video(path)


@pytest.mark.parametrize('codec', ['mpeg4', 'av1'])
def test_a_file_whose_end_was_cut_off_is_named(tmp_path: Path, codec: str) -> None:
    path = encode(tmp_path / 'cam_high.mp4', codec, options={'movflags': 'faststart'})
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(EpisodeError, match=rf'only \d+ of its {LENGTH} frames .* truncated'):
        probe_video(path)


def test_a_frame_that_is_missing_shifts_no_other(tmp_path: Path) -> None:
    path = encode(tmp_path / 'cam_high.mp4', 'mpeg4', skip=7)
    video = probe_video(path)
    assert video.length == LENGTH - 1
    frames = [shown(frame) for frame in decode_frames(video, None, 1, 5, 10)]
    assert frames == [5, 6, 8, 9, 10]


@pytest.mark.parametrize(('turns', 'matrix'), [(1, (0, 1, -1, 0)), (2, (-1, 0, 0, -1))])
def test_a_picture_taken_sideways_is_turned(tmp_path: Path, turns: int, matrix: tuple) -> None:
    path = tmp_path / 'cam_high.mp4'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=30)
        stream.width, stream.height, stream.pix_fmt = *SIZE, 'yuv420p'
        image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        image[:16, :16] = 255  # bright at the top left
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode())
    data = bytearray(path.read_bytes())
    at = data.find(b'tkhd') + 4 + 40  # the matrix of the track: a b u c d v x y w
    a, b, c, d = (value * 0x10000 for value in matrix)
    struct.pack_into('>9i', data, at, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(bytes(data))
    video = probe_video(path)
    (picture,) = decode_frames(video, None, 1, 0, 1)
    turned = np.rot90(image, -turns)  # clockwise
    assert video.size == turned.shape[1::-1]
    assert np.abs(picture.astype(int) - turned).mean() < 20
    _, by_opencv = cv2.VideoCapture(str(path)).read()
    assert np.abs(picture.astype(int) - by_opencv).mean() < 20
