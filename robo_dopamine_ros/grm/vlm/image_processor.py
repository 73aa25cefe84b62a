"""Resizes and normalises camera images as the published image processor does."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.published.family import ModelFamily

SETTINGS_FILES = ('preprocessor_config.json', 'processor_config.json')  # the first one found
AREA_LIMITS = (12544, 76800)  # least and largest image area in the authors' script [px]
MAX_ASPECT = 200  # longer over shorter side, as in the published processor


@dataclass(frozen=True)
class ImageSettings:
    """Image preprocessing of a checkpoint."""

    factor: int  # image sides are multiples of it [px]
    mean: tuple[float, ...]  # of R, G, B in 0..1
    std: tuple[float, ...]
    min_pixels: int = AREA_LIMITS[0]
    max_pixels: int = AREA_LIMITS[1]

    @property
    def official(self) -> bool:
        """Whether the area limits are those of the authors' script."""
        return (self.min_pixels, self.max_pixels) == AREA_LIMITS


def read_image_settings(folder: Path, family: ModelFamily) -> ImageSettings:
    """Read the settings of a checkpoint, in either format; ModelError names the file."""
    path = next(
        (folder / name for name in SETTINGS_FILES if (folder / name).exists()),
        folder / SETTINGS_FILES[0],
    )
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
        config = config.get('image_processor', config)
        size = config.get('size') or {}
        settings = ImageSettings(
            factor=int(config['patch_size']) * int(config['merge_size']),
            mean=tuple(float(part) for part in config['image_mean']),
            std=tuple(float(part) for part in config['image_std']),
            min_pixels=int(config.get('min_pixels') or size.get('shortest_edge') or AREA_LIMITS[0]),
            max_pixels=int(config.get('max_pixels') or size.get('longest_edge') or AREA_LIMITS[1]),
        )
    except KeyError as error:
        raise ModelError(f'{path}: no {error}; copy the file again from the checkpoint') from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        remedy = 'copy the file again from the checkpoint'
        raise ModelError(f'{path}: {error}; {remedy}') from error
    if settings.factor != family.factor:
        expected = f'{family.name} has {family.factor}'
        raise ModelError(f'{path}: patch_size * merge_size = {settings.factor}; {expected}')
    return settings


def smart_resize(height: int, width: int, settings: ImageSettings) -> tuple[int, int]:
    """Rows and columns to which an image is resized for the model.

    Multiples of the factor within the area limits, as near to the aspect ratio as possible. Raises
    ValueError for an aspect ratio beyond MAX_ASPECT.
    """
    if not 1 <= max(height, width) <= MAX_ASPECT * min(height, width):
        raise ValueError(f'picture of {height} x {width} px; sides may differ {MAX_ASPECT} times')
    factor, sides = settings.factor, (height, width)
    rows, columns = (round(side / factor) * factor for side in sides)
    if rows * columns > settings.max_pixels:
        shrink = math.sqrt(height * width / settings.max_pixels)
        rows, columns = (max(1, math.floor(side / shrink / factor)) * factor for side in sides)
    elif rows * columns < settings.min_pixels:
        grow = math.sqrt(settings.min_pixels / (height * width))
        rows, columns = (math.ceil(side * grow / factor) * factor for side in sides)
    return rows, columns


def to_pixels(image: np.ndarray, settings: ImageSettings) -> np.ndarray:
    """Resize and normalise an image (H, W, 3) uint8 RGB to (3, rows, columns) float32."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f'picture {image.dtype} {image.shape}; it must be uint8 (H, W, 3)')
    rows, columns = smart_resize(image.shape[0], image.shape[1], settings)
    small = Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC)
    values = (np.asarray(small).transpose(2, 0, 1) * (1 / 255)).astype(np.float32)
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (settings.mean, settings.std))
    return (values - mean) / std
