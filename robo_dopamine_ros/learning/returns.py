"""Monte Carlo return lower bounds of transitions, for the calibration of Cal-QL."""

import numpy as np

TERMINAL_VALUE = 0.0  # of the state after a terminal step


def monte_carlo_returns(rewards: np.ndarray, discounts: np.ndarray, after: float) -> np.ndarray:
    """R_t = r_t + d_t R_(t+1) for the steps (T,) of one segment, with R_T = `after`."""
    if rewards.shape != discounts.shape or rewards.ndim != 1:
        raise ValueError(
            f'rewards {rewards.shape} and discounts {discounts.shape} must be of one shape (T,)'
        )
    bounds = np.empty(len(rewards))
    value = after
    for step in range(len(rewards) - 1, -1, -1):
        value = rewards[step] + discounts[step] * value
        bounds[step] = value
    return bounds


def worst_case_value(potential: float, reward: float = 0.0, discount: float = 0.0) -> float:
    """Lower bound of the value of the state in which a segment was truncated: r / (1 - d) - Phi(s).

    `reward` is the smallest unshaped reward of a step and `discount` that of one period: 0 where
    only success pays, r_neg where every step costs. With the latter a segment of nothing but
    r_neg has the bound r_neg / (1 - d) at every step, the convention of Cal-QL.
    """
    if not 0.0 <= discount < 1.0:
        raise ValueError(f'discount = {discount}; it must be at least 0 and below 1')
    return reward / (1.0 - discount) - potential
