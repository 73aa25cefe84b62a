"""Losses and targets as functions of tensors, each formula in its docstring.

B transitions, E heads, N actions. Losses of an ensemble are means over the batch and sums over
the heads, so that the gradient of a head does not depend on their number.

Conservative terms (CQL, Cal-QL, ConRFT) compare the Q-values of sampled actions with that of the
data. They are calibrated by a lower bound R of the value: a Q-value below R counts as R, without a
gradient, so that no action is pushed below the return that was achieved.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def next_values(q: Tensor, log_probability: Tensor, entropy_weight: Tensor | float) -> Tensor:
    """V' = max_i min_k Q_k(s', a_i) - w log pi(a_best), (E, N, B) and (N, B) to (B,).

    N = 1 is the backup of SAC, more actions the max-target backup of CQL. The heads given
    are all of them, or the random subset of REDQ.
    """
    value, best = q.amin(0).max(0)
    return value - entropy_weight * log_probability.gather(0, best[None])[0]


def td_target(rewards: Tensor, discounts: Tensor, masks: Tensor, values: Tensor) -> Tensor:
    """TD: y = r + d m V', all (B,); d of the step itself, m = 0 only at terminal steps."""
    return rewards + discounts * masks * values


def td_loss(q: Tensor, target: Tensor) -> Tensor:
    """sum_k mean_b (Q_k(s, a) - y)^2, (E, B) and (B,)."""
    return (q - target).square().mean(1).sum()


def reduce_heads(q: Tensor, reduction: str) -> Tensor:
    """Mean or minimum over the heads, (E, ...) to (...), for the loss of the actor."""
    return q.mean(0) if reduction == 'mean' else q.amin(0)


def actor_loss(q: Tensor, log_probability: Tensor, temperature: Tensor | float) -> Tensor:
    """mean_b (T log pi(a) - Q(s, a)) with a drawn from pi, (B,) each."""
    return (temperature * log_probability - q).mean()


def temperature_loss(temperature: Tensor, log_probability: Tensor, target: float) -> Tensor:
    """-T mean_b (log pi + H): T grows while the entropy is below H; log pi has no gradient."""
    return -(temperature * (log_probability.detach() + target)).mean()


def consistency_loss(
    denoised: Tensor, actions: Tensor, noise_level: Tensor, sigma_data: float
) -> Tensor:
    """mean_b (s^-2 + sigma_data^-2) mean_i (f(a + s eps, s, o) - a)_i^2, ConRFT's imitation."""
    weight = noise_level**-2 + sigma_data**-2
    return (weight * (denoised - actions).square().mean(1)).mean()


def imitation_loss(mode: Tensor, actions: Tensor, demonstrated: Tensor) -> Tensor:
    """sum_b w_b mean_i (mode - a)_i^2 / sum_b w_b over demonstrated steps; 0 without any."""
    error = (mode - actions).square().mean(1)
    return (demonstrated * error).sum() / demonstrated.sum().clamp(min=1.0)


def lagrange_multiplier(log_multiplier: Tensor) -> Tensor:
    """Lagrange multiplier from its logarithm, clamped to 0..1e6."""
    return log_multiplier.exp().clamp(0.0, 1e6)


def bound_rate(q: Tensor, bounds: Tensor) -> Tensor:
    """Share of the sampled values (E, N, B) below the bounds (B,): how often R is active."""
    return (q < bounds).to(torch.float32).mean()


@dataclass(frozen=True)
class SampledQValues:
    """Q-values at s of sampled actions; E heads, N actions of each kind, B states."""

    random: Tensor  # (E, N, B) of actions uniform in -1..1
    current: Tensor  # (E, N, B) of actions from pi(s)
    following: Tensor  # (E, N, B) of actions from pi(s'), at s

    @property
    def all(self) -> Tensor:
        """Every value, (E, 3 N, B)."""
        return torch.cat([self.random, self.current, self.following], 1)


