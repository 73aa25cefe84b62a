"""What every general reward model can do, whatever is inside it."""

from typing import Protocol, runtime_checkable

from robo_dopamine_ros.types import Hops, TaskContext, Views


class ModelError(ValueError):
    """A model that cannot be used."""


@runtime_checkable
class GRM(Protocol):
    """Compares camera views with the previous ones, the start and the goal of one episode."""

    name: str  # what reports and messages call it
    views: tuple[str, ...]  # camera views it looks at, in its own order

    def begin(self, context: TaskContext) -> None:
        """Start an episode; without a goal in `context` the model uses the one it learnt, if any.

        Whatever stays constant in the episode may be computed here, once.
        """

    def step(self, views: Views) -> Hops:
        """Judge one set of views against the previous valid set, the start and the goal."""

    def rest(self) -> None:
        """Do now, when the answer is out, what makes the next one quicker, if there is anything."""
