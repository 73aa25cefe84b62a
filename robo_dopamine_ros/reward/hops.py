"""Hops: progress relative to what is left to do, or to undo (arXiv 2512.23703, Eq 2 and 4 to 7)."""

import numpy as np
from numpy.typing import ArrayLike

ZERO_PAIR = 1e-9  # two states closer than this in progress are the same state


def hop_label(before: ArrayLike, after: ArrayLike) -> np.ndarray:
    """Eq 2 (57): the hop in -1..1 between two states of progress 0..1, element by element.

    Forward steps count against what was left (1 - before), backward ones against what had been
    reached (before). Nothing is left at 1 and nothing reached at 0, so there the hop is 0.
    """
    before, after = _progress(before, 'before'), _progress(after, 'after')
    step = after - before
    base = np.where(step >= 0.0, 1.0 - before, before)
    moved = (np.abs(step) > ZERO_PAIR) & (base > 0.0)
    return np.where(moved, step / np.where(moved, base, 1.0), 0.0)


def progress_after(before: ArrayLike, hop: ArrayLike) -> np.ndarray:
    """Eq 4 and 5, the inverse of Eq 2: the progress 0..1 that a hop leads to."""
    before, hop = _progress(before, 'before'), np.asarray(hop, float)
    return np.clip(before + increment(before, hop), 0.0, 1.0)


def increment(before: ArrayLike, hop: ArrayLike) -> np.ndarray:
    """Eq 4: the change of progress that a hop in -1..1 stands for."""
    before, hop = np.asarray(before, float), np.asarray(hop, float)
    return np.where(hop >= 0.0, (1.0 - before) * hop, before * hop)


def forward_progress(hop: ArrayLike, start: ArrayLike = 0.0) -> np.ndarray:
    """Eq 6: progress by the hop from the start views, clamped to 0..1.

    `start` is the progress of the start views: 0 in the paper, 1 when a video plays backwards.
    """
    return progress_after(start, hop)


def backward_progress(hop: ArrayLike) -> np.ndarray:
    """Eq 7: progress by the hop from the goal views, clamped to 0..1."""
    return progress_after(1.0, hop)


def _progress(value: ArrayLike, name: str) -> np.ndarray:
    value = np.asarray(value, float)
    if not ((value >= 0.0) & (value <= 1.0)).all():
        raise ValueError(f'{name} = {value}; progress must be within 0..1')
    return value
