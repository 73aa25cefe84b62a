"""The agent: acts on observations, learns from batches, and can be put away and taken up again."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.learning.batch import Batch
from robo_dopamine_ros.learning.draws import Draws
from robo_dopamine_ros.learning.networks import Networks
from robo_dopamine_ros.learning.parameters import AgentParameters, Stage
from robo_dopamine_ros.learning.policy import Choice, Policy
from robo_dopamine_ros.learning.tensors import restore, snapshot
from robo_dopamine_ros.learning.update import descents, update


class Agent:
    """Networks, optimisers, counters and chance; equal seeds and batches give equal agents."""

    def __init__(
        self, observation: int, action: int, parameters: AgentParameters, seed: int = 0
    ) -> None:
        self.observation, self.action, self.parameters = observation, action, parameters
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.networks = Networks(observation, action, parameters)
        self.policy = Policy(observation, self.networks.actor, self.networks.gripper)
        self._descents = descents(self.networks, parameters)
        self._draws = Draws(torch.Generator().manual_seed(seed))
        self._updates = torch.zeros((), dtype=torch.int64)

    @property
    def updates(self) -> int:
        """Gradient steps of the critics so far."""
        return int(self._updates)

    @property
    def configuration(self) -> dict[str, Any]:
        """What two agents must share so that one can go on where the other stopped."""
        sizes = {'observation': self.observation, 'action': self.action}
        return sizes | dataclasses.asdict(self.parameters)

    def act(self, observation: np.ndarray, explore: bool, generator: torch.Generator) -> Choice:
        """Choose for one observation (n,); see Policy."""
        return self.policy.act(observation, explore, generator)

    def update(self, batch: Batch, stage: Stage = Stage.ONLINE) -> dict[str, float]:
        """Take one gradient step and tell losses and means of the batch by name, in scaled rewards.

        Raises FloatingPointError, before anything changes for the worse, when a loss is not finite.
        """
        turn = self.updates + 1
        told = update(
            self.networks,
            self._descents,
            batch.scaled(self.parameters.reward_scale),
            stage,
            self.parameters,
            self._draws,
            turn,
        )
        self._updates.fill_(turn)
        return told

    def state(self) -> dict[str, Tensor]:
        """Copies of everything: networks, targets, moments, counters, chance."""
        return snapshot(self._tensors() | {'chance': self._draws.generator.get_state()})

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Become the agent that gave this state; raises StateError when it is of another kind."""
        chance = self._draws.generator.get_state()
        restore(self._tensors() | {'chance': chance}, state)
        self._draws.generator.set_state(chance)

    def _tensors(self) -> dict[str, Tensor]:
        moments = {
            f'moments.{name}.{key}': value
            for name, descent in self._descents.items()
            for key, value in descent.tensors().items()
        }
        return {**self.networks.state_dict(), **moments, 'updates': self._updates}
