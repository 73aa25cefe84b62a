"""The chance of an update: everything random comes from one generator."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robo_dopamine_ros.learning.consistency import ConsistencyActor
from robo_dopamine_ros.learning.networks import GaussianActor, squash


@dataclass(frozen=True)
class Draws:
    """Random numbers of an update."""

    generator: torch.Generator

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(shape, generator=self.generator)

    def uniform(self, *shape: int) -> Tensor:
        """Numbers uniform in -1..1."""
        return torch.rand(shape, generator=self.generator) * 2.0 - 1.0

    def below(self, limit: int, count: int) -> Tensor:
        """Whole numbers 0..limit-1, (count,)."""
        return torch.randint(limit, (count,), generator=self.generator)

    def some(self, count: int, of: int) -> Tensor:
        """Different whole numbers 0..of-1; where all are asked for, in order."""
        if count == of:
            return torch.arange(of)
        return torch.randperm(of, generator=self.generator)[:count]

    def actions(
        self, actor: GaussianActor | ConsistencyActor, observations: Tensor, count: int
    ) -> tuple[Tensor, Tensor]:
        """Actions (count, B, a) and log densities (count, B); 0 where an actor has no density."""
        noise = self.normal(count, len(observations), actor.action)
        if isinstance(actor, GaussianActor):
            return squash(actor(observations), noise)
        return actor.act(observations, noise), torch.zeros(noise.shape[:-1])
