"""Image messages to RGB arrays and back; inconsistent messages are refused with the reason."""

import array
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from robo_dopamine.msg import View
from sensor_msgs.msg import Image

from robo_dopamine_ros.ros.convert import from_time, to_time
from robo_dopamine_ros.types import Views


class ImageDecodeError(ValueError):
    """An image message that cannot be decoded; the text names the wrong and the expected value."""

    def __init__(self, kind: str, detail: str):
        super().__init__(detail)
        self.kind = kind  # name of the check that failed, for counting


@dataclass(frozen=True)
class PixelLayout:
    """Memory layout of the pixels of an encoding."""

    dtype: str
    channels: int
    to_rgb: int | None  # OpenCV's conversion; None: already RGB
    even_width: bool = False  # two pixels share their colour samples, so the width is even


# OpenCV names a Bayer pattern by its second row and column: RGGB is its BayerBG.
ENCODINGS = {
    'rgb8': PixelLayout('u1', 3, None),
    'bgr8': PixelLayout('u1', 3, cv2.COLOR_BGR2RGB),
    '8UC3': PixelLayout('u1', 3, cv2.COLOR_BGR2RGB),
    'rgba8': PixelLayout('u1', 4, cv2.COLOR_RGBA2RGB),
    'bgra8': PixelLayout('u1', 4, cv2.COLOR_BGRA2RGB),
    'mono8': PixelLayout('u1', 1, cv2.COLOR_GRAY2RGB),
    '8UC1': PixelLayout('u1', 1, cv2.COLOR_GRAY2RGB),
    'mono16': PixelLayout('u2', 1, cv2.COLOR_GRAY2RGB),
    '16UC1': PixelLayout('u2', 1, cv2.COLOR_GRAY2RGB),
    'yuv422': PixelLayout('u1', 2, cv2.COLOR_YUV2RGB_UYVY, even_width=True),
    'uyvy': PixelLayout('u1', 2, cv2.COLOR_YUV2RGB_UYVY, even_width=True),
    'yuv422_yuy2': PixelLayout('u1', 2, cv2.COLOR_YUV2RGB_YUY2, even_width=True),
    'yuyv': PixelLayout('u1', 2, cv2.COLOR_YUV2RGB_YUY2, even_width=True),
    **{
        f'bayer_{pattern}{bits}': PixelLayout(dtype, 1, code)
        for bits, dtype in ((8, 'u1'), (16, 'u2'))
        for pattern, code in (
            ('rggb', cv2.COLOR_BayerBG2RGB),
            ('bggr', cv2.COLOR_BayerRG2RGB),
            ('gbrg', cv2.COLOR_BayerGR2RGB),
            ('grbg', cv2.COLOR_BayerGB2RGB),
        )
    },
}

# first and last bytes of a complete file; cameras may pad the end with zeros
FILE_MARKERS = {
    'JPEG': (b'\xff\xd8', b'\xff\xd9'),
    'PNG': (b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82'),
}


def decode_image(message: Any) -> np.ndarray:
    """Decode an Image or CompressedImage to (H, W, 3) uint8 RGB.

    An rgb8 image shares the memory of the message. 16-bit values are scaled to 8 bits. Raises
    ImageDecodeError.
    """
    return decode_file(message.data) if hasattr(message, 'format') else decode_raw(message)


def decode_raw(message: Any) -> np.ndarray:
    """Decode a sensor_msgs/Image to RGB; ImageDecodeError when its fields disagree."""
    layout = check_layout(message)
    pixels = _pixels(message, layout)
    if layout.to_rgb is not None:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), layout.to_rgb)
    return (pixels >> 8).astype(np.uint8) if layout.dtype == 'u2' else pixels


def decode_file(data: Any) -> np.ndarray:
    """Decode a complete JPEG or PNG file to RGB; ImageDecodeError for a truncated one."""
    buffer = np.frombuffer(data, np.uint8)
    head = buffer[:8].tobytes()
    kind = next((name for name, (start, _) in FILE_MARKERS.items() if head.startswith(start)), None)
    if kind is None:
        raise ImageDecodeError(
            'file', f'neither JPEG nor PNG: begins with {head.hex(" ") or "nothing"}'
        )
    if not buffer[-64:].tobytes().rstrip(b'\0').endswith(FILE_MARKERS[kind][1]):
        raise ImageDecodeError('file', f'truncated {kind} of {buffer.size} bytes')
    try:
        image = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageDecodeError('file', f'corrupt {kind}: {error}') from error
    if image is None:
        raise ImageDecodeError('file', f'corrupt {kind} of {buffer.size} bytes')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def check_layout(message: Any) -> PixelLayout:
    """The layout of a sensor_msgs/Image whose fields agree; ImageDecodeError otherwise."""
    layout = ENCODINGS.get(message.encoding)
    if layout is None:
        raise ImageDecodeError('encoding', f'unknown encoding {message.encoding!r}')
    height, width, step = message.height, message.width, message.step
    if not (height and width):
        raise ImageDecodeError('size', f'size {width} x {height}; both must be above 0')
    if layout.even_width and width % 2:
        raise ImageDecodeError('size', f'width {width}; {message.encoding} needs an even one')
    size = np.dtype(layout.dtype).itemsize
    row = width * layout.channels * size
    if step < row or step % size:
        raise ImageDecodeError('step', f'step {step}; {message.encoding} {width} wide needs {row}')
    if (length := len(message.data)) != (due := step * height):
        raise ImageDecodeError('length', f'{length} bytes; step {step} x height {height} is {due}')
    if size > 1 and bool(message.is_bigendian) != (sys.byteorder == 'big'):
        raise ImageDecodeError(
            'byte order', f'{message.encoding} in the byte order of another machine'
        )
    return layout


def _pixels(message: Any, layout: PixelLayout) -> np.ndarray:
    """The pixels of a message as (H, W[, C]) without row padding; shares its memory."""
    flat = np.frombuffer(message.data, layout.dtype)
    used = flat.reshape(message.height, -1)[:, : message.width * layout.channels]
    return used if layout.channels == 1 else used.reshape(message.height, message.width, -1)


def views_from_msgs(messages: Sequence[View]) -> Views | None:
    """Views of View messages, None of an empty list; ImageDecodeError names the failing view."""
    images = {}
    for message in messages:
        try:
            images[message.name] = decode_image(message.image)
        except ImageDecodeError as error:
            raise ImageDecodeError(error.kind, f'view {message.name}: {error}') from error
    stamps = {message.name: from_time(message.image.header.stamp) for message in messages}
    return Views(images, stamps) if images else None


def image_to_msg(image: np.ndarray, stamp: int, frame: str = '') -> Image:
    """Encode an image (H, W, 3) uint8 RGB with stamp [ns] as rgb8; ValueError for other arrays."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'image = {image.dtype} {image.shape}; it must be uint8 (H, W, 3)')
    height, width, _ = image.shape
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    message.data = array.array('B', image.tobytes())  # any other type is checked byte by byte
    message.header.stamp = to_time(stamp)
    message.header.frame_id = frame
    return message
