"""Writing and reading compact model folders; needs torch."""

import dataclasses
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch

from robo_dopamine_ros.grm.compact.config import CompactShape
from robo_dopamine_ros.grm.compact.model_card import (
    CARD_FILE,
    MODEL_KIND,
    WEIGHTS_FILE,
    ModelCard,
    read_card,
)
from robo_dopamine_ros.grm.compact.network import CompactNetwork
from robo_dopamine_ros.grm.compact.torch_engine import export_graphs
from robo_dopamine_ros.grm.goal_images import GOAL_DIR, write_goal_images
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.types import Views


def save_model(
    folder: Path, network: CompactNetwork, card: ModelCard, goal: Views, notes: Mapping[str, Any]
) -> None:
    """Write a model folder; `notes` document the training in the card and are not read back."""
    write_goal_images(folder / GOAL_DIR, goal, card.views)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    safetensors.torch.save_file(weights, folder / WEIGHTS_FILE)
    export_graphs(network, folder)
    fields = {'kind': MODEL_KIND, **dataclasses.asdict(card), 'notes': dict(notes)}
    (folder / CARD_FILE).write_text(json.dumps(fields, indent=2) + '\n')


def reexport_graphs(folder: Path) -> None:
    """Export the graphs of a model folder again; ModelError when its weights do not load."""
    network = read_network(folder, read_card(folder).shape)
    with tempfile.TemporaryDirectory(dir=folder, prefix='.graphs-') as temporary:
        export_graphs(network, Path(temporary))
        for graph in Path(temporary).iterdir():
            os.replace(graph, folder / graph.name)


def read_network(folder: Path, shape: CompactShape) -> CompactNetwork:
    """Read the weights of a model folder; ModelError when they do not fit `shape`."""
    network = CompactNetwork(shape)
    try:
        network.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS_FILE))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise ModelError(f'{folder / WEIGHTS_FILE}: {error}') from error
    return network.eval()
