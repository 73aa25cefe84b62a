"""Demonstrations in memory, and the picking of training batches from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.types import Recording

NEAR = (0.3, 3.0)  # [s] between the frames of a local pair
SIZE = (160, 120)  # stored columns and rows [px]; augmentation resamples from these


@dataclass(frozen=True)
class Demonstration:
    """One labelled recording, decoded."""

    pictures: Tensor  # (T, V, 3, h, w) uint8
    progress: np.ndarray  # (T,) 0..1
    second: float  # frames a second
    complete: bool  # whether its last frame shows the finished task
    shown: np.ndarray  # (K,) frames that training may see, rising


def decode(recording: Recording, views: Sequence[str], rate: float = 30.0) -> Demonstration:
    """Read a recording at most `rate` frames a second.

    Without annotation progress is taken as linear in time over its span. Raises ValueError naming
    a view that the recording lacks.
    """
    missing = [view for view in views if view not in recording.views]
    if missing:
        raise ValueError(
            f'{recording.name} has views {list(recording.views)}; {missing} is needed as well'
        )
    stride = max(1, round(recording.rate / rate))
    frames = [
        np.stack([seen.images[view] for view in views])
        for seen in recording.play(size=SIZE, stride=stride)
    ]
    progress = recording.progress
    if progress is None:
        first, last = recording.span
        progress = np.interp(np.arange(recording.length), [first, last], [0.0, 1.0])
    progress = np.asarray(progress, float)[::stride][: len(frames)]
    if len(frames) < 8:
        raise ValueError(f'{recording.name} has {len(frames)} frames; at least 8 are needed')
    pictures = torch.from_numpy(np.stack(frames)).permute(0, 1, 4, 2, 3).contiguous()
    return Demonstration(
        pictures,
        progress,
        second=recording.rate / stride,
        complete=bool(progress[-1] > 0.99),
        shown=np.arange(len(frames)),
    )


def pick(demonstration: Demonstration, count: int, rng: np.random.Generator) -> np.ndarray:
    """Frame numbers (count,): the start, then anchors spread over the task with near partners."""
    total = len(demonstration.progress)
    pairs = (count - 1) // 2
    spread = (np.arange(pairs) + rng.random(pairs)) / pairs
    if rng.random() < 0.5:
        rising = np.maximum.accumulate(demonstration.progress) + np.arange(total) * 1e-6
        anchors = np.interp(spread * rising[-1], rising, np.arange(total))
    else:
        anchors = spread * total
    gap = rng.uniform(*NEAR, pairs) * demonstration.second * rng.choice([-1, 1], pairs)
    first = rng.integers(0, max(1, round(0.01 * total)))
    chosen = np.concatenate([[first], anchors, anchors + gap, [total - 1 - first]])
    nearest = np.searchsorted(demonstration.shown, chosen[:count].round())
    return demonstration.shown[nearest.clip(0, len(demonstration.shown) - 1)]
