"""The networks that learn: an ensemble of critics, an actor, a critic of the gripper."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from robo_dopamine_ros.learning.consistency import ConsistencyActor
from robo_dopamine_ros.learning.gripper import Command
from robo_dopamine_ros.learning.layers import Trunk, last
from robo_dopamine_ros.learning.parameters import AgentParameters

LOG_STD = (-5.0, 1.0)  # range of the logarithm of the actor's standard deviation


class Head(nn.Module):
    """One critic."""

    def __init__(self, observation: int, action: int, width: int, depth: int) -> None:
        super().__init__()
        self.trunk = Trunk(observation, action, width, depth)
        self.value = last(width, 1)

    def forward(self, observations: Tensor, actions: Tensor) -> Tensor:
        """(B, n) and (..., B, a) to (..., B)."""
        return self.value(self.trunk(observations, actions)).squeeze(-1)


class Critic(nn.Module):
    """An ensemble of critics that share nothing."""

    def __init__(self, heads: int, observation: int, action: int, width: int, depth: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Head(observation, action, width, depth) for _ in range(heads))

    def forward(
        self, observations: Tensor, actions: Tensor, heads: Sequence[int] | None = None
    ) -> Tensor:
        """(B, n) and (..., B, a) to (E, ..., B); only of `heads` if given."""
        chosen = range(len(self.heads)) if heads is None else heads
        return torch.stack([self.heads[index](observations, actions) for index in chosen])


class GaussianActor(nn.Module):
    """A Gaussian squashed by tanh."""

    def __init__(self, observation: int, action: int, width: int, depth: int) -> None:
        super().__init__()
        self.action = action
        self.trunk = Trunk(observation, 0, width, depth)
        self.mean = last(width, action)
        self.log_std = last(width, action, bias=-1.0)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """(B, n) to mean and log standard deviation before the tanh, (B, a) each."""
        x = self.trunk(observations)
        return self.mean(x), self.log_std(x).clamp(*LOG_STD)

    def act(self, observations: Tensor, noise: Tensor) -> Tensor:
        """(B, n) and standard normal noise (B, a) to actions (B, a)."""
        return squash(self(observations), noise)[0]


class GripperCritic(nn.Module):
    """The value of every command of the gripper."""

    def __init__(self, observation: int, width: int, depth: int) -> None:
        super().__init__()
        self.trunk = Trunk(observation, 0, width, depth)
        self.values = last(width, len(Command))

    def forward(self, observations: Tensor) -> Tensor:
        """(B, n) to (B, 3)."""
        return self.values(self.trunk(observations))


def squash(gaussian: tuple[Tensor, Tensor], noise: Tensor) -> tuple[Tensor, Tensor]:
    """Give a = tanh(u), u = mean + std * noise, and log pi(a), (..., B, a) and (..., B).

    log pi = sum_i log N(u_i) - log(1 - tanh(u_i)^2), with the latter as
    2 (log 2 - u - softplus(-2 u)), which does not overflow.
    """
    mean, log_std = gaussian
    u = mean + log_std.exp() * noise
    density = -0.5 * noise.square() - log_std - 0.5 * math.log(2.0 * math.pi)
    slope = 2.0 * (math.log(2.0) - u - functional.softplus(-2.0 * u))
    return u.tanh(), (density - slope).sum(-1)


class Networks(nn.Module):
    """Everything of an agent that learns, and the targets that follow."""

    gripper: GripperCritic | None
    gripper_target: GripperCritic | None

    def __init__(self, observation: int, action: int, parameters: AgentParameters) -> None:
        super().__init__()
        self.actor = make_actor(observation, action, parameters)
        size = (parameters.critics, observation, action, parameters.width, parameters.depth)
        self.critic = Critic(*size)
        self.target = Critic(*size).requires_grad_(False)
        self.target.load_state_dict(self.critic.state_dict())
        self.log_temperature = nn.Parameter(
            torch.tensor(parameters.reward_scale * parameters.temperature).log()
        )
        self.log_multiplier = nn.Parameter(torch.tensor(1.0))  # of Cal-QL's Lagrangian
        self.gripper = make_gripper(observation, parameters)
        self.gripper_target = make_gripper(observation, parameters)
        if self.gripper and self.gripper_target:
            self.gripper_target.requires_grad_(False)
            self.gripper_target.load_state_dict(self.gripper.state_dict())


def make_actor(
    observation: int, action: int, parameters: AgentParameters
) -> GaussianActor | ConsistencyActor:
    """The actor of the algorithm."""
    size = (observation, action, parameters.width, parameters.depth)
    if parameters.algorithm == 'conrft':
        return ConsistencyActor(*size, parameters.conrft)
    return GaussianActor(*size)


def make_gripper(observation: int, parameters: AgentParameters) -> GripperCritic | None:
    """The gripper's critic, where one is wanted."""
    if not parameters.gripper:
        return None
    return GripperCritic(observation, parameters.width, parameters.depth)
