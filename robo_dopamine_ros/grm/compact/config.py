"""Sizes and training settings of the compact GRM; without torch, so that the CLI starts fast."""

import math
from dataclasses import dataclass

from robo_dopamine_ros.types import require_at_least


@dataclass(frozen=True)
class CompactTrainConfig:
    """Training settings."""

    steps: int = 1200  # gradient steps
    seconds: float = 240.0  # the learning-rate schedule ends by then on any machine [s]
    threads: int = 0  # CPU threads; 0: all
    scenes: int = 2  # pseudo-episodes in a batch
    frames: int = 11  # view sets of one pseudo-episode
    broken: int = 6  # corrupted view sets in a batch
    rate: float = 1.5e-3  # peak learning rate
    decay: float = 0.05  # weight decay
    average: float = 0.99  # decay of the exponential moving average of the weights
    strength: float = 1.0  # scale of the augmentation of pseudo-episodes
    drop: float = 0.3  # probability to hide a view; half of it for the first
    sigma: float = 0.04  # standard deviation of a histogram label, in progress

    def __post_init__(self) -> None:
        require_at_least(1, self, 'steps', 'scenes', 'frames', 'broken')
        require_at_least(0, self, 'threads')
        if not 0.0 < self.seconds < math.inf:
            raise ValueError(f'seconds = {self.seconds}; it must be above 0')


@dataclass(frozen=True)
class CompactShape:
    """Sizes of the network, stored in the model card."""

    views: int = 3
    width: int = 128  # image columns [px]
    height: int = 96  # image rows [px]
    token: int = 128  # features of one view
    state: int = 256  # features of one set of views
    bins: int = 49  # of the progress histogram

    def __post_init__(self) -> None:
        if not 1 <= self.views <= 3:
            raise ValueError(f'views is {self.views}; it must be one to three')
        if self.width % 32 or self.height % 32:
            raise ValueError(f'images of {self.width}x{self.height}; sides must divide by 32')
