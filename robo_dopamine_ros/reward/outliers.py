"""Broken inputs that only evaluation uses: no model here is ever trained on these families.

Each breaks all views of a set at once and is repeatable by its generator.
"""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from robo_dopamine_ros.types import Views

Breaker = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # (H, W, 3) uint8 -> the same


def white_noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every pixel at random: a decoder that lost its stream."""
    return rng.integers(0, 256, image.shape, np.uint8)


def heavy_noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of 0.3 of the range over the right picture: a sensor in the dark."""
    return _bytes(image + rng.normal(0.0, 0.3 * 255.0, image.shape))


def vertical_flip(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A camera mounted upside down and mirrored."""
    return np.ascontiguousarray(image[::-1])


def horizontal_flip(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A driver that mirrors its pictures."""
    return np.ascontiguousarray(image[:, ::-1])


def quarter_turn(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A camera mounted on its side, in the usual picture size."""
    height, width = image.shape[:2]
    turned = np.ascontiguousarray(np.rot90(image, 1 if rng.random() < 0.5 else 3))
    return cv2.resize(turned, (width, height), interpolation=cv2.INTER_AREA)


def colour_inversion(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A negative."""
    return 255 - image


def blurred_behind_tape(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Far out of focus, with a grey strip of tape over 40 to 60 percent of the width."""
    height, width = image.shape[:2]
    blurred = cv2.GaussianBlur(image, (0, 0), 0.06 * width)
    wide = int(width * rng.uniform(0.4, 0.6))
    left = int(rng.integers(0, width - wide + 1))
    blurred[:, left : left + wide] = int(rng.integers(60, 200))
    return blurred


def torn(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A broken transfer: the lower half is pink noise, the upper half slips line by line."""
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
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def sensor_noise(views: Views, sigma: float, rng: np.random.Generator) -> Views:
    """The same scene taken again: gaussian noise of `sigma` grey levels, nothing broken."""
    return _every(
        views, lambda image, rng: _bytes(image + rng.normal(0.0, sigma, image.shape)), rng
    )


def _every(views: Views, breaker: Breaker, rng: np.random.Generator) -> Views:
    return replace(views, images={name: breaker(i, rng) for name, i in views.images.items()})


def _family(breaker: Breaker) -> Callable[[Views, np.random.Generator], Views]:
    return lambda views, rng: _every(views, breaker, rng)


OUTLIERS: dict[str, Callable[[Views, np.random.Generator], Views]] = {
    breaker.__name__: _family(breaker)
    for breaker in (
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
