"""The agent: networks and optimizers, acting, and one gradient step."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from robo_dopamine_ros.checkpoint import copy_tensors, restore_tensors
from robo_dopamine_ros.learning.config import AgentConfig, Stage
from robo_dopamine_ros.learning.networks import AgentNetworks
from robo_dopamine_ros.learning.objectives import Loss, NoiseSource, Objectives
from robo_dopamine_ros.learning.replay_buffer import TransitionBatch
from robo_dopamine_ros.policy.networks import Policy, PolicyOutput


class Agent:
    """Networks, optimizers, counters, random state; equal seeds and batches give equal agents."""

    def __init__(self, observation: int, action: int, config: AgentConfig, seed: int = 0) -> None:
        """`observation` and `action` are the lengths of their vectors."""
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.networks = AgentNetworks(observation, action, config)
        self.policy = Policy(config, observation, self.networks.actor, self.networks.gripper)
        self._optimizers = make_optimizers(self.networks, config)
        self._rng = torch.Generator().manual_seed(seed)
        self._objectives = Objectives(self.networks, config, NoiseSource(self._rng))
        self._updates = torch.zeros((), dtype=torch.int64)

    @property
    def updates(self) -> int:
        """Gradient steps of the critics so far."""
        return int(self._updates)

    def act(
        self, observation: np.ndarray, explore: bool, generator: torch.Generator
    ) -> PolicyOutput:
        """Action for one observation (n,); see Policy.act."""
        return self.policy.act(observation, explore, generator)

    def update(self, batch: TransitionBatch, stage: Stage = Stage.ONLINE) -> dict[str, float]:
        """Take one gradient step: critics, their targets, and every `actor_interval` the actor.

        Returns losses and batch means by name, in scaled rewards. Raises FloatingPointError where
        a loss is not finite, before the optimizer applies it.
        """
        networks, config = self.networks, self.config
        batch = batch.scale_rewards(config.reward_scale)
        loss = self._objectives.critic_loss(batch, stage)
        metrics = self._optimizers['critic'].step('critic', loss)
        polyak_update(networks.target, networks.critic, config.tau)
        if networks.gripper and networks.gripper_target:
            polyak_update(networks.gripper_target, networks.gripper, config.tau)
        if (self.updates + 1) % config.actor_interval == 0:
            loss = self._objectives.actor_loss(batch, stage)
            metrics |= self._optimizers['actor'].step('actor', loss)
        self._updates += 1
        return metrics

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of all networks, targets, optimizer moments, counters and the random state."""
        return copy_tensors(self._tensors() | {'rng': self._rng.get_state()})

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load the state of an agent of equal configuration; StateError otherwise."""
        rng = self._rng.get_state()
        restore_tensors(self._tensors() | {'rng': rng}, state)
        self._rng.set_state(rng)

    def _tensors(self) -> dict[str, Tensor]:
        moments = {
            f'moments.{name}.{key}': value
            for name, optimizer in self._optimizers.items()
            for key, value in optimizer.state_dict().items()
        }
        return {**self.networks.state_dict(), **moments, 'updates': self._updates}


class Optimizer:
    """Adam with moments allocated at once, so that they can be saved before the first step."""

    def __init__(self, groups: Iterable[tuple[float, list[nn.Parameter]]]) -> None:
        """`groups` are learning rates and their parameters."""
        groups = list(groups)
        self.parameters = [value for _, parameters in groups for value in parameters]
        self.adam = torch.optim.Adam(
            [{'params': parameters, 'lr': rate} for rate, parameters in groups], fused=True
        )
        for value in self.parameters:
            self.adam.state[value] = {
                'step': torch.zeros(()),
                'exp_avg': torch.zeros_like(value),
                'exp_avg_sq': torch.zeros_like(value),
            }

    def step(self, name: str, loss: Loss) -> dict[str, float]:
        """Descend once and return the metrics; FloatingPointError if the loss is not finite."""
        total, tensors = loss
        metrics = {key: float(value.detach()) for key, value in tensors.items()}
        if not math.isfinite(value := float(total.detach())):
            raise FloatingPointError(f'the loss of the {name} is {value}; {metrics}')
        self.adam.zero_grad()
        total.backward(inputs=self.parameters)
        self.adam.step()
        return metrics

    def state_dict(self) -> dict[str, Tensor]:
        """Live moments, by the index of their parameter."""
        return {
            f'{index}.{key}': tensor
            for index, value in enumerate(self.parameters)
            for key, tensor in self.adam.state[value].items()
        }


def make_optimizers(networks: AgentNetworks, config: AgentConfig) -> dict[str, Optimizer]:
    """One optimizer of all critics and Cal-QL's multiplier, one of actor and temperature."""
    critics = [*networks.critic.parameters(), networks.log_multiplier]
    if networks.gripper:
        critics += networks.gripper.parameters()
    actor = (config.actor_learning_rate, list(networks.actor.parameters()))
    temperature = (config.temperature_learning_rate, [networks.log_temperature])
    return {
        'critic': Optimizer([(config.critic_learning_rate, critics)]),
        'actor': Optimizer([actor, temperature]),
    }


@torch.no_grad()
def polyak_update(target: nn.Module, source: nn.Module, tau: float) -> None:
    """Move the parameters of a target network: target += tau (source - target)."""
    torch._foreach_lerp_(list(target.parameters()), list(source.parameters()), tau)
