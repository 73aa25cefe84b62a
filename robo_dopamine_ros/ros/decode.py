"""From image messages to RGB pictures; what cannot be right is refused, by name."""

import sys
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np


class PictureError(ValueError):
    """A message that is no picture; the text says what is wrong and what would be right."""

    def __init__(self, kind: str, detail: str):
        super().__init__(detail)
        self.kind = kind  # which check it failed, to count by


@dataclass(frozen=True)
class Layout:
    """How the pixels of an encoding lie in memory."""

    dtype: str
    channels: int
    to_rgb: int | None  # OpenCV's conversion; None: already RGB
    even: bool = False  # two pixels share their colours, so the width must be even


# OpenCV names a Bayer pattern by its second row and column: RGGB is its BayerBG.
ENCODINGS = {
    'rgb8': Layout('u1', 3, None),
    'bgr8': Layout('u1', 3, cv2.COLOR_BGR2RGB),
    '8UC3': Layout('u1', 3, cv2.COLOR_BGR2RGB),
    'rgba8': Layout('u1', 4, cv2.COLOR_RGBA2RGB),
    'bgra8': Layout('u1', 4, cv2.COLOR_BGRA2RGB),
    'mono8': Layout('u1', 1, cv2.COLOR_GRAY2RGB),
    '8UC1': Layout('u1', 1, cv2.COLOR_GRAY2RGB),
    'mono16': Layout('u2', 1, cv2.COLOR_GRAY2RGB),
    '16UC1': Layout('u2', 1, cv2.COLOR_GRAY2RGB),
    'yuv422': Layout('u1', 2, cv2.COLOR_YUV2RGB_UYVY, even=True),
    'uyvy': Layout('u1', 2, cv2.COLOR_YUV2RGB_UYVY, even=True),
    'yuv422_yuy2': Layout('u1', 2, cv2.COLOR_YUV2RGB_YUY2, even=True),
    'yuyv': Layout('u1', 2, cv2.COLOR_YUV2RGB_YUY2, even=True),
    **{
        f'bayer_{pattern}{bits}': Layout(dtype, 1, code)
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
COMPLETE = {'JPEG': (b'\xff\xd8', b'\xff\xd9'), 'PNG': (b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82')}


def decode(message: Any) -> np.ndarray:
    """Give the (H, W, 3) uint8 RGB picture of an Image or CompressedImage.

    An rgb8 picture shares the message's memory. 16-bit values are scaled to 8. Raises PictureError.
    """
    return decode_file(message.data) if hasattr(message, 'format') else decode_raw(message)


def decode_raw(message: Any) -> np.ndarray:
    """Give the RGB picture of a sensor_msgs/Image; PictureError when its fields disagree."""
    layout = check_layout(message)
    pixels = _pixels(message, layout)
    if layout.to_rgb is not None:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), layout.to_rgb)
    return (pixels >> 8).astype(np.uint8) if layout.dtype == 'u2' else pixels


def decode_file(data: Any) -> np.ndarray:
    """Give the RGB picture of a whole JPEG or PNG file; PictureError for part of one."""
    buffer = np.frombuffer(data, np.uint8)
    head = buffer[:8].tobytes()
    kind = next((name for name, (start, _) in COMPLETE.items() if head.startswith(start)), None)
    if kind is None:
        raise PictureError(
            'file', f'neither JPEG nor PNG: begins with {head.hex(" ") or "nothing"}'
        )
    if not buffer[-64:].tobytes().rstrip(b'\0').endswith(COMPLETE[kind][1]):
        raise PictureError('file', f'truncated {kind} of {buffer.size} bytes')
    try:
        picture = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PictureError('file', f'corrupt {kind}: {error}') from error
    if picture is None:
        raise PictureError('file', f'corrupt {kind} of {buffer.size} bytes')
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def check_layout(message: Any) -> Layout:
    """Give the layout of a sensor_msgs/Image whose fields agree; PictureError otherwise."""
    layout = ENCODINGS.get(message.encoding)
    if layout is None:
        raise PictureError('encoding', f'unknown encoding {message.encoding!r}')
    height, width, step = message.height, message.width, message.step
    if not (height and width):
        raise PictureError('size', f'size {width} x {height}; both must be above 0')
    if layout.even and width % 2:
        raise PictureError('size', f'width {width}; {message.encoding} needs an even one')
    size = np.dtype(layout.dtype).itemsize
    row = width * layout.channels * size
    if step < row or step % size:
        raise PictureError('step', f'step {step}; {message.encoding} {width} wide needs {row}')
    if (length := len(message.data)) != (due := step * height):
        raise PictureError('length', f'{length} bytes; step {step} x height {height} is {due}')
    if size > 1 and bool(message.is_bigendian) != (sys.byteorder == 'big'):
        raise PictureError('byte order', f'{message.encoding} in the byte order of another machine')
    return layout


def _pixels(message: Any, layout: Layout) -> np.ndarray:
    """View a message's pixels as (H, W[, C]) without the padding of its rows."""
    flat = np.frombuffer(message.data, layout.dtype)
    used = flat.reshape(message.height, -1)[:, : message.width * layout.channels]
    return used if layout.channels == 1 else used.reshape(message.height, message.width, -1)
