"""Images decode as in rosbags-image, and inconsistent messages are refused."""

import array

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from robo_dopamine_ros.ros.image_encodings import ENCODINGS, REFUSED_ENCODINGS
from robo_dopamine_ros.ros.images import ImageDecodeError, decode_image

rosbags_image = pytest.importorskip('rosbags.image.image', reason='rosbags-image is not installed')

HEIGHT, WIDTH = 24, 32
SCENE = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def image(encoding: str, padding: int = 0, /, **changes: object) -> Image:
    """A valid message of random pixels, rows padded by so many items, then changed."""
    layout = ENCODINGS[encoding]
    dtype = np.dtype(layout.dtype)
    step = (WIDTH * layout.channels + padding) * dtype.itemsize
    pixels = np.random.default_rng(2).integers(0, 256, step * rows(encoding), np.uint8)
    message = Image(height=HEIGHT, width=WIDTH, encoding=encoding, step=step)
    message.data = array.array('B', pixels.tobytes())
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def rows(encoding: str) -> int:
    """Rows in the data of a picture of HEIGHT; those with the colours of nv12 are further ones."""
    return HEIGHT * 3 // 2 if ENCODINGS[encoding].colour_rows else HEIGHT


def file(extension: str, scene: np.ndarray = SCENE) -> bytes:
    return cv2.imencode(extension, scene[..., ::-1] if scene.ndim == 3 else scene)[1].tobytes()


def compressed(data: bytes) -> CompressedImage:
    return CompressedImage(format='whatever', data=array.array('B', data))


@pytest.mark.parametrize('encoding', sorted(set(ENCODINGS) & set(rosbags_image.ENCODINGMAP)))
def test_every_encoding_decodes_as_the_library_does(encoding: str) -> None:
    message = image(encoding, height=rows(encoding))
    expected = rosbags_image.image_to_cvimage(message, 'rgb8').astype(int)
    picture = decode_image(message)
    assert picture.dtype == np.uint8
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(picture - expected).max() <= (1 if ENCODINGS[encoding].dtype == 'u2' else 0)


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_padding_of_rows_changes_nothing(encoding: str) -> None:
    padded = image(encoding, 8)
    lines = np.frombuffer(padded.data, np.uint8).reshape(rows(encoding), -1)
    row = image(encoding).step
    plain = image(encoding, data=array.array('B', lines[:, :row].tobytes()))
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
    heights = {message.height}
    if ENCODINGS[message.encoding].colour_rows:
        heights.add(message.height * 2 // 3)
    assert picture.shape[0] in heights
    assert picture.shape[1:] == (message.width, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize('encoding', ['nv12', 'nv21'])
def test_colour_rows_may_count_as_height_or_not(encoding: str) -> None:
    shown = decode_image(image(encoding))
    assert shown.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(shown, decode_image(image(encoding, height=rows(encoding))))


def test_the_colours_of_nv12_and_nv21_are_those_of_the_scene() -> None:
    red = np.full((4, 4, 3), (200, 30, 20), np.uint8)
    planes = cv2.cvtColor(red, cv2.COLOR_RGB2YUV_I420)  # Y, then U and V, each as one row
    grey, u, v = planes[:4], planes[4].reshape(-1), planes[5].reshape(-1)
    for encoding, pair in (('nv12', (u, v)), ('nv21', (v, u))):
        data = np.concatenate([grey.reshape(-1), np.stack(pair, -1).reshape(-1)])
        message = Image(height=4, width=4, encoding=encoding, step=4)
        message.data = array.array('B', data.tobytes())
        assert np.abs(decode_image(message).astype(int) - red).max() <= 3


def of_bits(encoding: str, bits: int) -> Image:
    """A message whose values fill `bits` bits."""
    message = image(encoding)
    values = np.frombuffer(message.data, np.uint16) >> (16 - bits)
    values[0] = 2**bits - 1
    message.data = array.array('B', values.tobytes())
    return message


DEEP = [encoding for encoding, layout in ENCODINGS.items() if layout.is_16_bit]


@pytest.mark.parametrize('encoding', DEEP)
@pytest.mark.parametrize('bits', [10, 12, 14])
def test_fewer_bits_than_16_are_never_shown_dark(encoding: str, bits: int) -> None:
    message = of_bits(encoding, bits)
    said = rf'{encoding} whose brightest value is {2**bits - 1} \({bits} of 16 bits\).*bit_depth'
    with pytest.raises(ImageDecodeError, match=said) as caught:
        decode_image(message)
    assert caught.value.kind == 'bit depth'
    shown = decode_image(message, bits)
    assert shown.max() == 255
    whole = decode_image(of_bits(encoding, 16)).astype(int)
    assert np.abs(shown - whole)[2:, 2:].max() <= 1, 'as bright as with 16 bits'
    assert decode_image(message, 16).max() < 255 >> (15 - bits), 'dark where a person says so'


def test_values_above_the_bit_depth_are_named() -> None:
    said = 'mono16 with a value of 16383; 12 bits hold up to 4095: set cameras.bit_depth to 14'
    with pytest.raises(ImageDecodeError, match=said):
        decode_image(of_bits('mono16', 14), 12)


def test_black_is_black_at_any_depth() -> None:
    black = image('mono16', data=array.array('B', bytes(WIDTH * HEIGHT * 2)))
    for bits in (0, 12, 16):
        assert not decode_image(black, bits).any()


def test_a_png_of_16_bits_has_a_bit_depth_too() -> None:
    values = np.frombuffer(of_bits('mono16', 12).data, np.uint16).reshape(HEIGHT, WIDTH)
    message = compressed(file('.png', values))
    with pytest.raises(ImageDecodeError, match='16-bit PNG whose brightest value is 4095'):
        decode_image(message)
    assert np.array_equal(decode_image(message, 12)[..., 0], values >> 4)


LEFT_BEHIND = {
    'zeros': bytes(5000),
    'line ends': b'\r\n' * 32,
    'ones': b'\xff' * 70,
    'stale bytes': bytes(range(256)) * 40,
}


@pytest.mark.parametrize('extension', ['.jpg', '.png'])
@pytest.mark.parametrize('behind', LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_what_follows_the_end_of_a_file_is_ignored(extension: str, behind: bytes) -> None:
    data = file(extension)
    assert np.array_equal(decode_image(compressed(data + behind)), decode_image(compressed(data)))


@pytest.mark.parametrize('extension', ['.jpg', '.png'])
@given(share=st.floats(0.7, 0.95))  # behind the header of a JPEG
def test_a_truncated_file_before_the_next_one_is_refused(extension: str, share: float) -> None:
    data = file(extension)
    with pytest.raises(ImageDecodeError, match='truncated'):
        decode_image(compressed(data[: int(share * len(data))] + bytes(9) + data))


def test_a_thumbnail_within_a_truncated_file_does_not_complete_it() -> None:
    thumbnail = file('.jpg', SCENE[:8, :8])
    segment = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    data = file('.jpg')
    whole = data[:2] + segment + data[2:]
    assert np.array_equal(decode_image(compressed(whole)), decode_image(compressed(data)))
    with pytest.raises(ImageDecodeError, match='truncated JPEG'):
        decode_image(compressed(whole[:-40]))


@pytest.mark.parametrize('encoding', REFUSED_ENCODINGS)
def test_a_refused_encoding_is_refused_with_its_reason(encoding: str) -> None:
    said = f'encoding {encoding}: {REFUSED_ENCODINGS[encoding]}'
    with pytest.raises(ImageDecodeError, match=said):
        decode_image(image('rgb8', encoding=encoding))
    assert encoding not in ENCODINGS
