"""A model folder: a card (JSON), weights (safetensors), ONNX graphs, the goal's pictures (PNG)."""

import json
from pathlib import Path

import cv2
import numpy as np

from robo_dopamine_ros.reward.compact.model import Card
from robo_dopamine_ros.reward.compact.shape import Shape
from robo_dopamine_ros.types import Views

CARD, WEIGHTS, GOAL = 'model.json', 'weights.safetensors', 'goal'
KIND = 'compact-grm-1'


class ModelError(ValueError):
    """A model folder that cannot be used."""


def read_card(folder: Path) -> Card:
    """Read what a model says about itself; raises ModelError naming what is wrong."""
    try:
        facts = json.loads((folder / CARD).read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f'{folder} is no model folder: {CARD}: {error}') from error
    if facts.pop('kind', None) != KIND:
        raise ModelError(f'{folder / CARD} is not of kind {KIND!r}')
    facts.pop('notes', None)
    try:
        shape = Shape(**facts.pop('shape'))
        return Card(**{**facts, 'views': tuple(facts['views']), 'shape': shape})
    except (TypeError, KeyError, ValueError) as error:
        raise ModelError(f'{folder / CARD}: {error}') from error


def read_goal(folder: Path, views: tuple[str, ...]) -> Views:
    """Read the pictures of the finished task."""
    images = {}
    for view in views:
        picture = cv2.imread(str(folder / GOAL / f'{view}.png'), cv2.IMREAD_COLOR)
        if picture is None:
            raise ModelError(f'{folder / GOAL / (view + ".png")} is missing or no picture')
        images[view] = np.ascontiguousarray(picture[..., ::-1])
    return Views(images, dict.fromkeys(views, 0))
