"""Composes pictures of an episode into one strip along time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

PAPER = 255  # brightness of what lies between the pictures


@dataclass(frozen=True)
class Shot:
    """The pictures of one moment."""

    time: float  # [s] since the episode began
    images: Mapping[str, np.ndarray]  # view name -> (H, W, 3) uint8 RGB


def moments(duration: float, count: int) -> np.ndarray:
    """The middles of `count` equal slots of an episode [s]."""
    return (np.arange(count) + 0.5) * duration / count


def nearest(shots: Sequence[Shot], times: np.ndarray) -> list[Shot]:
    """Pick the shot closest to each time."""
    stamps = np.array([shot.time for shot in shots])
    return [shots[int(np.abs(stamps - time).argmin())] for time in times]


def strip(
    shots: Sequence[Shot], views: Sequence[str], size: tuple[int, int], gap: int
) -> np.ndarray:
    """Lay shots side by side, one row per view, as one picture.

    Each picture is (W, H) = `size` [px] with `gap` [px] between; a missing one stays pale grey.
    """
    width, height = size
    columns, rows = len(shots), len(views)
    shape = (rows * height + (rows - 1) * gap, columns * width + (columns - 1) * gap, 3)
    sheet = np.full(shape, PAPER, np.uint8)
    for row, view in enumerate(views):
        for column, shot in enumerate(shots):
            y, x = row * (height + gap), column * (width + gap)
            cell = sheet[y : y + height, x : x + width]
            image = shot.images.get(view)
            cell[:] = 238 if image is None else filled(image, size)
    return sheet


def filled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale and crop a picture about its middle so that it fills (W, H)."""
    width, height = size
    scale = max(width / image.shape[1], height / image.shape[0])
    scaled_size = (
        max(width, round(image.shape[1] * scale)),
        max(height, round(image.shape[0] * scale)),
    )
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(image, scaled_size, interpolation=method)
    y, x = (scaled_size[1] - height) // 2, (scaled_size[0] - width) // 2
    return scaled[y : y + height, x : x + width]
