"""Image messages to RGB arrays and back; inconsistent messages are refused with the reason."""

import array
import sys
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from robo_dopamine.msg import View
from sensor_msgs.msg import Image

from robo_dopamine_ros.ros import image_files
from robo_dopamine_ros.ros.convert import from_time, to_time
from robo_dopamine_ros.ros.image_encodings import ENCODINGS, PixelLayout, refusal
from robo_dopamine_ros.types import Views

MIN_USED_BITS = 15  # a 16-bit camera uses as many in all but a dark picture


class ImageDecodeError(ValueError):
    """An image message that cannot be decoded; the text names the wrong and the expected value."""

    def __init__(self, kind: str, detail: str):
        super().__init__(detail)
        self.kind = kind  # name of the check that failed, for counting


def decode_image(message: Any, bit_depth: int = 0) -> np.ndarray:
    """Decode an Image or CompressedImage to (H, W, 3) uint8 RGB.

    An rgb8 image shares the memory of the message. 16-bit values are scaled to 8 bits, as values of
    `bit_depth` bits, 9 to 16; with 0 they have 16, and a picture that uses fewer than 15 of them is
    refused, because it may be one of 10, 12 or 14. Raises ImageDecodeError.
    """
    if hasattr(message, 'format'):
        return decode_file(message.data, bit_depth)
    return decode_raw(message, bit_depth)


def decode_raw(message: Any, bit_depth: int = 0) -> np.ndarray:
    """Decode a sensor_msgs/Image to RGB; ImageDecodeError when its fields disagree."""
    layout = check_layout(message)
    pixels = _pixels(message, layout)
    if layout.is_16_bit:
        check_bit_depth(pixels, bit_depth, message.encoding)
    if layout.to_rgb is not None:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), layout.to_rgb)
    return _to_8_bit(pixels, bit_depth)


def decode_file(data: Any, bit_depth: int = 0) -> np.ndarray:
    """Decode a complete JPEG or PNG file to RGB, without regard to what follows its end.

    ImageDecodeError for a truncated one.
    """
    buffer = np.frombuffer(data, np.uint8)
    kind = image_files.kind_of(buffer)
    if not kind:
        head = buffer[:8].tobytes().hex(' ')
        raise ImageDecodeError('file', f'neither JPEG nor PNG: begins with {head or "nothing"}')
    end = image_files.end_of(kind, buffer)
    if not end:
        raise ImageDecodeError('file', f'truncated {kind} of {buffer.size} bytes')
    try:
        image = cv2.imdecode(buffer[:end], cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise ImageDecodeError('file', f'corrupt {kind}: {error}') from error
    if image is None:
        raise ImageDecodeError('file', f'corrupt {kind} of {buffer.size} bytes')
    if image.dtype == np.uint16:
        check_bit_depth(image, bit_depth, f'16-bit {kind}')
    return _to_8_bit(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), bit_depth)


def check_bit_depth(pixels: np.ndarray, bit_depth: int, name: str) -> None:
    """ImageDecodeError for 16-bit values that do not fit the bit depth, or that leave it open."""
    brightest = int(pixels.max())
    used = brightest.bit_length()
    if bit_depth and used > bit_depth:
        raise ImageDecodeError(
            'bit depth',
            f'{name} with a value of {brightest}; {bit_depth} bits hold up to '
            f'{2**bit_depth - 1}: set cameras.bit_depth to {used} or more',
        )
    if not bit_depth and 0 < used < MIN_USED_BITS:
        raise ImageDecodeError(
            'bit depth',
            f'{name} whose brightest value is {brightest} ({used} of 16 bits): a '
            'camera of 10, 12 or 14 bits, or a dark picture; set cameras.bit_depth to the bits of '
            'the camera, 16 if it has them all',
        )


def check_layout(message: Any) -> PixelLayout:
    """The layout of a sensor_msgs/Image whose fields agree; ImageDecodeError otherwise."""
    encoding, layout = message.encoding, ENCODINGS.get(message.encoding)
    if layout is None:
        raise ImageDecodeError('encoding', refusal(encoding))
    height, width, step = message.height, message.width, message.step
    if not (height and width):
        raise ImageDecodeError('size', f'size {width} x {height}; both must be above 0')
    if layout.even_width and width % 2:
        raise ImageDecodeError('size', f'width {width}; {encoding} needs an even one')
    size = np.dtype(layout.dtype).itemsize
    row = width * layout.channels * size
    if step < row or step % size:
        raise ImageDecodeError('step', f'step {step}; {encoding} {width} wide needs {row}')
    length, due = len(message.data), step * height
    if layout.colour_rows:
        _check_colour_rows(encoding, height, step, length)
    elif length != due:
        raise ImageDecodeError('length', f'{length} bytes; step {step} x height {height} is {due}')
    if size > 1 and bool(message.is_bigendian) != (sys.byteorder == 'big'):
        raise ImageDecodeError('byte order', f'{encoding} in the byte order of another machine')
    return layout


def _check_colour_rows(encoding: str, height: int, step: int, length: int) -> None:
    """Some publishers count the rows of colour samples as height, and others only the picture's."""
    due = step * height * 3 // 2
    if length not in (due, step * height):
        raise ImageDecodeError(
            'length', f'{length} bytes; step {step} x height {height} x 1.5 is {due} for {encoding}'
        )
    if (rows := length // step) % 3:
        raise ImageDecodeError(
            'size', f'{encoding} of {rows} rows; two thirds must be an even height'
        )


def _pixels(message: Any, layout: PixelLayout) -> np.ndarray:
    """The pixels of a message as (rows, W[, C]) without row padding; shares its memory."""
    flat = np.frombuffer(message.data, layout.dtype)
    items_per_row = message.step // flat.itemsize
    used = flat.reshape(-1, items_per_row)[:, : message.width * layout.channels]
    return used if layout.channels == 1 else used.reshape(len(used), message.width, -1)


def _to_8_bit(pixels: np.ndarray, bit_depth: int) -> np.ndarray:
    return pixels if pixels.itemsize == 1 else (pixels >> (bit_depth or 16) - 8).astype(np.uint8)


def views_from_msgs(messages: Sequence[View], bit_depth: int = 0) -> Views | None:
    """Views of View messages, None of an empty list; ImageDecodeError names the failing view."""
    images = {}
    for message in messages:
        try:
            images[message.name] = decode_image(message.image, bit_depth)
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
