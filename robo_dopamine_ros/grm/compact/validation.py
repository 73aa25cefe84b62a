"""Validation of an adapted model on held-out frames of its demonstration."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from robo_dopamine_ros.grm.compact.dataset import Demonstration
from robo_dopamine_ros.grm.compact.model_card import ModelCard
from robo_dopamine_ros.grm.compact.network import CompactNetwork
from robo_dopamine_ros.grm.compact.training import pseudo_episode

HOLDOUT_PERIOD = 2.0  # [s] between held-out blocks, so that frames of two blocks form pairs
HOLDOUT_SHARE = 0.1  # of each period that is held out
APPEARANCES = 4  # augmentations in which the held-out frames are evaluated


@dataclass(frozen=True)
class ValidationMetrics:
    """Metrics on held-out frames, averaged over augmentations."""

    frames: int  # number of held-out frames
    mae: float  # mean absolute error of progress
    voc: float  # Spearman rank correlation of progress with time
    hop_sign: float  # share of pairs two seconds apart whose hop has the right sign
    alarms: float  # share of frames classified as unfamiliar

    def __str__(self) -> str:
        """One line of text."""
        return (
            f'held back {self.frames} frames: progress error {self.mae:.3f}, '
            f'rank correlation {self.voc:.3f}, two-second hops {self.hop_sign:.0%} right, '
            f'false alarms {self.alarms:.1%}'
        )


def held_out_frames(demonstration: Demonstration) -> np.ndarray:
    """Mask (T,) of the frames that are held out; never the last frame, which shows the goal."""
    total, period = len(demonstration.progress), holdout_period(demonstration)
    held = np.arange(total) % period >= period - max(1, round(HOLDOUT_SHARE * period))
    held[-1] = False
    return held


def holdout_period(demonstration: Demonstration) -> int:
    """Frames from one held-out block to the next."""
    return max(4, round(HOLDOUT_PERIOD * demonstration.rate))


def training_part(demonstration: Demonstration, held: np.ndarray) -> Demonstration:
    """The demonstration without the held-out frames."""
    return replace(demonstration, train_frames=np.flatnonzero(~held))


@torch.no_grad()
def encode_frames(
    network: CompactNetwork, demonstration: Demonstration, frames: np.ndarray, seed: int
) -> Tensor:
    """States (N, S) of frames in one augmentation, drawn by `seed`."""
    states = []
    for start in range(0, len(frames), 32):
        generator = torch.Generator().manual_seed(seed)
        chosen = frames[start : start + 32]
        images = pseudo_episode(demonstration, chosen, network.shape, 1.0, generator)
        states.append(network.state(network.tokens(images, torch.ones(images.shape[:2]))))
    return torch.cat(states)


@torch.no_grad()
def validate(
    network: CompactNetwork, demonstration: Demonstration, held: np.ndarray
) -> ValidationMetrics:
    """Evaluate the held-out frames of a demonstration."""
    frames = np.flatnonzero(held)
    true = demonstration.progress[frames]
    later = np.searchsorted(frames, frames + holdout_period(demonstration))
    pairs = [(i, j) for i, j in enumerate(later) if j < len(frames) and true[j] - true[i] > 0.005]
    metrics = []
    for scene in range(APPEARANCES):
        states = encode_frames(network, demonstration, frames, 9000 + scene)
        progress = network.progress(states).clamp(0, 1).numpy()
        first, second = np.array(pairs, int).reshape(-1, 2).T
        moved = network.change(states[first], states[second]).numpy()
        familiar = torch.sigmoid(network.familiarity(states)).numpy()
        metrics.append(
            (
                np.abs(progress - true).mean(),
                spearmanr(frames, progress)[0],
                (moved > 0).mean() if len(moved) else np.nan,
                (familiar < ModelCard.least_familiarity).mean(),
            )
        )
    return ValidationMetrics(len(frames), *(float(value) for value in np.mean(metrics, axis=0)))
