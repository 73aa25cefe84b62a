"""Networks of an agent: the critic ensemble and its target beside the networks that act."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from robo_dopamine_ros.learning.config import AgentConfig
from robo_dopamine_ros.policy.networks import (
    GripperCritic,
    Mlp,
    make_actor,
    make_gripper_critic,
    output_layer,
)


class QNetwork(nn.Module):
    """Q-value of an observation and an action."""

    def __init__(self, observation: int, action: int, width: int, depth: int) -> None:
        super().__init__()
        self.trunk = Mlp(observation, action, width, depth)
        self.value = output_layer(width, 1)

    def forward(self, observations: Tensor, actions: Tensor) -> Tensor:
        """(B, n) and (..., B, a) to (..., B)."""
        return self.value(self.trunk(observations, actions)).squeeze(-1)


class CriticEnsemble(nn.Module):
    """Ensemble of Q-networks without shared weights."""

    def __init__(self, heads: int, observation: int, action: int, width: int, depth: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            QNetwork(observation, action, width, depth) for _ in range(heads)
        )

    def forward(
        self, observations: Tensor, actions: Tensor, heads: Sequence[int] | None = None
    ) -> Tensor:
        """(B, n) and (..., B, a) to (E, ..., B), of all heads or of those given."""
        chosen = range(len(self.heads)) if heads is None else heads
        return torch.stack([self.heads[index](observations, actions) for index in chosen])


class AgentNetworks(nn.Module):
    """All trained networks of an agent and the target networks."""

    gripper: GripperCritic | None
    gripper_target: GripperCritic | None

    def __init__(self, observation: int, action: int, config: AgentConfig) -> None:
        super().__init__()
        self.actor = make_actor(observation, action, config)
        size = (config.critics, observation, action, config.width, config.depth)
        self.critic = CriticEnsemble(*size)
        self.target = CriticEnsemble(*size).requires_grad_(False)
        self.target.load_state_dict(self.critic.state_dict())
        self.log_temperature = nn.Parameter(
            torch.tensor(config.reward_scale * config.temperature).log()
        )
        self.log_multiplier = nn.Parameter(torch.tensor(1.0))  # Lagrange multiplier of Cal-QL
        self.gripper = make_gripper_critic(observation, config)
        self.gripper_target = make_gripper_critic(observation, config)
        if self.gripper and self.gripper_target:
            self.gripper_target.requires_grad_(False)
            self.gripper_target.load_state_dict(self.gripper.state_dict())
