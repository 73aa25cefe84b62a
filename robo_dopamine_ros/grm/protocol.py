"""The interface of a General Reward Model (GRM), and callbacks that show the progress of long work.

A GRM compares the present camera views with the previous ones, the start and the goal of an episode
and answers with hops (arXiv 2512.23703, Sec 3). This module needs neither torch nor ROS.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from robo_dopamine_ros.types import Hops, TaskContext, Views

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


def ignore_progress(fraction: float, stage: str) -> None:
    """A progress callback that does nothing."""


def sub_progress(callback: ProgressCallback, first: float, last: float) -> ProgressCallback:
    """A callback for one part of the work, which covers the fractions `first` to `last`."""
    return lambda fraction, stage: callback(first + fraction * (last - first), stage)
