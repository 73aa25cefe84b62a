"""What a freshly adapted model makes of the moments of the demonstration it was not shown."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from robo_dopamine_ros.reward.compact.dataset import Demonstration
from robo_dopamine_ros.reward.compact.model import Card
from robo_dopamine_ros.reward.compact.network import Network
from robo_dopamine_ros.reward.compact.training import see

PERIOD = 2.0  # [s] between the moments held back, which so form pairs two seconds apart
SHARE = 0.1  # of each period that is held back
SCENES = 4  # unseen appearances in which they are judged


@dataclass(frozen=True)
class SelfCheck:
    """Figures on held-back moments, each seen in appearances of its own."""

    frames: int  # judged
    mae: float  # of progress
    voc: float  # Spearman rank correlation of progress with time
    hop_sign: float  # share of pairs two seconds apart told in the right order
    alarms: float  # share of sound views called unfamiliar

    def __str__(self) -> str:
        """One line for people."""
        return (
            f'held back {self.frames} frames: progress error {self.mae:.3f}, '
            f'rank correlation {self.voc:.3f}, two-second hops {self.hop_sign:.0%} right, '
            f'false alarms {self.alarms:.1%}'
        )


def hold_back(demonstration: Demonstration) -> np.ndarray:
    """Which frames (T,) are kept from training; never the last, which shows the goal."""
    total, period = len(demonstration.progress), rhythm(demonstration)
    held = np.arange(total) % period >= period - max(1, round(SHARE * period))
    held[-1] = False
    return held


def rhythm(demonstration: Demonstration) -> int:
    """Frames from one held-back moment to the next."""
    return max(4, round(PERIOD * demonstration.second))


def without(demonstration: Demonstration, held: np.ndarray) -> Demonstration:
    """The demonstration with some frames kept from training."""
    return replace(demonstration, shown=np.flatnonzero(~held))


@torch.no_grad()
def look(network: Network, demonstration: Demonstration, frames: np.ndarray, seed: int) -> Tensor:
    """States (N, S) of frames in one new appearance."""
    states = []
    for start in range(0, len(frames), 32):
        generator = torch.Generator().manual_seed(seed)
        chosen = frames[start : start + 32]
        pictures = see(demonstration, chosen, network.shape, 1.0, generator)
        states.append(network.state(network.tokens(pictures, torch.ones(pictures.shape[:2]))))
    return torch.cat(states)


@torch.no_grad()
def self_check(network: Network, demonstration: Demonstration, held: np.ndarray) -> SelfCheck:
    """Judge the held-back frames of a demonstration."""
    frames = np.flatnonzero(held)
    true = demonstration.progress[frames]
    later = np.searchsorted(frames, frames + rhythm(demonstration))
    pairs = [(i, j) for i, j in enumerate(later) if j < len(frames) and true[j] - true[i] > 0.005]
    figures = []
    for scene in range(SCENES):
        states = look(network, demonstration, frames, 9000 + scene)
        progress = network.progress(states).clamp(0, 1).numpy()
        first, second = np.array(pairs, int).reshape(-1, 2).T
        moved = network.change(states[first], states[second]).numpy()
        familiar = torch.sigmoid(network.familiarity(states)).numpy()
        figures.append(
            (
                np.abs(progress - true).mean(),
                spearmanr(frames, progress)[0],
                (moved > 0).mean() if len(moved) else np.nan,
                (familiar < Card.least_familiarity).mean(),
            )
        )
    return SelfCheck(len(frames), *(float(value) for value in np.mean(figures, axis=0)))
