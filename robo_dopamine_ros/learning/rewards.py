"""Rewards of one step to compare with the shaped one of reward/shaping.py; same signature."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from robo_dopamine_ros.reward.shaping import step_reward
from robo_dopamine_ros.types import Reward


def of_a_step(change: Callable[[Reward], Reward]) -> Callable[..., Reward]:
    """Give the reward of a step as `step_reward` does, changed."""

    @wraps(change)
    def reward(*step: Any, **named: Any) -> Reward:
        return change(step_reward(*step, **named))

    return reward


@of_a_step
def sparse_reward(told: Reward) -> Reward:
    """Success alone pays."""
    return replace(told, reward=told.success, shaping=0.0)


@of_a_step
def absolute_reward(told: Reward) -> Reward:
    """Progress itself pays, step by step: to linger near the end is worth more than to end."""
    return replace(told, reward=told.success + told.potential, shaping=told.potential)


@of_a_step
def scaled_reward(told: Reward) -> Reward:
    """The same times (1 - discount): to linger at the end for ever is worth one success."""
    share = (1.0 - told.discount) * told.potential
    return replace(told, reward=told.success + share, shaping=share)


REWARDS = {
    'shaped': step_reward,
    'sparse': sparse_reward,
    'absolute': absolute_reward,
    'scaled': scaled_reward,
}
