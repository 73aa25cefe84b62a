"""Equation 2 of arXiv 2512.23703: the hop between two states of progress, and its denominator."""

import numpy as np
from numpy.typing import ArrayLike

MIN_CHANGE = 1e-9  # a smaller change of progress is a hop of 0
MIN_HOP_BASE = 0.02  # least progress that a predicted change is divided by


def hop_base(change: ArrayLike, before: ArrayLike) -> np.ndarray:
    """Denominator of Eq 2: progress left (1 - before) for a gain, progress reached for a loss."""
    before = np.asarray(before, float)
    return np.where(np.asarray(change) >= 0.0, 1.0 - before, before)


def hop_label(before: ArrayLike, after: ArrayLike) -> np.ndarray:
    """Eq 2 (57): the hop in -1..1 between two states of progress 0..1, element by element.

    Where the denominator is 0 (a gain from 1, a loss from 0) the hop is 0. Raises ValueError for
    progress outside 0..1.
    """
    before, after = check_progress(before, 'before'), check_progress(after, 'after')
    change = after - before
    base = hop_base(change, before)
    moved = (np.abs(change) > MIN_CHANGE) & (base > 0.0)
    return np.where(moved, change / np.where(moved, base, 1.0), 0.0)


def hop_from_change(change: float, before: float) -> float:
    """Eq 2 for a predicted change of progress: base at least MIN_HOP_BASE, hop clipped to -1..1."""
    return float(np.clip(change / max(float(hop_base(change, before)), MIN_HOP_BASE), -1.0, 1.0))


def check_progress(value: ArrayLike, name: str) -> np.ndarray:
    """The value as an array of floats; ValueError unless every element is within 0..1."""
    value = np.asarray(value, float)
    if not ((value >= 0.0) & (value <= 1.0)).all():
        raise ValueError(f'{name} = {value}; progress must be within 0..1')
    return value
