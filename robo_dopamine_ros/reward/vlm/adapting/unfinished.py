"""A training that may stop at any moment: all that it needs to go on is in one file, whole or not.

That is safetensors with JSON in its header. It is written beside its place and renamed into it
once it is on the disk.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from robo_dopamine_ros.reward.grm import ModelError

FORMAT = 1


@dataclass(frozen=True)
class Position:
    """Where a training stands."""

    facts: dict[str, Any]  # counters, losses and figures, as JSON knows them
    tensors: dict[str, Tensor]


def save(
    path: Path, settings: Mapping[str, Any], facts: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write where a training stands; durable when this returns."""
    told = {'format': FORMAT, 'settings': settings, 'facts': facts}
    header = {name: json.dumps(value) for name, value in told.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.part')
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    safetensors.torch.save_file(whole, part, header)
    with part.open('rb+') as file:
        os.fsync(file.fileno())
    part.replace(path)


def load(path: Path, settings: Mapping[str, Any]) -> Position | None:
    """Where a training stands, None where none was begun.

    Raises ModelError for a damaged file, and ValueError naming every setting that is another now.
    """
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(path, 'pt') as file:
            header = {name: json.loads(text) for name, text in file.metadata().items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        version, facts, saved = header['format'], header['facts'], header['settings']
    except (OSError, ValueError, LookupError, AttributeError, safetensors.SafetensorError) as error:
        raise ModelError(f'{path}: damaged: {error}; delete its folder to begin anew') from error
    if version != FORMAT:
        raise ModelError(f'{path}: has format {version}; this program reads {FORMAT}')
    changes = '; '.join(differences(saved, json.loads(json.dumps(settings))))
    if changes:
        raise ValueError(
            f'{path.parent.parent} is an unfinished training with other settings: {changes}; '
            'go on with those or give a new folder'
        )
    return Position(facts, tensors)


def differences(
    saved: Mapping[str, Any], here: Mapping[str, Any], prefix: str = ''
) -> Iterator[str]:
    """Say of every setting that differs what it was and what it is now."""
    for key in sorted({*saved, *here}):
        there, own = saved.get(key), here.get(key)
        if isinstance(there, dict) and isinstance(own, dict):
            yield from differences(there, own, f'{prefix}{key}.')
        elif there != own:
            yield f'{prefix}{key} was {there} and is {own}'


def gather(named: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Everything that an update changes: weights, their optimizer's state, random numbers."""
    found: dict[str, Tensor] = {'random': torch.get_rng_state()}
    if torch.cuda.is_available():
        found['random.cuda'] = torch.cuda.get_rng_state()
    for name, weight in named.items():
        found[f'weight.{name}'] = weight
        for kind, value in optimizer.state[weight].items():
            found[f'{kind}.{name}'] = value
    return found


@torch.no_grad()
def restore(
    tensors: Mapping[str, Tensor], named: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> None:
    """Put back what `gather` found."""
    torch.set_rng_state(tensors['random'])
    if 'random.cuda' in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors['random.cuda'])
    for name, weight in named.items():
        weight.copy_(tensors[f'weight.{name}'])
        for kind in ('step', 'exp_avg', 'exp_avg_sq'):
            value = tensors[f'{kind}.{name}']
            optimizer.state[weight][kind] = value if kind == 'step' else value.to(weight.device)
