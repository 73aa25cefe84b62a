"""The conservative terms: what a critic thinks of other actions above that of the data.

Calibrated by a lower bound R of the value: a value below R counts as R and gets no gradient, so
no action is pushed below what was already earned.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampled:
    """Values at s of sampled actions; E heads, N actions of each kind, B states."""

    random: Tensor  # (E, N, B) of actions uniform in -1..1
    current: Tensor  # (E, N, B) of actions from pi(s)
    following: Tensor  # (E, N, B) of actions from pi(s'), at s

    @property
    def all(self) -> Tensor:
        """Every value, (E, 3 N, B)."""
        return torch.cat([self.random, self.current, self.following], 1)


def calibrate(q: Tensor, bounds: Tensor) -> Tensor:
    """max(Q, R), (E, N, B) and (B,)."""
    return torch.maximum(q, bounds)


def log_sum_exp(q: Tensor, temperature: float) -> Tensor:
    """T log sum_i exp(Q_i / T) over the actions, (E, N, B) to (E, B)."""
    return temperature * torch.logsumexp(q / temperature, 1)


def calql_difference(
    sampled: Sampled, q: Tensor, bounds: Tensor, temperature: float = 1.0
) -> Tensor:
    """T lse_i(Q_i / T) - Q(s, a), (E, B); i over random, calibrated pi(s) and pi(s'), and data.

    Random actions and the data's own (`q`, (E, B)) are not calibrated.
    """
    current = calibrate(sampled.current, bounds)
    following = calibrate(sampled.following, bounds)
    values = torch.cat([sampled.random, q[:, None], following, current], 1)
    return log_sum_exp(values, temperature) - q


def calql_weighted_difference(
    sampled: Sampled,
    log_current: Tensor,
    log_following: Tensor,
    q: Tensor,
    bounds: Tensor,
    actions: int,
    temperature: float = 1.0,
) -> Tensor:
    """The same by importance: T lse_i((Q_i - log p_i) / T) - Q(s, a), without the data's action.

    p of a random action is 0.5^|A|; log_current and log_following (N, B) are log pi(a | s) and
    log pi(a | s') of the samples, and carry no gradient.
    """
    random = sampled.random - actions * math.log(0.5)
    current = calibrate(sampled.current, bounds) - log_current
    following = calibrate(sampled.following, bounds) - log_following
    return log_sum_exp(torch.cat([random, following, current], 1), temperature) - q


def conrft_difference(
    sampled: Sampled, q: Tensor, bounds: Tensor, temperature: float = 1.0
) -> Tensor:
    """T (lse_i(Q_i / T) - log(3 N + 1)) - Q(s, a), (E, B): a mean, so 0 where all Q are one.

    All 3 N samples are calibrated, the random ones too; the data's own action is the last.
    """
    values = torch.cat([calibrate(sampled.all, bounds), q[:, None]], 1)
    return log_sum_exp(values, temperature) - temperature * math.log(values.shape[1]) - q


def conservative_loss(
    difference: Tensor,
    weight: Tensor | float,
    gap: float = 0.0,
    lowest: float = -math.inf,
    highest: float = math.inf,
) -> Tensor:
    """L = w sum_k (mean_b clip(difference) - gap), (E, B)."""
    return weight * (difference.clamp(lowest, highest).mean(1) - gap).sum()


def lagrange_loss(
    difference: Tensor,
    multiplier: Tensor,
    weight: float,
    gap: float,
    lowest: float = -math.inf,
    highest: float = math.inf,
) -> Tensor:
    """L = -m w mean_k (mean_b clip(difference) - gap): m grows above the gap."""
    held = difference.detach().clamp(lowest, highest).mean(1)
    return -multiplier * weight * (held - gap).mean()
