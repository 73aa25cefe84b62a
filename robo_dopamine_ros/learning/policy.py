"""What acts: the actor and the gripper's critic, without anything that learns."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from robo_dopamine_ros.learning.consistency import ConsistencyActor
from robo_dopamine_ros.learning.gripper import Command
from robo_dopamine_ros.learning.networks import (
    GaussianActor,
    GripperCritic,
    make_actor,
    make_gripper,
)
from robo_dopamine_ros.learning.parameters import AgentParameters
from robo_dopamine_ros.learning.tensors import restore, snapshot


class Choice(NamedTuple):
    """What the policy wants."""

    action: np.ndarray  # (a,) float32, -1..1
    gripper: Command | None  # None where the gripper has no critic


class Policy:
    """Chooses actions: within an agent, or alone with weights that an agent gave."""

    def __init__(
        self,
        observation: int,
        actor: GaussianActor | ConsistencyActor,
        gripper: GripperCritic | None,
    ) -> None:
        self.observation = observation
        self._modules = nn.ModuleDict({'actor': actor})
        if gripper:
            self._modules['gripper'] = gripper
        self.actor, self.gripper = actor, gripper

    @classmethod
    def make(cls, observation: int, action: int, parameters: AgentParameters) -> 'Policy':
        """One that knows nothing yet."""
        actor = make_actor(observation, action, parameters)
        return cls(observation, actor, make_gripper(observation, parameters))

    @torch.no_grad()
    def act(self, observation: np.ndarray, explore: bool, generator: torch.Generator) -> Choice:
        """Choose for one observation (n,): drawn from the policy, or what it gives without noise.

        The generator moves only when exploring.
        """
        if observation.shape != (self.observation,) or not np.isfinite(observation).all():
            raise ValueError(
                f'observation of shape {observation.shape}, '
                f'{np.count_nonzero(~np.isfinite(observation))} numbers of it not finite; '
                f'it must be {self.observation} finite numbers'
            )
        seen = torch.as_tensor(observation, dtype=torch.float32)[None]
        noise = torch.zeros(1, self.actor.action)
        if explore:
            noise = torch.randn(noise.shape, generator=generator)
        action = self.actor.act(seen, noise)[0].numpy()
        best = Command(int(self.gripper(seen)[0].argmax())) if self.gripper else None
        return Choice(action, best)

    def state(self) -> dict[str, Tensor]:
        """Copies of the weights, to publish."""
        return snapshot(self._modules.state_dict())

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over published weights; raises StateError when they are of another policy."""
        restore(self._modules.state_dict(), state)
