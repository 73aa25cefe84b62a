"""Corruptions that make out-of-distribution inputs for evaluation; none is used in training.

Each corrupts all views of a set and draws from the given generator only.
"""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from robo_dopamine_ros.types import Views

ImageCorruption = Callable[
    [np.ndarray, np.random.Generator], np.ndarray
]  # (H, W, 3) uint8 -> the same


def white_noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uniform random pixels, as from a decoder that lost its stream."""
    return rng.integers(0, 256, image.shape, np.uint8)


def heavy_noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of 0.3 of full scale on the image, as from a sensor in the dark."""
    return _bytes(image + rng.normal(0.0, 0.3 * 255.0, image.shape))


def vertical_flip(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A camera mounted upside down and mirrored."""
    return np.ascontiguousarray(image[::-1])


def horizontal_flip(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A driver that mirrors its images."""
    return np.ascontiguousarray(image[:, ::-1])


def quarter_turn(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A camera mounted on its side, resized to the usual image size."""
    height, width = image.shape[:2]
    turned = np.ascontiguousarray(np.rot90(image, 1 if rng.random() < 0.5 else 3))
    return cv2.resize(turned, (width, height), interpolation=cv2.INTER_AREA)


def colour_inversion(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A negative image."""
    return 255 - image


def blurred_behind_tape(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Strong blur, with a grey strip of tape over 40 to 60 percent of the width."""
    height, width = image.shape[:2]
    blurred = cv2.GaussianBlur(image, (0, 0), 0.06 * width)
    wide = int(width * rng.uniform(0.4, 0.6))
    left = int(rng.integers(0, width - wide + 1))
    blurred[:, left : left + wide] = int(rng.integers(60, 200))
    return blurred


def torn(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A broken transfer: pink noise in the lower half, rows shifted at random in the upper."""
    height, width = image.shape[:2]
    half = height // 2
    slip = rng.integers(-width // 3, width // 3 + 1, half)
    columns = (np.arange(width)[None] + slip[:, None]) % width
    return np.concatenate(
        [image[np.arange(half)[:, None], columns], _pink((height - half, width), rng)]
    )


def _pink(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise whose amplitude falls with frequency, (H, W, 3) uint8, full range."""
    height, width = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    falling = 1.0 / np.maximum(frequency, 1.0 / max(size))
    spectrum = np.fft.rfft2(rng.normal(size=(3, height, width))) * falling
    noise = np.fft.irfft2(spectrum, size).transpose(1, 2, 0)
    return _bytes(128.0 + 50.0 * (noise - noise.mean()) / noise.std())


def _bytes(values: np.ndarray) -> np.ndarray:
    levels: np.ndarray = np.clip(np.rint(values), 0, 255)
    return levels.astype(np.uint8)


def sensor_noise(views: Views, sigma: float, rng: np.random.Generator) -> Views:
    """The same views with Gaussian noise of `sigma` grey levels; this is no corruption."""
    return _corrupt_views(
        views, lambda image, rng: _bytes(image + rng.normal(0.0, sigma, image.shape)), rng
    )


def _corrupt_views(views: Views, corruption: ImageCorruption, rng: np.random.Generator) -> Views:
    return replace(views, images={name: corruption(i, rng) for name, i in views.images.items()})


def _family(corruption: ImageCorruption) -> Callable[[Views, np.random.Generator], Views]:
    return lambda views, rng: _corrupt_views(views, corruption, rng)


OOD_CORRUPTIONS: dict[str, Callable[[Views, np.random.Generator], Views]] = {
    corruption.__name__: _family(corruption)
    for corruption in (
        white_noise,
        heavy_noise,
        vertical_flip,
        horizontal_flip,
        quarter_turn,
        colour_inversion,
        blurred_behind_tape,
        torn,
    )
}
