"""A policy that makes an action from pure noise in one step (consistency model, ConRFT)."""

import math

import torch
from torch import Tensor, nn

from robo_dopamine_ros.learning.layers import Trunk, last
from robo_dopamine_ros.learning.parameters import ConRft

TIME = 16  # numbers that tell the noise level


def sigma(index: Tensor, parameters: ConRft) -> Tensor:
    """Give the noise level of an index 0 (most) .. scales - 1 (least), after Karras.

    sigma_i = (max^(1/rho) + i / (K - 1) (min^(1/rho) - max^(1/rho)))^rho
    """
    most, least = (s ** (1 / parameters.rho) for s in (parameters.sigma_max, parameters.sigma_min))
    return (most + index / (parameters.scales - 1) * (least - most)) ** parameters.rho


class NoiseLevel(nn.Module):
    """Sinusoids of 250 ln(sigma), then two layers."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        half = TIME // 2
        scale = torch.exp(torch.arange(half) * (-math.log(10_000.0) / (half - 1)))
        self.register_buffer('frequencies', scale, persistent=False)
        self.layers = nn.Sequential(nn.Linear(TIME, 2 * TIME), nn.Tanh(), nn.Linear(2 * TIME, TIME))

    def forward(self, noise_level: Tensor) -> Tensor:
        """(B,) to (B, TIME)."""
        angles = 250.0 * noise_level.log()[:, None] * self.frequencies
        return self.layers(torch.cat([angles.sin(), angles.cos()], -1))


class ConsistencyActor(nn.Module):
    """f(x, s, o) = c_skip x + c_out F(c_in x, s, o), held within -1..1.

    c_skip = d^2 / ((s - min)^2 + d^2), c_out = (s - min) d / sqrt(s^2 + d^2),
    c_in = 1 / sqrt(s^2 + d^2), d = sigma_data: at the least noise f gives back what it gets.
    """

    def __init__(
        self, observation: int, action: int, width: int, depth: int, parameters: ConRft
    ) -> None:
        super().__init__()
        self.action = action
        self.noise = parameters
        self.level = NoiseLevel()
        self.trunk = Trunk(observation, action + TIME, width, depth, torch.tanh)
        self.out = last(width, action)

    def forward(self, observations: Tensor, noisy: Tensor, noise_level: Tensor) -> Tensor:
        """(B, n), (..., B, a) and (B,) to actions (..., B, a)."""
        data, least = self.noise.sigma_data, self.noise.sigma_min
        spread = (noise_level.square() + data**2).sqrt()[:, None]
        above = (noise_level - least)[:, None]
        level = self.level(noise_level).expand(*noisy.shape[:-1], TIME)
        found = self.out(self.trunk(observations, torch.cat([noisy / spread, level], -1)))
        skip = data**2 / (above.square() + data**2)
        return (skip * noisy + above * data / spread * found).clamp(-1.0, 1.0)

    def act(self, observations: Tensor, noise: Tensor) -> Tensor:
        """(B, n) and standard normal noise (..., B, a) to actions (..., B, a), in one step."""
        most = self.noise.sigma_max
        level = torch.full((len(observations),), most, dtype=noise.dtype)
        return self(observations, noise * most, level)
