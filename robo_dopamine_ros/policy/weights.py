"""Published weights: policy, feature normalizer and action scale in one safetensors file.

The file is replaced atomically under a rising version, so that its parts always belong together.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros import checkpoint
from robo_dopamine_ros.checkpoint import CheckpointError, StateError
from robo_dopamine_ros.experience.types import ActionScale
from robo_dopamine_ros.policy.config import PolicyConfig
from robo_dopamine_ros.policy.networks import Policy
from robo_dopamine_ros.policy.observation import FeatureNormalizer

TENSOR_PREFIX = 'policy.'  # of the names of the policy's tensors
VERSION_GAP = 1000  # added to a version that may be outdated; above the publications per checkpoint


@dataclass(frozen=True)
class PublishedPolicy:
    """Contents of a file of published weights."""

    policy: Policy
    normalizer: FeatureNormalizer
    action_scale: ActionScale
    version: int  # 1 or more
    updates: int = 0  # gradient steps taken before the publication


def publish_policy(
    path: Path,
    policy: Policy,
    normalizer: FeatureNormalizer,
    action_scale: ActionScale,
    version: int,
    updates: int = 0,
) -> None:
    """Replace the published weights atomically; durable when this returns. Raises OSError."""
    if not version >= 1:
        raise ValueError(f'version = {version}; it must be 1 or more')
    tensors = {f'{TENSOR_PREFIX}{name}': value for name, value in policy.state_dict().items()}
    configuration = {
        'observation': policy.observation_size,
        'policy': asdict(policy.config.policy),
        'action_scale': asdict(action_scale),
    }
    metadata = {'version': version, 'updates': updates}
    checkpoint.save(path, tensors | normalizer.state_dict(), configuration, metadata)


def load_policy(path: Path) -> PublishedPolicy:
    """Read published weights; CheckpointError unless they are complete, finite and consistent."""
    saved = checkpoint.load(path)
    try:
        configuration, version = saved.configuration, int(saved.metadata['version'])
        updates = int(saved.metadata['updates'])
        config = PolicyConfig.from_dict(configuration['policy'])
        action_scale = ActionScale.from_dict(configuration['action_scale'])
        policy = Policy.create(int(configuration['observation']), action_scale.size, config)
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f'{path}: no published weights: {type(error).__name__}: {error}'
        ) from error
    try:
        policy.load_state_dict(
            {
                name.removeprefix(TENSOR_PREFIX): value
                for name, value in saved.tensors.items()
                if name.startswith(TENSOR_PREFIX)
            }
        )
        normalizer = _normalizer(saved.tensors, policy.observation_size)
        _check_finite(saved.tensors)
    except (StateError, LookupError) as error:
        raise CheckpointError(f'{path}: {error}') from error
    return PublishedPolicy(policy, normalizer, action_scale, version, updates)


def next_version(path: Path, known: int = 0) -> int:
    """A version above those published at `path` and above `known`, the one in a checkpoint."""
    try:
        return max(known, int(checkpoint.load(path).metadata['version'])) + 1
    except (CheckpointError, LookupError, TypeError, ValueError):
        return known + VERSION_GAP if known else 1


def _normalizer(tensors: Mapping[str, Tensor], observation: int) -> FeatureNormalizer:
    normalizer = FeatureNormalizer.from_state_dict(tensors)
    mean, std = np.shape(normalizer.mean), np.shape(normalizer.std)
    if mean != std or len(mean) != 1 or not mean[0] <= observation:
        raise StateError(
            f'a normalizer of shapes {mean} and {std} does not fit '
            f'observations of {observation} numbers'
        )
    return normalizer


def _check_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise StateError(f'{name} holds numbers that are not finite')
