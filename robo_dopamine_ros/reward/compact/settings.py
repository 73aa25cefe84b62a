"""How the compact GRM is trained; known without torch, so that commands can tell it at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How to train."""

    steps: int = 1200  # gradient steps
    seconds: float = 240.0  # the schedule ends by then, whatever the machine [s]
    threads: int = 0  # of the processor; 0: all there are
    scenes: int = 2  # pseudo-episodes in a batch
    frames: int = 11  # picture sets of one pseudo-episode
    broken: int = 6  # corrupted picture sets in a batch
    rate: float = 1.5e-3  # peak learning rate
    decay: float = 0.05  # weight decay
    average: float = 0.99  # of the weights that are kept
    strength: float = 1.0  # of the differences between pseudo-episodes
    drop: float = 0.3  # chance to hide a view; half of it for the first
    sigma: float = 0.04  # spread of a histogram label, in progress
