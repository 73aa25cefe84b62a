"""Configuration of the policy's networks, published with the weights; imports no torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from robo_dopamine_ros.types import require_at_least, require_positive

ALGORITHMS = ('calql', 'conrft', 'sac')


@dataclass(frozen=True)
class ConsistencyConfig:
    """Noise levels of a consistency policy (Karras et al. 2022; ConRFT)."""

    scales: int = 40  # number of noise levels, 3 or more
    sigma_min: float = 0.002  # smallest noise, above 0
    sigma_max: float = 80.0  # largest noise, from which actions are made
    sigma_data: float = 0.5  # standard deviation of the actions
    rho: float = 7.0  # exponent of the schedule of noise levels

    def __post_init__(self) -> None:
        require_at_least(1, self, 'rho', prefix='conrft.')
        require_at_least(3, self, 'scales', prefix='conrft.')
        if not 0.0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(
                f'conrft.sigma_min = {self.sigma_min}, conrft.sigma_max = {self.sigma_max}; '
                'they must be above 0, the smallest first'
            )
        require_positive(self, 'sigma_data', prefix='conrft.')


@dataclass(frozen=True)
class PolicyConfig:
    """What the networks of a policy depend on."""

    algorithm: str = 'calql'  # one of ALGORITHMS; conrft has a consistency actor, others a Gaussian
    width: int = 256  # of every hidden layer
    depth: int = 2  # hidden layers
    gripper: bool = False  # whether a critic chooses the gripper command: close, keep or open
    conrft: ConsistencyConfig = field(default_factory=ConsistencyConfig)

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            known = ', '.join(ALGORITHMS)
            raise ValueError(f'algorithm = {self.algorithm!r}; it must be one of {known}')
        require_at_least(1, self, 'width', 'depth')

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> 'PolicyConfig':
        """Inverse of `asdict(config.policy)`, for files."""
        return PolicyConfig(**{**values, 'conrft': ConsistencyConfig(**values['conrft'])})

    @property
    def policy(self) -> 'PolicyConfig':
        """The policy's part of a larger configuration."""
        conrft = {f.name: getattr(self.conrft, f.name) for f in fields(ConsistencyConfig)}
        own = {f.name: getattr(self, f.name) for f in fields(PolicyConfig)}
        return PolicyConfig(**{**own, 'conrft': ConsistencyConfig(**conrft)})
