"""The card of a compact model folder, its `model.json`.

A folder holds the card (JSON), the weights (safetensors), two ONNX graphs and goal images (PNG).
"""

import json
from dataclasses import dataclass
from pathlib import Path

from robo_dopamine_ros.grm.compact.config import CompactShape
from robo_dopamine_ros.grm.protocol import ModelError

CARD_FILE, WEIGHTS_FILE = 'model.json', 'weights.safetensors'
MODEL_KIND = 'compact-grm-1'


@dataclass(frozen=True)
class ModelCard:
    """Contents of the card; the field names are its JSON keys."""

    name: str
    views: tuple[str, ...]
    instruction: str
    shape: CompactShape
    least_familiarity: float = 0.25  # less familiar views give no valid reading, 0..1
    most_grain: float = 0.06  # noisier images give no valid reading [share of full scale]


def read_card(folder: Path) -> ModelCard:
    """Read the card of a model folder; ModelError names the file and what is wrong."""
    try:
        fields = json.loads((folder / CARD_FILE).read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f'{folder} is no model folder: {CARD_FILE}: {error}') from error
    if fields.pop('kind', None) != MODEL_KIND:
        raise ModelError(f'{folder / CARD_FILE} is not of kind {MODEL_KIND!r}')
    fields.pop('notes', None)
    try:
        shape = CompactShape(**fields.pop('shape'))
        return ModelCard(**{**fields, 'views': tuple(fields['views']), 'shape': shape})
    except (TypeError, KeyError, ValueError) as error:
        raise ModelError(f'{folder / CARD_FILE}: {error}') from error
