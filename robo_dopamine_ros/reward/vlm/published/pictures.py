"""From camera pictures to what the vision tower takes, as the published processor does it."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.vlm.published.family import Family

FILES = ('preprocessor_config.json', 'processor_config.json')  # the first that is there counts
LIMITS = (12544, 76800)  # of a picture's area in the authors' script [px]
MOST_OBLONG = 200  # the longer side over the shorter; beyond that the published resizing refuses


@dataclass(frozen=True)
class ImageSettings:
    """How a checkpoint wants its pictures."""

    factor: int  # sides are multiples of it [px]
    mean: tuple[float, ...]  # of R, G, B in 0..1
    std: tuple[float, ...]
    min_pixels: int = LIMITS[0]
    max_pixels: int = LIMITS[1]

    @property
    def official(self) -> bool:
        """Whether the limits of area are those of the authors' script."""
        return (self.min_pixels, self.max_pixels) == LIMITS


def read_images(folder: Path, family: Family) -> ImageSettings:
    """Read them from a checkpoint, in the old or the new spelling; ModelError naming the file."""
    path = next((folder / name for name in FILES if (folder / name).exists()), folder / FILES[0])
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
        facts = facts.get('image_processor', facts)
        size = facts.get('size') or {}
        settings = ImageSettings(
            factor=int(facts['patch_size']) * int(facts['merge_size']),
            mean=tuple(float(part) for part in facts['image_mean']),
            std=tuple(float(part) for part in facts['image_std']),
            min_pixels=int(facts.get('min_pixels') or size.get('shortest_edge') or LIMITS[0]),
            max_pixels=int(facts.get('max_pixels') or size.get('longest_edge') or LIMITS[1]),
        )
    except KeyError as error:
        raise ModelError(f'{path}: no {error}; copy the file again from the checkpoint') from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        cure = 'copy the file again from the checkpoint'
        raise ModelError(f'{path}: {error}; {cure}') from error
    if settings.factor != family.factor:
        wanted = f'{family.name} has {family.factor}'
        raise ModelError(f'{path}: patch_size * merge_size = {settings.factor}; {wanted}')
    return settings


def smart_resize(height: int, width: int, settings: ImageSettings) -> tuple[int, int]:
    """Rows and columns of a picture as the model takes it.

    Multiples of the factor within the limits of area, as near to the picture's aspect as that goes.
    """
    if not 1 <= max(height, width) <= MOST_OBLONG * min(height, width):
        raise ValueError(f'picture of {height} x {width} px; sides may differ {MOST_OBLONG} times')
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
    """A picture (H, W, 3) uint8 RGB, resized and normalised: (3, rows, columns) float32."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f'picture {image.dtype} {image.shape}; it must be uint8 (H, W, 3)')
    rows, columns = smart_resize(image.shape[0], image.shape[1], settings)
    small = Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC)
    shares = (np.asarray(small).transpose(2, 0, 1) * (1 / 255)).astype(np.float32)
    mean, std = (
        np.array(part, np.float32)[:, None, None] for part in (settings.mean, settings.std)
    )
    return (shares - mean) / std
