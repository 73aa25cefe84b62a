"""Published weights: all that acting takes in one file, which is there whole or not.

A policy, the standard of its features and the scale of its actions belong together, so they are
published together, under a version that only rises.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.learning import checkpoint
from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.observation import Standard
from robo_dopamine_ros.learning.parameters import AgentParameters
from robo_dopamine_ros.learning.policy import Policy
from robo_dopamine_ros.learning.steps import Scale
from robo_dopamine_ros.learning.tensors import StateError

PREFIX = 'policy.'  # of the names of its tensors
LOST = 1000  # versions; more than are published between two checkpoints


@dataclass(frozen=True)
class Published:
    """What was published, ready to act."""

    policy: Policy
    standard: Standard
    scale: Scale
    version: int  # 1 or more
    updates: int = 0  # gradient steps that it was learned with


def publish(
    path: Path,
    policy: Policy,
    standard: Standard,
    scale: Scale,
    parameters: AgentParameters,
    version: int,
    updates: int = 0,
) -> None:
    """Put weights in the place of those before, at once; they are durable when this returns."""
    if not version >= 1:
        raise ValueError(f'version = {version}; it must be 1 or more')
    tensors = {f'{PREFIX}{name}': value for name, value in policy.state().items()}
    configuration = {
        'observation': policy.observation,
        'agent': asdict(parameters),
        'scale': asdict(scale),
    }
    facts = {'version': version, 'updates': updates}
    checkpoint.save(path, tensors | standard.tensors(), configuration, facts)


def read(path: Path) -> Published:
    """Read what was published; raises CheckpointError for anything else than a whole policy."""
    kept = checkpoint.load(path)
    try:
        told, version = kept.configuration, int(kept.facts['version'])
        updates = int(kept.facts['updates'])
        parameters, scale = AgentParameters.read(told['agent']), Scale.read(told['scale'])
        policy = Policy.make(int(told['observation']), scale.size, parameters)
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f'{path}: no published weights: {type(error).__name__}: {error}'
        ) from error
    try:
        policy.load(
            {
                name.removeprefix(PREFIX): value
                for name, value in kept.tensors.items()
                if name.startswith(PREFIX)
            }
        )
        standard = _standard(kept.tensors, policy.observation)
        _refuse_infinite(kept.tensors)
    except (StateError, LookupError) as error:
        raise CheckpointError(f'{path}: {error}') from error
    return Published(policy, standard, scale, version, updates)


def next_version(path: Path, known: int = 0) -> int:
    """A version above all that were published there; `known` is one that a checkpoint told."""
    try:
        return max(known, int(checkpoint.load(path).facts['version'])) + 1
    except (CheckpointError, LookupError, TypeError, ValueError):
        return known + LOST if known else 1


def _standard(tensors: Mapping[str, Tensor], observation: int) -> Standard:
    standard = Standard.read(tensors)
    shapes = np.shape(standard.mean), np.shape(standard.spread)
    if shapes[0] != shapes[1] or len(shapes[0]) != 1 or not shapes[0][0] <= observation:
        raise StateError(
            f'a standard of shapes {shapes[0]} and {shapes[1]} does not fit '
            f'observations of {observation} numbers'
        )
    return standard


def _refuse_infinite(tensors: Mapping[str, Tensor]) -> None:
    for name, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise StateError(f'{name} holds numbers that are not finite')
