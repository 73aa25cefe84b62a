"""Losses and targets as functions of tensors, each formula in its docstring.

B transitions, E heads, N actions. Losses of an ensemble are means over the batch and sums over
the heads, so that a head learns the same however many there are.
"""

import torch
from torch import Tensor


def next_values(q: Tensor, log_probability: Tensor, entropy_weight: Tensor | float) -> Tensor:
    """V' = max_i min_k Q_k(s', a_i) - w log pi(a_best), (E, N, B) and (N, B) to (B,).

    N = 1 is the backup of SAC, more actions the max-target backup of CQL. The heads given are
    those that count: all of them, or the random subset of REDQ.
    """
    value, best = q.amin(0).max(0)
    return value - entropy_weight * log_probability.gather(0, best[None])[0]


def td_target(rewards: Tensor, discounts: Tensor, masks: Tensor, values: Tensor) -> Tensor:
    """TD: y = r + d m V', all (B,); d of the very step, m = 0 only where the task ended."""
    return rewards + discounts * masks * values


def td_loss(q: Tensor, target: Tensor) -> Tensor:
    """sum_k mean_b (Q_k(s, a) - y)^2, (E, B) and (B,)."""
    return (q - target).square().mean(1).sum()


def of_heads(q: Tensor, reduction: str) -> Tensor:
    """What the actor believes of the ensemble: (E, ...) to (...), mean or min."""
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


def multiplier(log_multiplier: Tensor) -> Tensor:
    """A Lagrange multiplier from its logarithm, held within 0..1e6."""
    return log_multiplier.exp().clamp(0.0, 1e6)


def bound_rate(q: Tensor, bounds: Tensor) -> Tensor:
    """Share of the sampled values (E, N, B) below the bounds (B,): how often they calibrate."""
    return (q < bounds).to(torch.float32).mean()
