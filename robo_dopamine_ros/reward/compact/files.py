"""Model folders: a card (JSON), weights (safetensors), ONNX graphs, the goal's pictures (PNG).

Opening one imports torch only where torch is the engine: without it a process starts in a second
less and stays 180 MB smaller.
"""

import json
from pathlib import Path

import cv2
import numpy as np

from robo_dopamine_ros.reward.compact.engines import ENGINES, SEE, Engine, OnnxEngine
from robo_dopamine_ros.reward.compact.model import Card, CompactGRM
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


def start_engine(folder: Path, shape: Shape, engine: str, threads: int) -> Engine:
    """Choose what runs the network; 'auto' takes ONNX Runtime where it is installed."""
    if engine not in ENGINES:
        raise ModelError(f'engine {engine!r} is unknown; it is one of {", ".join(ENGINES)}')
    if engine == 'torch':
        return _start_torch(folder, shape)
    if not (folder / SEE).exists():
        raise ModelError(f'{folder / SEE} is missing; use engine "torch" or adapt again')
    try:
        return OnnxEngine(folder, threads)
    except ImportError:
        if engine == 'onnx':
            raise ModelError('engine "onnx" needs the package onnxruntime') from None
        return _start_torch(folder, shape)


def _start_torch(folder: Path, shape: Shape) -> Engine:
    from robo_dopamine_ros.reward.compact.torch_engine import TorchEngine
    from robo_dopamine_ros.reward.compact.weights import read_network

    return TorchEngine(read_network(folder, shape))


def load(path: str | Path, engine: str = 'auto', threads: int = 1) -> CompactGRM:
    """Open a model folder as a GRM; raises ModelError naming the file and what is wrong."""
    folder = Path(path)
    card = read_card(folder)
    runner = start_engine(folder, card.shape, engine, threads)
    return CompactGRM(card, runner, read_goal(folder, card.views))
