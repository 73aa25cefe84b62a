"""How an agent learns; known without torch, so that commands can tell it at once.

Defaults are those of the papers where they agree; the discount is no parameter of the agent,
because every stored step carries its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

ALGORITHMS = ('calql', 'conrft', 'sac')
REDUCTIONS = ('mean', 'min')


class Stage(IntEnum):
    """Where the batches come from."""

    OFFLINE = 0  # demonstrations alone, before practice
    ONLINE = 1  # demonstrations and replay, half and half


def require(where: str, parameters: object, low: float, names: tuple[str, ...]) -> None:
    """Raise ValueError for a field below `low`, or one that is not finite."""
    for name in names:
        if not low <= (value := getattr(parameters, name)) < math.inf:
            raise ValueError(f'{where}{name} = {value}; it must be {low:g} or more')


@dataclass(frozen=True)
class CalQl:
    """The conservative term of Cal-QL."""

    offline: float = 1.0  # its weight offline, 0: plain TD
    online: float = 1.0  # its weight online, 0: plain TD
    samples: int = 10  # actions of each of the three kinds it compares with, 1 or more
    share: float = 1.0  # of a batch that it is computed on, above 0; drawn anew for every batch
    importance: bool = True  # whether samples are weighed by their densities
    max_backup: bool = True  # whether targets take the best of `samples` next actions
    temperature: float = 1.0  # of the log-sum-exp, above 0
    lowest: float = -math.inf  # smallest difference that counts
    highest: float = math.inf  # largest difference that counts
    lagrange: bool = False  # whether a multiplier holds the difference at `gap`
    gap: float = 0.8  # difference the multiplier aims at

    def __post_init__(self) -> None:
        require('calql.', self, 0, ('offline', 'online'))
        require('calql.', self, 1, ('samples',))
        for name in ('share', 'temperature'):
            if not 0.0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f'calql.{name} = {value}; it must be above 0')
        if not self.share <= 1.0:
            raise ValueError(f'calql.share = {self.share}; it must be at most 1')
        if not self.lowest < self.highest:
            raise ValueError(
                f'calql.lowest = {self.lowest}, calql.highest = {self.highest}; '
                'lowest must be below highest'
            )


@dataclass(frozen=True)
class ConRft:
    """The consistency policy of ConRFT and the weights of its two stages."""

    conservatism: float = 0.1  # weight of the conservative term, offline only
    samples: int = 10  # actions of each of the three kinds it compares with, 1 or more
    share: float = 1.0  # of a batch that it is computed on, above 0; drawn anew for every batch
    imitation_offline: float = 1.0  # weight of imitating the batch's actions
    imitation_online: float = 0.1  # weight of imitating the batch's actions
    value_offline: float = 0.1  # weight of the critics' word
    value_online: float = 1.0  # weight of the critics' word
    scales: int = 40  # noise levels, 3 or more
    sigma_min: float = 0.002  # smallest noise, above 0
    sigma_max: float = 80.0  # largest noise, from which actions are made
    sigma_data: float = 0.5  # spread of the actions
    rho: float = 7.0  # bend of the schedule of noise levels

    def __post_init__(self) -> None:
        weights = ('imitation_offline', 'imitation_online', 'value_offline', 'value_online')
        require('conrft.', self, 0, ('conservatism', *weights))
        require('conrft.', self, 1, ('samples', 'rho'))
        require('conrft.', self, 3, ('scales',))
        if not 0.0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(
                f'conrft.sigma_min = {self.sigma_min}, conrft.sigma_max = {self.sigma_max}; '
                'they must be above 0, the smallest first'
            )
        if not 0.0 < self.sigma_data < math.inf:
            raise ValueError(f'conrft.sigma_data = {self.sigma_data}; it must be above 0')
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f'conrft.share = {self.share}; it must be above 0 and at most 1')


@dataclass(frozen=True)
class AgentParameters:
    """What an agent is and how fast it learns."""

    algorithm: str = 'calql'  # calql, conrft or sac
    critics: int = 4  # heads of the ensemble, each a network of its own
    subset: int = 2  # heads drawn for a target, whose least value counts
    reward_scale: float = 10.0  # rewards and bounds are learned times this, above 0
    width: int = 256  # of every hidden layer
    depth: int = 2  # hidden layers
    critic_rate: float = 3e-4  # learning rate
    actor_rate: float = 3e-4  # learning rate
    temperature_rate: float = 3e-4  # learning rate
    tau: float = 0.005  # share of the critics that flows into their targets at every step
    actor_every: int = 2  # critic steps for one of the actor
    actor_values: str = 'mean'  # of the heads for the actor: mean, or min
    temperature: float = 0.01  # weight of entropy at the start, against unscaled rewards, above 0
    target_entropy: float = -1.0  # of every component of an action [nat]
    backup_entropy: bool = False  # whether targets count the next action's entropy
    earned: bool = False  # whether a target is at least the return that was really earned
    imitation_offline: float = 0.0  # weight of imitating demonstrated steps, Gaussian actor
    imitation_online: float = 0.0  # weight of imitating demonstrated steps, Gaussian actor
    gripper: bool = False  # whether a critic of its own decides to close, keep or open
    flip_penalty: float = 0.02  # what a command costs that turns the gripper over, 0 or more
    calql: CalQl = field(default_factory=CalQl)
    conrft: ConRft = field(default_factory=ConRft)

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            known = ', '.join(ALGORITHMS)
            raise ValueError(f'algorithm = {self.algorithm!r}; it must be one of {known}')
        if self.actor_values not in REDUCTIONS:
            raise ValueError(f'actor_values = {self.actor_values!r}; it must be mean or min')
        require('', self, 1, ('critics', 'subset', 'width', 'depth', 'actor_every'))
        require('', self, 0, ('imitation_offline', 'imitation_online', 'flip_penalty'))
        rates = ('critic_rate', 'actor_rate', 'temperature_rate')
        for name in (*rates, 'temperature', 'tau', 'reward_scale'):
            if not 0.0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value}; it must be above 0')
        if not self.tau <= 1.0:
            raise ValueError(f'tau = {self.tau}; it must be at most 1')
        if not self.subset <= self.critics:
            raise ValueError(
                f'subset = {self.subset}; there are only {self.critics} critics to draw from'
            )
        if not math.isfinite(self.target_entropy):
            raise ValueError(f'target_entropy = {self.target_entropy}; it must be finite')

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> 'AgentParameters':
        """From what `asdict` gave, for files."""
        parts: dict[str, Any] = {
            'calql': CalQl(**kept['calql']),
            'conrft': ConRft(**kept['conrft']),
        }
        return cls(**{**kept, **parts})
