"""Images decode as in rosbags-image, and inconsistent messages are refused."""

import array

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from robo_dopamine_ros.ros.images import ENCODINGS, ImageDecodeError, decode_image

rosbags_image = pytest.importorskip('rosbags.image.image', reason='rosbags-image is not installed')

HEIGHT, WIDTH = 24, 32
SCENE = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def image(encoding: str, padding: int = 0, /, **changes: object) -> Image:
    """A valid message of random pixels, rows padded by so many items, then changed."""
    layout = ENCODINGS[encoding]
    dtype = np.dtype(layout.dtype)
    step = (WIDTH * layout.channels + padding) * dtype.itemsize
    pixels = np.random.default_rng(2).integers(0, 256, step * HEIGHT, np.uint8)
    message = Image(height=HEIGHT, width=WIDTH, encoding=encoding, step=step)
    message.data = array.array('B', pixels.tobytes())
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def file(extension: str, scene: np.ndarray = SCENE) -> bytes:
    return cv2.imencode(extension, scene[..., ::-1] if scene.ndim == 3 else scene)[1].tobytes()


def compressed(data: bytes) -> CompressedImage:
    return CompressedImage(format='whatever', data=array.array('B', data))


@pytest.mark.parametrize('encoding', sorted(set(ENCODINGS) & set(rosbags_image.ENCODINGMAP)))
def test_every_encoding_decodes_as_the_library_does(encoding: str) -> None:
    message = image(encoding)
    expected = rosbags_image.image_to_cvimage(message, 'rgb8').astype(int)
    picture = decode_image(message)
    assert picture.dtype == np.uint8
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(picture - expected).max() <= (1 if ENCODINGS[encoding].dtype == 'u2' else 0)


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_padding_of_rows_changes_nothing(encoding: str) -> None:
    padded = image(encoding, 8)
    rows = np.frombuffer(padded.data, np.uint8).reshape(HEIGHT, -1)
    row = image(encoding).step
    plain = image(encoding, data=array.array('B', rows[:, :row].tobytes()))
    assert np.array_equal(decode_image(padded), decode_image(plain))


def test_an_rgb8_image_is_not_copied() -> None:
    message = image('rgb8')
    assert np.shares_memory(decode_image(message), np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
def test_16_bits_keep_the_upper_8(encoding: str) -> None:
    message = image(encoding)
    values = np.frombuffer(message.data, np.uint16).reshape(HEIGHT, WIDTH)
    assert np.array_equal(decode_image(message), np.repeat((values >> 8)[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ('message', 'kind', 'text'),
    [
        (image('rgb8', encoding='rgb9'), 'encoding', "unknown encoding 'rgb9'"),
        (image('rgb8', encoding=''), 'encoding', "unknown encoding ''"),
        (image('rgb8', step=95), 'step', 'step 95; rgb8 32 wide needs 96'),
        (image('mono16', step=65), 'step', 'step 65; mono16 32 wide needs 64'),
        (image('rgb8', step=97), 'length', '2304 bytes; step 97 x height 24 is 2328'),
        (image('rgb8', height=23), 'length', '2304 bytes; step 96 x height 23 is 2208'),
        (image('rgb8', data=array.array('B')), 'length', '0 bytes; step 96 x height 24 is 2304'),
        (image('rgb8', width=0), 'size', 'size 0 x 24; both must be above 0'),
        (image('yuv422', width=31), 'size', 'width 31; yuv422 needs an even one'),
        (image('mono16', is_bigendian=1), 'byte order', 'in the byte order of another machine'),
    ],
)
def test_fields_that_disagree_are_refused(message: Image, kind: str, text: str) -> None:
    with pytest.raises(ImageDecodeError, match=text) as caught:
        decode_image(message)
    assert caught.value.kind == kind


def test_byte_order_does_not_matter_to_bytes() -> None:
    assert np.array_equal(decode_image(image('bgr8', is_bigendian=1)), decode_image(image('bgr8')))


def test_png_is_exact_and_jpeg_is_close() -> None:
    assert np.array_equal(decode_image(compressed(file('.png'))), SCENE)
    smooth = cv2.GaussianBlur(SCENE, (9, 9), 0)
    assert np.abs(decode_image(compressed(file('.jpg', smooth))).astype(int) - smooth).mean() < 5
    assert decode_image(compressed(file('.png', SCENE[..., 0]))).shape == (HEIGHT, WIDTH, 3)


def test_padding_after_a_file_is_accepted() -> None:
    assert decode_image(compressed(file('.jpg') + bytes(40))).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize('extension', ['.jpg', '.png'])
@given(share=st.floats(0.0, 0.999))
def test_truncated_files_are_refused(extension: str, share: float) -> None:
    data = file(extension)
    with pytest.raises(ImageDecodeError, match='truncated|neither JPEG nor PNG'):
        decode_image(compressed(data[: int(share * len(data))]))


@given(st.binary(max_size=300))
def test_random_bytes_never_crash_the_decoder(noise: bytes) -> None:
    for start, end in ((b'', b''), (b'\xff\xd8\xff', b'\xff\xd9')):
        with pytest.raises(ImageDecodeError):
            decode_image(compressed(start + noise + end))


@given(
    st.builds(
        Image,
        height=st.integers(0, 40),
        width=st.integers(0, 40),
        step=st.integers(0, 200),
        encoding=st.sampled_from([*ENCODINGS, 'nonsense']),
        is_bigendian=st.integers(0, 255),
        data=st.binary(max_size=4000),
    )
)
def test_any_message_decodes_to_its_size_or_is_refused(message: Image) -> None:
    try:
        picture = decode_image(message)
    except ImageDecodeError:
        return
    assert picture.shape == (message.height, message.width, 3)
    assert picture.dtype == np.uint8