def calibrate_q(q: Tensor, bounds: Tensor) -> Tensor:
    """max(Q, R), (E, N, B) and (B,)."""
    return torch.maximum(q, bounds)


def log_sum_exp(q: Tensor, temperature: float) -> Tensor:
    """T log sum_i exp(Q_i / T) over the actions, (E, N, B) to (E, B)."""
    return temperature * torch.logsumexp(q / temperature, 1)


def calql_difference(
    sampled: SampledQValues, q: Tensor, bounds: Tensor, temperature: float = 1.0
) -> Tensor:
    """T lse_i(Q_i / T) - Q(s, a), (E, B); i over random, calibrated pi(s) and pi(s'), and data.

    Random actions and the data's own (`q`, (E, B)) are not calibrated.
    """
    current = calibrate_q(sampled.current, bounds)
    following = calibrate_q(sampled.following, bounds)
    values = torch.cat([sampled.random, q[:, None], following, current], 1)
    return log_sum_exp(values, temperature) - q


def calql_weighted_difference(
    sampled: SampledQValues,
    log_current: Tensor,
    log_following: Tensor,
    q: Tensor,
    bounds: Tensor,
    actions: int,
    temperature: float = 1.0,
) -> Tensor:
    """With importance sampling: T lse_i((Q_i - log p_i) / T) - Q(s, a), without the data's action.

    p of a random action is 0.5^|A|; log_current and log_following (N, B) are log pi(a | s) and
    log pi(a | s') of the samples, and carry no gradient.
    """
    random = sampled.random - actions * math.log(0.5)
    current = calibrate_q(sampled.current, bounds) - log_current
    following = calibrate_q(sampled.following, bounds) - log_following
    return log_sum_exp(torch.cat([random, following, current], 1), temperature) - q


def conrft_difference(
    sampled: SampledQValues, q: Tensor, bounds: Tensor, temperature: float = 1.0
) -> Tensor:
    """T (lse_i(Q_i / T) - log(3 N + 1)) - Q(s, a), (E, B): 0 where all Q are equal.

    All 3 N samples are calibrated, the random ones too; the data's own action is the last.
    """
    values = torch.cat([calibrate_q(sampled.all, bounds), q[:, None]], 1)
    return log_sum_exp(values, temperature) - temperature * math.log(values.shape[1]) - q


def conservative_loss(
    difference: Tensor,
    weight: Tensor | float,
    gap: float = 0.0,
    clip_min: float = -math.inf,
    clip_max: float = math.inf,
) -> Tensor:
    """L = w sum_k (mean_b clip(difference) - gap), (E, B)."""
    return weight * (difference.clamp(clip_min, clip_max).mean(1) - gap).sum()


def lagrange_loss(
    difference: Tensor,
    multiplier: Tensor,
    weight: float,
    gap: float,
    clip_min: float = -math.inf,
    clip_max: float = math.inf,
) -> Tensor:
    """L = -m w mean_k (mean_b clip(difference) - gap): m grows above the gap."""
    held = difference.detach().clamp(clip_min, clip_max).mean(1)
    return -multiplier * weight * (held - gap).mean()


def gripper_target(
    rewards: Tensor,
    toggles: Tensor,
    penalty: float,
    discounts: Tensor,
    masks: Tensor,
    next_q: Tensor,
    next_target_q: Tensor,
) -> Tensor:
    """Double DQN: y = r - penalty toggle + d m Qtgt(s', argmax_c Q(s', c)), (B,), (B, 3)."""
    best = next_q.argmax(1, keepdim=True)
    value = next_target_q.gather(1, best)[:, 0]
    return rewards - penalty * toggles + discounts * masks * value


def gripper_loss(q: Tensor, command: Tensor, target: Tensor) -> Tensor:
    """L = mean_b (Q(s, c) - y)^2, Q (B, 3), c and y (B,)."""
    return (q.gather(1, command[:, None])[:, 0] - target).square().mean()
