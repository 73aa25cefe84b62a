"""A model folder: a card (JSON), weights (safetensors), ONNX graphs, the goal's pictures (PNG)."""

import json
from pathlib import Path

from robo_dopamine_ros.reward.compact.model import Card
from robo_dopamine_ros.reward.compact.shape import Shape
from robo_dopamine_ros.reward.grm import ModelError

CARD, WEIGHTS = 'model.json', 'weights.safetensors'
KIND = 'compact-grm-1'


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
