"""Ground truth of an insertion: pure functions of the peg tip's position relative to the hole.

`tip` is (..., 3) [m] in the hole's frame: origin in the middle of its mouth, z up along its axis.
"""

import numpy as np

SUCCESS, PARTIAL, FAILURE = 'success', 'partial', 'failure'
# Positions of the stages of an insertion [m], and their progress. The gap between NEAR and OVER
# separates, at a mean progress of 0.4, a peg above the hole from one pressed on the board nearby.
FAR_DISTANCE = 0.16  # from the hole at which progress begins
NEAR, OVER = 0.33, 0.65  # progress close to the hole, and over it with the tip at the rim
SHALLOW_DEPTH, SHALLOW = 0.015, 0.76  # deepest partial insertion, and its progress
SUCCESS_DEPTH = 0.020
INNER_OFFSET, OUTER_OFFSET = 0.007, 0.013  # the tip is fully over the hole up to; not from
LOW_HEIGHT, HIGH_HEIGHT = 0.025, 0.060  # being over the hole counts fully up to; not from


def _smoothstep(x: np.ndarray) -> np.ndarray:
    """Smooth step from 0 at x <= 0 to 1 at x >= 1."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def insertion_depth(tip: np.ndarray, hole: float) -> np.ndarray:
    """Depth of the tip in a hole of width `hole` [m]; 0 outside.

    A tip pressed on the rim lies micrometres below the mouth, so only the middle half of the hole
    counts as inside.
    """
    tip = np.asarray(tip, dtype=float)
    within = np.abs(tip[..., :2]).max(axis=-1) < hole / 4
    return np.where(within, np.maximum(-tip[..., 2], 0.0), 0.0)


def hole_overlap(tip: np.ndarray) -> np.ndarray:
    """Return 1 for a tip low over the hole, 0 for one beside or high above it, smooth between."""
    tip = np.asarray(tip, dtype=float)
    offset = np.hypot(tip[..., 0], tip[..., 1])
    beside = _smoothstep((offset - INNER_OFFSET) / (OUTER_OFFSET - INNER_OFFSET))
    above = _smoothstep((tip[..., 2] - LOW_HEIGHT) / (HIGH_HEIGHT - LOW_HEIGHT))
    return (1 - beside) * (1 - above)


def progress(tip: np.ndarray, hole: float) -> np.ndarray:
    """Ground-truth progress in 0..1: approach, then overlap with the hole, then depth."""
    tip = np.asarray(tip, dtype=float)
    distance = np.linalg.norm(tip, axis=-1)
    approach = NEAR * np.clip(1 - distance / FAR_DISTANCE, 0.0, 1.0)
    outside = approach + (OVER - NEAR) * hole_overlap(tip)
    inside = insertion_depth(tip, hole)
    marks = (0.0, SHALLOW_DEPTH, SUCCESS_DEPTH)
    return np.where(inside > 0, np.interp(inside, marks, (OVER, SHALLOW, 1.0)), outside)


def grade(tip: np.ndarray, hole: float) -> str:
    """Grade an episode that ends at this tip position: success, partial or failure."""
    inside = float(insertion_depth(tip, hole))
    if inside >= SUCCESS_DEPTH:
        return SUCCESS
    return PARTIAL if inside > 0 or float(hole_overlap(tip)) >= 0.5 else FAILURE
