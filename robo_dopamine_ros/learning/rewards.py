"""Rewards of one step to compare with the shaped one of reward/shaping.py; same signature."""

from dataclasses import replace

from robo_dopamine_ros.reward.shaping import RewardParameters, step_reward
from robo_dopamine_ros.types import Outcome, Reward


def sparse_reward(
    previous_stamp: int,
    stamp: int,
    previous_potential: float,
    potential: float,
    parameters: RewardParameters,
    outcome: Outcome = Outcome.NONE,
) -> Reward:
    """Success alone pays."""
    told = step_reward(previous_stamp, stamp, previous_potential, potential, parameters, outcome)
    return replace(told, reward=told.success, shaping=0.0)


def absolute_reward(
    previous_stamp: int,
    stamp: int,
    previous_potential: float,
    potential: float,
    parameters: RewardParameters,
    outcome: Outcome = Outcome.NONE,
) -> Reward:
    """Progress itself pays, step by step: to linger near the end is worth more than to end."""
    told = step_reward(previous_stamp, stamp, previous_potential, potential, parameters, outcome)
    return replace(told, reward=told.success + told.potential, shaping=told.potential)


def scaled_reward(
    previous_stamp: int,
    stamp: int,
    previous_potential: float,
    potential: float,
    parameters: RewardParameters,
    outcome: Outcome = Outcome.NONE,
) -> Reward:
    """The same times (1 - discount): to linger at the end for ever is worth one success."""
    told = step_reward(previous_stamp, stamp, previous_potential, potential, parameters, outcome)
    share = (1.0 - told.discount) * told.potential
    return replace(told, reward=told.success + share, shaping=share)


REWARDS = {
    'shaped': step_reward,
    'sparse': sparse_reward,
    'absolute': absolute_reward,
    'scaled': scaled_reward,
}
