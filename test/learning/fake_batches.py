"""Batches for tests, and deterministic noise."""

import torch

from robo_dopamine_ros.learning.objectives import NoiseSource
from robo_dopamine_ros.learning.replay_buffer import TransitionBatch


def make_batch(count=16, observation=5, action=2, seed=0, **changes):
    """A batch of random transitions; `changes` replace its fields."""
    chance = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=chance)

    def uniform(*shape):
        return torch.rand(shape, generator=chance)

    given = {
        'observations': normal(count, observation),
        'actions': uniform(count, action) * 2 - 1,
        'rewards': normal(count) * 0.1,
        'discounts': 0.9 + 0.1 * uniform(count),
        'masks': (uniform(count) < 0.8).to(torch.get_default_dtype()),
        'next_observations': normal(count, observation),
        'returns': normal(count),
        'demonstrated': (uniform(count) < 0.5).to(torch.get_default_dtype()),
        'gripper': torch.randint(3, (count,), generator=chance),
        'gripper_toggles': (uniform(count) < 0.3).to(torch.get_default_dtype()),
    }
    return TransitionBatch(**{**given, **changes})


class FixedNoise(NoiseSource):
    """The same numbers for the same shape, whatever the order in which they are drawn."""

    def __init__(self):
        super().__init__(torch.Generator())

    def normal(self, *shape):
        return torch.cos(1.7 * torch.arange(torch.Size(shape).numel()) + 0.3).reshape(shape)

    def uniform(self, *shape):
        return torch.sin(2.3 * torch.arange(torch.Size(shape).numel()) + 0.1).reshape(shape)

    def integers(self, limit, count):
        return (3 + 5 * torch.arange(count)) % limit

    def subset(self, count, of):
        return torch.arange(of)[of - count :]
