"""Writing a model folder, and reading its weights back; both need torch."""

import dataclasses
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch

from robo_dopamine_ros.reward.compact.card import CARD, KIND, WEIGHTS, read_card
from robo_dopamine_ros.reward.compact.model import Card
from robo_dopamine_ros.reward.compact.network import Network
from robo_dopamine_ros.reward.compact.shape import Shape
from robo_dopamine_ros.reward.compact.torch_engine import export
from robo_dopamine_ros.reward.goal import GOAL, write_goal
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.types import Views


def save(folder: Path, network: Network, card: Card, goal: Views, notes: Mapping[str, Any]) -> None:
    """Write a model folder; `notes` are kept in the card for people."""
    write_goal(folder / GOAL, goal, card.views)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    safetensors.torch.save_file(weights, folder / WEIGHTS)
    export(network, folder)
    facts = {'kind': KIND, **dataclasses.asdict(card), 'notes': dict(notes)}
    (folder / CARD).write_text(json.dumps(facts, indent=2) + '\n')


def export_again(folder: Path) -> None:
    """Write the graphs of a model folder anew; ModelError when it has no sound weights."""
    network = read_network(folder, read_card(folder).shape)
    with tempfile.TemporaryDirectory(dir=folder, prefix='.graphs-') as place:
        export(network, Path(place))
        for graph in Path(place).iterdir():
            os.replace(graph, folder / graph.name)


def read_network(folder: Path, shape: Shape) -> Network:
    """Read weights; raises ModelError when they do not fit the card."""
    network = Network(shape)
    try:
        network.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise ModelError(f'{folder / WEIGHTS}: {error}') from error
    return network.eval()
