"""Decoded demonstrations, and the sampling of training frames from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.types import Recording

PAIR_GAP = (0.3, 3.0)  # [s] between the frames of a local pair
STORED_SIZE = (
    160,
    120,
)  # stored columns and rows [px]; augmentation resamples them to the input size


@dataclass(frozen=True)
class Demonstration:
    """A decoded recording with labels."""

    images: Tensor  # (T, V, 3, h, w) uint8
    progress: np.ndarray  # (T,) 0..1
    rate: float  # [Hz]
    complete: bool  # whether its last frame shows the finished task
    train_frames: np.ndarray  # (K,) frames for training, ascending


def decode_recording(
    recording: Recording, views: Sequence[str], rate: float = 30.0
) -> Demonstration:
    """Decode a recording at most at `rate` [Hz].

    Without annotation, progress is linear in time over the annotated span. Raises ValueError for a
    missing view or fewer than 8 frames.
    """
    missing = [view for view in views if view not in recording.views]
    if missing:
        raise ValueError(
            f'{recording.name} has views {list(recording.views)}; {missing} is needed as well'
        )
    stride = max(1, round(recording.rate / rate))
    frames = [
        np.stack([one.images[view] for view in views])
        for one in recording.play(size=STORED_SIZE, stride=stride)
    ]
    progress = recording.progress
    if progress is None:
        first, last = recording.span
        progress = np.interp(np.arange(recording.length), [first, last], [0.0, 1.0])
    progress = np.asarray(progress, float)[::stride][: len(frames)]
    if len(frames) < 8:
        raise ValueError(f'{recording.name} has {len(frames)} frames; at least 8 are needed')
    images = torch.from_numpy(np.stack(frames)).permute(0, 1, 4, 2, 3).contiguous()
    return Demonstration(
        images,
        progress,
        rate=recording.rate / stride,
        complete=bool(progress[-1] > 0.99),
        train_frames=np.arange(len(frames)),
    )


def sample_frames(demonstration: Demonstration, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random frame indices (count,).

    The first is near the start; then follow anchors spread over the task, and for each anchor a
    neighbour 0.3 to 3 s away.
    """
    total = len(demonstration.progress)
    pairs = (count - 1) // 2
    spread = (np.arange(pairs) + rng.random(pairs)) / pairs
    if rng.random() < 0.5:
        rising = np.maximum.accumulate(demonstration.progress) + np.arange(total) * 1e-6
        anchors = np.interp(spread * rising[-1], rising, np.arange(total))
    else:
        anchors = spread * total
    gap = rng.uniform(*PAIR_GAP, pairs) * demonstration.rate * rng.choice([-1, 1], pairs)
    first = rng.integers(0, max(1, round(0.01 * total)))
    chosen = np.concatenate([[first], anchors, anchors + gap, [total - 1 - first]])
    nearest = np.searchsorted(demonstration.train_frames, chosen[:count].round())
    return demonstration.train_frames[nearest.clip(0, len(demonstration.train_frames) - 1)]
