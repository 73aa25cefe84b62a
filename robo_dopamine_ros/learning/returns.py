"""Lower bounds of the value by Monte-Carlo returns; they calibrate Cal-QL and ConRFT.

R_t = r_t + d_t R_(t+1) over the steps of one uninterrupted segment, of the very rewards and
discounts the critics see. What follows the last step is one number, `after`: 0 where the task
itself ended; where the segment was only cut, what a policy that gains nothing more still gets, by
`worst`. Shaping by a potential then moves every bound by -Phi(s_t), cut segments included.
"""

import numpy as np

ENDED = 0.0  # after a terminal step nothing is gained or lost


def returns(rewards: np.ndarray, discounts: np.ndarray, after: float) -> np.ndarray:
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


def worst(potential: float, reward: float = 0.0, discount: float = 0.0) -> float:
    """Give the least value of the state in which a segment was cut: r / (1 - d) - Phi(s).

    `reward` is the smallest unshaped reward of a step and `discount` that of one period: 0 where
    only success pays, r_neg where every step costs. With the latter a segment of nothing but
    r_neg has the bound r_neg / (1 - d) at every step, the convention of Cal-QL.
    """
    if not 0.0 <= discount < 1.0:
        raise ValueError(f'discount = {discount}; it must be at least 0 and below 1')
    return reward / (1.0 - discount) - potential
