"""Networks that act: Gaussian and consistency actors, and the critic of the gripper.

One observation (B, n) may come with many actions (..., B, a); layers that depend on the observation
alone are computed once.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from robo_dopamine_ros.checkpoint import copy_tensors, restore_tensors
from robo_dopamine_ros.experience.types import GripperCommand
from robo_dopamine_ros.policy.config import ConsistencyConfig, PolicyConfig

NOISE_EMBEDDING = 16  # length of the embedding of a noise level
LOG_STD_RANGE = (-5.0, 1.0)  # of the Gaussian actor


class Mlp(nn.Module):
    """`depth` times linear, layer norm, activation; `extra` inputs join in the first layer."""

    def __init__(
        self,
        observation: int,
        extra: int,
        width: int,
        depth: int,
        activation: Callable[[Tensor], Tensor] = functional.relu_,
    ) -> None:
        super().__init__()
        self.observation_layer = nn.Linear(observation, width)
        self.extra_layer = nn.Linear(extra, width, bias=False) if extra else None
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.activation = activation

    def forward(self, observations: Tensor, extra: Tensor | None = None) -> Tensor:
        """(B, n) and (..., B, m) to (..., B, width)."""
        x = self.observation_layer(observations)
        if self.extra_layer is not None:
            x = self.extra_layer(extra).add_(x)
        x = self.activation(self.norms[0](x))
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            x = self.activation(norm(layer(x)))
        return x


def output_layer(width: int, outputs: int, bias: float = 0.0) -> nn.Linear:
    """Linear layer with weights uniform in -0.01..0.01, so that initial outputs are small."""
    layer = nn.Linear(width, outputs)
    nn.init.uniform_(layer.weight, -0.01, 0.01)
    nn.init.constant_(layer.bias, bias)
    return layer


class GaussianActor(nn.Module):
    """Gaussian policy squashed by tanh (SAC)."""

    def __init__(self, observation: int, action: int, width: int, depth: int) -> None:
        super().__init__()
        self.action_size = action
        self.trunk = Mlp(observation, 0, width, depth)
        self.mean = output_layer(width, action)
        self.log_std = output_layer(width, action, bias=-1.0)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """(B, n) to mean and log standard deviation before the tanh, (B, a) each."""
        x = self.trunk(observations)
        return self.mean(x), self.log_std(x).clamp(*LOG_STD_RANGE)

    def act(self, observations: Tensor, noise: Tensor) -> Tensor:
        """(B, n) and standard normal noise (B, a) to actions (B, a)."""
        return sample_squashed(self(observations), noise)[0]


def sample_squashed(gaussian: tuple[Tensor, Tensor], noise: Tensor) -> tuple[Tensor, Tensor]:
    """Give a = tanh(u), u = mean + std * noise, and log pi(a), (..., B, a) and (..., B).

    log pi = sum_i log N(u_i) - log(1 - tanh(u_i)^2), with the latter as
    2 (log 2 - u - softplus(-2 u)), which does not overflow.
    """
    mean, log_std = gaussian
    u = mean + log_std.exp() * noise
    density = -0.5 * noise.square() - log_std - 0.5 * math.log(2.0 * math.pi)
    slope = 2.0 * (math.log(2.0) - u - functional.softplus(-2.0 * u))
    return u.tanh(), (density - slope).sum(-1)


class NoiseLevelEmbedding(nn.Module):
    """Sinusoidal embedding of 250 ln(sigma), then two layers."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        half = NOISE_EMBEDDING // 2
        scale = torch.exp(torch.arange(half) * (-math.log(10_000.0) / (half - 1)))
        self.register_buffer('frequencies', scale, persistent=False)
        self.layers = nn.Sequential(
            nn.Linear(NOISE_EMBEDDING, 2 * NOISE_EMBEDDING),
            nn.Tanh(),
            nn.Linear(2 * NOISE_EMBEDDING, NOISE_EMBEDDING),
        )

    def forward(self, noise_level: Tensor) -> Tensor:
        """(B,) to (B, NOISE_EMBEDDING)."""
        angles = 250.0 * noise_level.log()[:, None] * self.frequencies
        return self.layers(torch.cat([angles.sin(), angles.cos()], -1))


