"""What is true of an insertion: pure functions of the peg tip's pose relative to the hole.

`tip` is (..., 3) [m] in the hole's frame: origin in the middle of its mouth, z up along its axis.
"""

from dataclasses import dataclass

import numpy as np

SUCCESS, PARTIAL, FAILURE = 'success', 'partial', 'failure'
GRADES = (SUCCESS, PARTIAL, FAILURE)


@dataclass(frozen=True)
class Keyframes:
    """Where the stages of an insertion lie and what progress they stand for.

    The gap between `near` and `over` is what lets a mean progress of 0.4 tell a peg above the
    hole from one pressed on the board beside it.
    """

    far: float = 0.16  # distance from the hole at which progress begins [m]
    near: float = 0.33  # progress close to the hole, not over it
    over: float = 0.65  # progress over the hole, tip at the rim
    caught: float = 0.76  # progress at `shallow`
    shallow: float = 0.015  # deepest partial insertion [m]
    deep: float = 0.020  # depth of a success [m]
    inner: float = 0.007  # offset up to which the tip is fully over the hole [m]
    outer: float = 0.013  # offset from which it is not over the hole at all [m]
    low: float = 0.025  # height up to which being over the hole counts fully [m]
    high: float = 0.060  # height from which it does not count [m]


KEYFRAMES = Keyframes()


def _smooth(x: np.ndarray) -> np.ndarray:
    """Smooth step from 0 at x <= 0 to 1 at x >= 1."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def depth(tip: np.ndarray, hole: float) -> np.ndarray:
    """How far the tip is inside a hole of side `hole` [m]; 0 outside.

    Pressed on the board the tip dips below the mouth by micrometres, so only its middle half
    counts as the way in.
    """
    tip = np.asarray(tip, dtype=float)
    within = np.abs(tip[..., :2]).max(axis=-1) < hole / 4
    return np.where(within, np.maximum(-tip[..., 2], 0.0), 0.0)


def overlap(tip: np.ndarray, keys: Keyframes = KEYFRAMES) -> np.ndarray:
    """1 where the tip is low over the hole, 0 where it is beside or high above it."""
    tip = np.asarray(tip, dtype=float)
    offset = np.hypot(tip[..., 0], tip[..., 1])
    beside = _smooth((offset - keys.inner) / (keys.outer - keys.inner))
    above = _smooth((tip[..., 2] - keys.low) / (keys.high - keys.low))
    return (1 - beside) * (1 - above)


def progress(tip: np.ndarray, hole: float, keys: Keyframes = KEYFRAMES) -> np.ndarray:
    """True progress in 0..1: approach, then over the hole, then depth."""
    tip = np.asarray(tip, dtype=float)
    distance = np.linalg.norm(tip, axis=-1)
    approach = keys.near * np.clip(1 - distance / keys.far, 0.0, 1.0)
    outside = approach + (keys.over - keys.near) * overlap(tip, keys)
    inside = depth(tip, hole)
    marks = (0.0, keys.shallow, keys.deep)
    return np.where(inside > 0, np.interp(inside, marks, (keys.over, keys.caught, 1.0)), outside)


def grade(tip: np.ndarray, hole: float, keys: Keyframes = KEYFRAMES) -> str:
    """What an episode that ended with this tip was: success, partial or failure."""
    inside = float(depth(tip, hole))
    if inside >= keys.deep:
        return SUCCESS
    return PARTIAL if inside > 0 or float(overlap(tip)) >= 0.5 else FAILURE


def ruling(values: np.ndarray) -> str:
    """The paper's three-way outcome of a rollout's progress values (T,) (Eq 58)."""
    values = np.asarray(values, dtype=float)
    if values[-1] > 0.8 and values[-max(1, len(values) // 3) :].mean() > 0.6:
        return SUCCESS
    return PARTIAL if values.mean() >= 0.4 else FAILURE
