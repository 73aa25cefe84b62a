"""How far a stick is pushed, and what share of the full pace that means."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """The same both ways, 0 in the dead zone and 1 at the end, finer around the middle."""

    dead_zone: float = 0.08  # share of the way that moves nothing
    expo: float = 0.4  # 0: straight, 1: cubic

    def __post_init__(self) -> None:
        if not 0 <= self.dead_zone < 1:
            raise ValueError(f'dead_zone = {self.dead_zone}; it must be in 0..1, without 1')
        if not 0 <= self.expo <= 1:
            raise ValueError(f'expo = {self.expo}; it must be in 0..1')

    def shape(self, deflection: np.ndarray) -> np.ndarray:
        """Share of the full pace, -1..1, of a deflection; beyond -1..1 it counts as the end."""
        way = np.clip(np.abs(deflection) - self.dead_zone, 0.0, 1.0 - self.dead_zone)
        way = way / (1.0 - self.dead_zone)
        return np.sign(deflection) * ((1.0 - self.expo) * way + self.expo * way**3)

    def unshape(self, share: np.ndarray) -> np.ndarray:
        """The deflection that means a share of the full pace; 0 for a share of 0."""
        wanted = np.clip(np.abs(share), 0.0, 1.0)
        ways = np.linspace(0.0, 1.0, 401)
        way = np.interp(wanted, (1.0 - self.expo) * ways + self.expo * ways**3, ways)
        return np.sign(share) * (self.dead_zone + (1.0 - self.dead_zone) * way)
