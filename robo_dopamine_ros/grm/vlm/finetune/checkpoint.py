"""State of an interruptible LoRA training: settings, losses, adapter, optimizer, random numbers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robo_dopamine_ros import checkpoint
from robo_dopamine_ros.grm.protocol import ModelError


@dataclass
class LoraTrainState:
    """Progress of a training; it can be resumed with the same `settings` only."""

    path: Path
    settings: dict[str, Any]
    losses: list[float] = field(default_factory=list)  # of every update
    metadata: dict[str, Any] = field(default_factory=dict)  # any other JSON values
    tensors: dict[str, Tensor] = field(default_factory=dict)  # of the last save; empty: none yet

    @classmethod
    def open(cls, path: Path, settings: dict[str, Any]) -> 'LoraTrainState':
        """Load the state of a file, or start a new one if there is none.

        Raises ModelError for a damaged file, and ValueError naming the settings that differ.
        """
        if not path.exists():
            return cls(path, settings)
        try:
            saved = checkpoint.load(path)
        except checkpoint.CheckpointError as error:
            why = error.__cause__ or error
            raise ModelError(f'{path}: damaged: {why}; delete its folder to begin anew') from error
        here = json.loads(json.dumps(settings))
        changes = [
            f'{key} was {before} and is {now}'
            for key, before, now in checkpoint.differences(saved.configuration, here)
        ]
        if changes:
            raise ValueError(
                f'{path.parent.parent} is an unfinished training with other settings: '
                f'{"; ".join(changes)}; go on with those or give a new folder'
            )
        return cls(path, settings, tensors=saved.tensors, **saved.metadata)

    def save(self, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
        """Write the state atomically."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {'losses': self.losses, 'metadata': self.metadata}
        checkpoint.save(self.path, _tensors(weights, optimizer), self.settings, metadata)

    @torch.no_grad()
    def restore(self, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
        """Copy the tensors of the last save, if any, into weights, optimizer and generators."""
        if not self.tensors:
            return
        torch.set_rng_state(self.tensors['random'])
        if 'random.cuda' in self.tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(self.tensors['random.cuda'])
        for name, weight in weights.items():
            weight.copy_(self.tensors[f'weight.{name}'])
            for kind in ('step', 'exp_avg', 'exp_avg_sq'):
                value = self.tensors[f'{kind}.{name}']
                optimizer.state[weight][kind] = value if kind == 'step' else value.to(weight.device)


def _tensors(weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """All tensors that an update changes: weights, optimizer state, random generators."""
    tensors: dict[str, Tensor] = {'random': torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors['random.cuda'] = torch.cuda.get_rng_state()
    for name, weight in weights.items():
        tensors[f'weight.{name}'] = weight
        for kind, value in optimizer.state[weight].items():
            tensors[f'{kind}.{name}'] = value
    return tensors
