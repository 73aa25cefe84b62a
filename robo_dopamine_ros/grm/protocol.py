"""The interface of a General Reward Model (GRM), the hop it predicts, and progress callbacks.

A GRM compares the present camera views with the previous ones, the start and the goal of an episode
and answers with hops (arXiv 2512.23703, Sec 3). This module needs neither torch nor ROS.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from robo_dopamine_ros.types import Hops, TaskContext, Views

MIN_CHANGE = 1e-9  # a smaller change of progress is a hop of 0
MIN_HOP_BASE = 0.02  # least progress that a predicted change is divided by

ProgressCallback = Callable[[float, str], None]  # fraction done 0..1, name of the present stage


class ModelError(ValueError):
    """A model that cannot be used; the message names the file and what is wrong with it."""


@runtime_checkable
class GRM(Protocol):
    """A general reward model: camera views of one episode in, hops out."""

    name: str  # name in messages and reports
    views: tuple[str, ...]  # camera views the model reads, in its own order

    def reset(self, context: TaskContext) -> None:
        """Start an episode and compute what stays constant in it.

        Without a goal in `context` the model uses the goal stored with it, if there is one.
        """

    def step(self, views: Views) -> Hops:
        """Compare one set of views with the previous valid set, the start and the goal."""

    def prepare_next(self) -> None:
        """Compute in advance what the next `step` needs; called after the hops are published."""


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


def ignore_progress(fraction: float, stage: str) -> None:
    """A progress callback that does nothing."""


def sub_progress(callback: ProgressCallback, first: float, last: float) -> ProgressCallback:
    """A callback for one part of the work, which covers the fractions `first` to `last`."""
    return lambda fraction, stage: callback(first + fraction * (last - first), stage)
