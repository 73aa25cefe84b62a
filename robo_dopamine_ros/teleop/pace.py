"""How fast a person drives at most."""

import math
from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.geometry import slowed


@dataclass(frozen=True)
class Pace:
    """The pace of a full deflection, and the most that any device can ask for."""

    speed: float = 0.10  # [m/s]
    turning: float = 0.6  # [rad/s]

    def __post_init__(self) -> None:
        for name in ('speed', 'turning'):
            if not 0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value}; it must be above 0')

    def twist(self, shares: np.ndarray) -> np.ndarray:
        """Twist (6,) [m/s, rad/s] of shares -1..1, in their direction and within the pace."""
        return self.bounded(np.append(shares[:3] * self.speed, shares[3:] * self.turning))

    def bounded(self, twist: np.ndarray) -> np.ndarray:
        """The twist (6,) [m/s, rad/s], shortened where it is faster."""
        return slowed(twist, self.speed, self.turning)
