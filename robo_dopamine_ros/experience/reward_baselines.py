"""Baselines of the shaped step reward of reward/shaping.py, with its signature."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from robo_dopamine_ros.reward.shaping import step_reward
from robo_dopamine_ros.types import Reward


def step_reward_variant(change: Callable[[Reward], Reward]) -> Callable[..., Reward]:
    """Decorate a change of a shaped reward into a function with the signature of `step_reward`."""

    @wraps(change)
    def reward(*step: Any, **named: Any) -> Reward:
        return change(step_reward(*step, **named))

    return reward


@step_reward_variant
def sparse_reward(shaped: Reward) -> Reward:
    """Reward for success alone."""
    return replace(shaped, reward=shaped.success, shaping=0.0)


@step_reward_variant
def absolute_reward(shaped: Reward) -> Reward:
    """Success plus the potential at every step; staying near the goal pays more than success."""
    potential = shaped.potential
    return replace(shaped, reward=shaped.success + potential, shaping=potential)


@step_reward_variant
def scaled_reward(shaped: Reward) -> Reward:
    """Success plus (1 - discount) potential; staying at the goal forever pays one success."""
    share = (1.0 - shaped.discount) * shaped.potential
    return replace(shaped, reward=shaped.success + share, shaping=share)


REWARDS = {
    'shaped': step_reward,
    'sparse': sparse_reward,
    'absolute': absolute_reward,
    'scaled': scaled_reward,
}
