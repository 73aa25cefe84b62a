"""Model folders: a card (JSON), weights (safetensors), ONNX graphs, the goal's pictures (PNG)."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import safetensors.torch

from robo_dopamine_ros.reward.compact.engines import (
    ENGINES,
    SEE,
    Engine,
    OnnxEngine,
    TorchEngine,
    export,
)
from robo_dopamine_ros.reward.compact.model import Card, CompactGRM
from robo_dopamine_ros.reward.compact.network import Network, Shape
from robo_dopamine_ros.types import Views

CARD, WEIGHTS, GOAL = 'model.json', 'weights.safetensors', 'goal'
KIND = 'compact-grm-1'


class ModelError(ValueError):
    """A model folder that cannot be used."""


def save(folder: Path, network: Network, card: Card, goal: Views, notes: Mapping[str, Any]) -> None:
    """Write a model folder; `notes` are kept in the card for people."""
    (folder / GOAL).mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    safetensors.torch.save_file(weights, folder / WEIGHTS)
    export(network, folder)
    for view in card.views:
        picture = np.ascontiguousarray(goal.images[view][..., ::-1])
        cv2.imwrite(str(folder / GOAL / f'{view}.png'), picture)
    facts = {'kind': KIND, **dataclasses.asdict(card), 'notes': dict(notes)}
    (folder / CARD).write_text(json.dumps(facts, indent=2) + '\n')


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


def read_network(folder: Path, shape: Shape) -> Network:
    """Read weights; raises ModelError when they do not fit the card."""
    network = Network(shape)
    try:
        network.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise ModelError(f'{folder / WEIGHTS}: {error}') from error
    return network.eval()


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
        return TorchEngine(read_network(folder, shape))
    if not (folder / SEE).exists():
        raise ModelError(f'{folder / SEE} is missing; use engine "torch" or adapt again')
    try:
        return OnnxEngine(folder, threads)
    except ImportError:
        if engine == 'onnx':
            raise ModelError('engine "onnx" needs the package onnxruntime') from None
        return TorchEngine(read_network(folder, shape))


def load(path: str | Path, engine: str = 'auto', threads: int = 1) -> CompactGRM:
    """Open a model folder as a GRM; raises ModelError naming the file and what is wrong."""
    folder = Path(path)
    card = read_card(folder)
    runner = start_engine(folder, card.shape, engine, threads)
    return CompactGRM(card, runner, read_goal(folder, card.views))
