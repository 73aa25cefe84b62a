"""Configuration of agent and replay; imports no torch, so that commands can print it at once.

Defaults are those of the papers where they agree. There is no discount, because every stored step
carries its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from robo_dopamine_ros.policy.config import ConsistencyConfig, PolicyConfig
from robo_dopamine_ros.types import require_at_least, require_positive

Q_REDUCTIONS = ('mean', 'min')


class Stage(IntEnum):
    """Stage of training, which selects the weights of the losses."""

    OFFLINE = 0  # on demonstrations alone, before online training
    ONLINE = 1  # on demonstrations and replay


@dataclass(frozen=True)
class CalQlConfig:
    """Conservative term of Cal-QL."""

    offline: float = 1.0  # weight offline; 0: plain TD
    online: float = 1.0  # weight online; 0: plain TD
    samples: int = 10  # sampled actions of each kind (random, current, next), 1 or more
    batch_fraction: float = 1.0  # of the batch that it is computed on, drawn anew; 0..1, not 0
    importance_sampling: bool = True  # whether samples are weighted by their densities
    max_backup: bool = True  # whether targets take the best of `samples` next actions
    temperature: float = 1.0  # of the log-sum-exp, above 0
    clip_min: float = -math.inf  # lower bound of the difference
    clip_max: float = math.inf  # upper bound of the difference
    lagrange: bool = False  # whether a Lagrange multiplier holds the difference at `target_gap`
    target_gap: float = 0.8  # of the difference, with `lagrange`

    def __post_init__(self) -> None:
        require_at_least(0, self, 'offline', 'online', prefix='calql.')
        require_at_least(1, self, 'samples', prefix='calql.')
        require_positive(self, 'batch_fraction', 'temperature', prefix='calql.')
        if not self.batch_fraction <= 1.0:
            raise ValueError(f'calql.batch_fraction = {self.batch_fraction}; it must be at most 1')
        if not self.clip_min < self.clip_max:
            raise ValueError(
                f'calql.clip_min = {self.clip_min}, calql.clip_max = {self.clip_max}; '
                'clip_min must be below clip_max'
            )


@dataclass(frozen=True)
class ConRftConfig(ConsistencyConfig):
    """Consistency policy of ConRFT and the weights of its two stages."""

    conservative_weight: float = 0.1  # of the conservative term, offline only
    samples: int = 10  # sampled actions of each kind (random, current, next), 1 or more
    batch_fraction: float = 1.0  # of the batch for the conservative term, drawn anew; 0..1, not 0
    imitation_offline: float = 1.0  # weight of imitating the actions of the batch
    imitation_online: float = 0.1  # weight of imitating the actions of the batch
    value_offline: float = 0.1  # weight of the Q-values
    value_online: float = 1.0  # weight of the Q-values

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = ('imitation_offline', 'imitation_online', 'value_offline', 'value_online')
        require_at_least(0, self, 'conservative_weight', *weights, prefix='conrft.')
        require_at_least(1, self, 'samples', prefix='conrft.')
        if not 0.0 < self.batch_fraction <= 1.0:
            text = f'conrft.batch_fraction = {self.batch_fraction}'
            raise ValueError(f'{text}; it must be above 0 and at most 1')


@dataclass(frozen=True)
class AgentConfig(PolicyConfig):
    """Networks of an agent, its losses and optimizers."""

    critics: int = 4  # heads of the ensemble, each a network of its own
    target_critics: int = 2  # heads drawn for a target, which takes their minimum (REDQ)
    reward_scale: float = 10.0  # factor of rewards and return bounds in the losses, above 0
    critic_learning_rate: float = 3e-4
    actor_learning_rate: float = 3e-4
    temperature_learning_rate: float = 3e-4
    tau: float = 0.005  # Polyak factor of the target networks, per update
    actor_interval: int = 2  # updates of the critics per update of the actor
    actor_q_reduction: str = 'mean'  # over the heads in the actor's loss: mean or min
    temperature: float = 0.01  # initial weight of the entropy, for unscaled rewards, above 0
    target_entropy: float = -1.0  # per component of the action [nat]
    backup_entropy: bool = False  # whether targets include the entropy of the next action
    bound_targets_by_returns: bool = False  # whether a target is at least the achieved return
    imitation_offline: float = 0.0  # weight of imitating demonstrated steps, Gaussian actor
    imitation_online: float = 0.0  # weight of imitating demonstrated steps, Gaussian actor
    gripper_penalty: float = 0.02  # cost of a command that toggles the gripper, 0 or more
    calql: CalQlConfig = field(default_factory=CalQlConfig)
    conrft: ConRftConfig = field(default_factory=ConRftConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.actor_q_reduction not in Q_REDUCTIONS:
            text = f'actor_q_reduction = {self.actor_q_reduction!r}'
            raise ValueError(f'{text}; it must be mean or min')
        require_at_least(1, self, 'critics', 'target_critics', 'actor_interval')
        require_at_least(0, self, 'imitation_offline', 'imitation_online', 'gripper_penalty')
        rates = ('critic_learning_rate', 'actor_learning_rate', 'temperature_learning_rate')
        require_positive(self, *rates, 'temperature', 'tau', 'reward_scale')
        if not self.tau <= 1.0:
            raise ValueError(f'tau = {self.tau}; it must be at most 1')
        if not self.target_critics <= self.critics:
            raise ValueError(
                f'target_critics = {self.target_critics}; '
                f'there are only {self.critics} critics to draw from'
            )
        if not math.isfinite(self.target_entropy):
            raise ValueError(f'target_entropy = {self.target_entropy}; it must be finite')

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> 'AgentConfig':
        """Inverse of `dataclasses.asdict`, for files."""
        parts: dict[str, Any] = {
            'calql': CalQlConfig(**values['calql']),
            'conrft': ConRftConfig(**values['conrft']),
        }
        return cls(**{**values, **parts})


@dataclass(frozen=True)
class ReplayConfig:
    """Composition of the batches."""

    demonstration_ratio: float = 0.5  # share of demonstrations in a batch, 0..1; the rest is replay
    gripper_commands: bool = False  # whether batches have gripper commands, for a gripper critic
    step_cost: float = 0.0  # smallest unshaped reward of a step; 0 where only success pays
    feature_noise: float = 0.0  # standard deviation of the noise on sampled features, 0..1

    def __post_init__(self) -> None:
        for name in ('demonstration_ratio', 'feature_noise'):
            if not 0.0 <= (value := getattr(self, name)) <= 1.0:
                raise ValueError(f'{name} = {value}; it must be within 0..1')
