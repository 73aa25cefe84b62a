"""From camera pictures to what the network takes, and whether a sensor went bad on the way."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from robo_dopamine_ros.types import Views


def shrink(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB to (3, height, width) float32 in 0..1; area average."""
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return small.transpose(2, 0, 1).astype(np.float32) / 255


def stack(
    views: Views, names: Sequence[str], width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (V, 3, height, width) and present (V,); a missing view is black and 0."""
    pictures = np.zeros((len(names), 3, height, width), np.float32)
    present = np.zeros(len(names), np.float32)
    for index, name in enumerate(names):
        image = views.images.get(name)
        if image is not None:
            pictures[index], present[index] = shrink(image, width, height), 1.0
    return pictures, present


def grain(image: np.ndarray) -> float:
    """Pixel noise of a picture, in parts of full scale.

    Mean absolute mixed difference of neighbouring pixels on a sparse grid, scaled so that Gaussian
    noise of standard deviation s reads s (after Immerkaer 1996). Shrinking hides such noise from
    the network, so it is judged here, at the camera's own size.
    """
    rows = image[::8, :, 1].astype(np.int16)
    below = image[1::8, :, 1].astype(np.int16)[: len(rows)]
    across = np.diff(rows[: len(below)], axis=1) - np.diff(below, axis=1)
    return float(np.abs(across).mean()) * 0.6267 / 255


def worst_grain(images: Mapping[str, np.ndarray], names: Sequence[str]) -> float:
    """The most pixel noise in any of the named views; 0 without any."""
    return max((grain(images[name]) for name in names if name in images), default=0.0)
