"""Film strip: images of an episode side by side along time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

BACKGROUND, MISSING = 255, 238  # grey levels between images, and of a missing image


@dataclass(frozen=True)
class FilmstripFrame:
    """Images of all views at one time."""

    time: float  # [s] since the episode began
    images: Mapping[str, np.ndarray]  # view name -> (H, W, 3) uint8 RGB


def slot_centers(duration: float, count: int) -> np.ndarray:
    """Centers of `count` equal slots of an episode of `duration` [s], (count,) [s]."""
    return (np.arange(count) + 0.5) * duration / count


def nearest_frames(frames: Sequence[FilmstripFrame], times: np.ndarray) -> list[FilmstripFrame]:
    """Frame nearest to each of the times [s]."""
    stamps = np.array([frame.time for frame in frames])
    return [frames[int(np.abs(stamps - time).argmin())] for time in times]


def compose(
    frames: Sequence[FilmstripFrame], views: Sequence[str], size: tuple[int, int], gap: int
) -> np.ndarray:
    """Draw frames side by side, one row per view, as one uint8 RGB image.

    Each image is (W, H) = `size` [px] with `gap` [px] between.
    """
    width, height = size
    columns, rows = len(frames), len(views)
    shape = (rows * height + (rows - 1) * gap, columns * width + (columns - 1) * gap, 3)
    sheet = np.full(shape, BACKGROUND, np.uint8)
    for row, view in enumerate(views):
        for column, frame in enumerate(frames):
            y, x = row * (height + gap), column * (width + gap)
            cell = sheet[y : y + height, x : x + width]
            image = frame.images.get(view)
            cell[:] = MISSING if image is None else crop_to_fill(image, size)
    return sheet


def crop_to_fill(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale an image and crop it about its center to fill (W, H)."""
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
