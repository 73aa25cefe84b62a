"""Where the JPEG or PNG file in a message ends; what cameras leave behind it is no part of it.

Bytes come as arrays (n,) of uint8.
"""

import numpy as np

JPEG_START, PNG_START = b'\xff\xd8', b'\x89PNG\r\n\x1a\n'
START_OF_IMAGE, END_OF_IMAGE = 0xD8, 0xD9
# Bytes that make no marker of the FF before them: in compressed data FF 00 stands for FF, FF D0 ..
# FF D7 divide it, and of several FF the last one counts.
NO_MARKER = np.isin(np.arange(256), [0x00, *range(0xD0, 0xD8), 0xFF])


def kind_of(data: np.ndarray) -> str:
    """Name of the format that the first bytes announce: JPEG, PNG, or '' for another."""
    head = data[: len(PNG_START)].tobytes()
    if head.startswith(JPEG_START):
        return 'JPEG'
    return 'PNG' if head == PNG_START else ''


def end_of(kind: str, data: np.ndarray) -> int:
    """Number of bytes of the complete file at the beginning of `data`; 0 if it is cut off."""
    return _end_of_jpeg(data) if kind == 'JPEG' else _end_of_png(data)


def _end_of_jpeg(data: np.ndarray) -> int:
    """Walks from segment to segment: an embedded thumbnail has an end of its own."""
    marks = np.flatnonzero(data[:-1] == 0xFF)
    marks = marks[~NO_MARKER[data[marks + 1]]]
    at = len(JPEG_START)
    while (index := int(np.searchsorted(marks, at))) < len(marks):
        at = int(marks[index]) + 2
        if data[at - 1] == END_OF_IMAGE:
            return at
        if data[at - 1] == START_OF_IMAGE or at + 2 > len(data):
            return 0  # the next picture begins within this one
        at += int.from_bytes(data[at : at + 2].tobytes(), 'big')
    return 0


def _end_of_png(data: np.ndarray) -> int:
    at = len(PNG_START)
    while at + 12 <= len(data):
        head = data[at : at + 8].tobytes()
        at += int.from_bytes(head[:4], 'big') + 12  # and its length, name and checksum
        if head[4:] == b'IEND':
            return at if at <= len(data) else 0
    return 0