class ConsistencyActor(nn.Module):
    """Consistency policy (ConRFT): one step from noise to an action.

    f(x, s, o) = c_skip x + c_out F(c_in x, s, o), clamped to -1..1, with
    c_skip = d^2 / ((s - min)^2 + d^2), c_out = (s - min) d / sqrt(s^2 + d^2),
    c_in = 1 / sqrt(s^2 + d^2), d = sigma_data; at s = sigma_min f is the identity.
    """

    def __init__(
        self, observation: int, action: int, width: int, depth: int, config: ConsistencyConfig
    ) -> None:
        super().__init__()
        self.action_size = action
        self.config = config
        self.level = NoiseLevelEmbedding()
        self.trunk = Mlp(observation, action + NOISE_EMBEDDING, width, depth, torch.tanh)
        self.out = output_layer(width, action)

    def forward(self, observations: Tensor, noisy: Tensor, noise_level: Tensor) -> Tensor:
        """(B, n), (..., B, a) and (B,) to actions (..., B, a)."""
        data, sigma_min = self.config.sigma_data, self.config.sigma_min
        spread = (noise_level.square() + data**2).sqrt()[:, None]
        above = (noise_level - sigma_min)[:, None]
        level = self.level(noise_level).expand(*noisy.shape[:-1], NOISE_EMBEDDING)
        out = self.out(self.trunk(observations, torch.cat([noisy / spread, level], -1)))
        skip = data**2 / (above.square() + data**2)
        return (skip * noisy + above * data / spread * out).clamp(-1.0, 1.0)

    def act(self, observations: Tensor, noise: Tensor) -> Tensor:
        """(B, n) and standard normal noise (..., B, a) to actions (..., B, a)."""
        sigma_max = self.config.sigma_max
        level = torch.full((len(observations),), sigma_max, dtype=noise.dtype)
        return self(observations, noise * sigma_max, level)


def karras_noise_level(index: Tensor, config: ConsistencyConfig) -> Tensor:
    """Noise level of an index 0 (largest) .. scales - 1 (smallest), Karras et al. 2022, Eq. 5.

    sigma_i = (max^(1/rho) + i / (K - 1) (min^(1/rho) - max^(1/rho)))^rho
    """
    largest, smallest = (s ** (1 / config.rho) for s in (config.sigma_max, config.sigma_min))
    return (largest + index / (config.scales - 1) * (smallest - largest)) ** config.rho


class GripperCritic(nn.Module):
    """Q-values of the gripper commands (DQN)."""

    def __init__(self, observation: int, width: int, depth: int) -> None:
        super().__init__()
        self.trunk = Mlp(observation, 0, width, depth)
        self.values = output_layer(width, len(GripperCommand))

    def forward(self, observations: Tensor) -> Tensor:
        """(B, n) to (B, 3)."""
        return self.values(self.trunk(observations))


def make_actor(
    observation: int, action: int, config: PolicyConfig
) -> GaussianActor | ConsistencyActor:
    """Actor of the configured algorithm."""
    size = (observation, action, config.width, config.depth)
    if config.algorithm == 'conrft':
        return ConsistencyActor(*size, config.conrft)
    return GaussianActor(*size)


def make_gripper_critic(observation: int, config: PolicyConfig) -> GripperCritic | None:
    """Critic of the gripper, None unless configured."""
    if not config.gripper:
        return None
    return GripperCritic(observation, config.width, config.depth)


class PolicyOutput(NamedTuple):
    """Action of one step."""

    action: np.ndarray  # (a,) float32, -1..1
    gripper: GripperCommand | None  # None without a critic of the gripper


class Policy:
    """Maps observations to actions, with the networks of an agent or with published weights."""

    def __init__(
        self,
        config: PolicyConfig,
        observation: int,
        actor: GaussianActor | ConsistencyActor,
        gripper: GripperCritic | None,
    ) -> None:
        self.config, self.observation_size = config, observation
        self._modules = nn.ModuleDict({'actor': actor})
        if gripper:
            self._modules['gripper'] = gripper
        self.actor, self.gripper = actor, gripper

    @classmethod
    def create(cls, observation: int, action: int, config: PolicyConfig) -> 'Policy':
        """A policy with randomly initialised networks."""
        actor = make_actor(observation, action, config)
        return cls(config, observation, actor, make_gripper_critic(observation, config))

    @torch.no_grad()
    def act(
        self, observation: np.ndarray, explore: bool, generator: torch.Generator
    ) -> PolicyOutput:
        """Action for an observation (n,): sampled if `explore`, else of zero noise.

        The generator advances only when exploring. ValueError for another shape or non-finite
        values.
        """
        if observation.shape != (self.observation_size,) or not np.isfinite(observation).all():
            raise ValueError(
                f'observation of shape {observation.shape}, '
                f'{np.count_nonzero(~np.isfinite(observation))} numbers of it not finite; '
                f'it must be {self.observation_size} finite numbers'
            )
        batch = torch.as_tensor(observation, dtype=torch.float32)[None]
        noise = torch.zeros(1, self.actor.action_size)
        if explore:
            noise = torch.randn(noise.shape, generator=generator)
        action = self.actor.act(batch, noise)[0].numpy()
        best = GripperCommand(int(self.gripper(batch)[0].argmax())) if self.gripper else None
        return PolicyOutput(action, best)

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of the weights."""
        return copy_tensors(self._modules.state_dict())

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load weights; StateError where they do not fit."""
        restore_tensors(self._modules.state_dict(), state)
