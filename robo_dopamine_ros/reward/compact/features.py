"""What a policy sees: frozen features of the compact encoder, from the pass that gives progress."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robo_dopamine_ros.reward.compact.card import read_card
from robo_dopamine_ros.reward.compact.engines import Engine, Seen
from robo_dopamine_ros.reward.compact.loading import start_engine
from robo_dopamine_ros.reward.compact.model import Card, CompactGRM
from robo_dopamine_ros.reward.compact.pictures import stack
from robo_dopamine_ros.reward.goal import GOAL, read_goal
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.types import Views


class Remembering:
    """An engine that knows its last pictures again, so that two who look cost one pass."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pictures = self._present = np.empty(0)
        self._seen: Seen | None = None

    def see(self, pictures: np.ndarray, present: np.ndarray) -> Seen:
        """As `Engine.see`."""
        same = np.array_equal(present, self._present) and np.array_equal(pictures, self._pictures)
        if self._seen is None or not same:
            self._seen = self._engine.see(pictures, present)
            self._pictures, self._present = pictures, present
        return self._seen

    def compare(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """As `Engine.compare`."""
        return self._engine.compare(before, after)


class Eyes:
    """Views in, features out; the same code in the trainer and on the robot."""

    def __init__(self, card: Card, engine: Engine, chosen: Sequence[str] = ()) -> None:
        """Features are those of the `chosen` views, in their order; none: of all."""
        self.views, self.chosen = card.views, tuple(chosen) or card.views
        self._shape, self._engine = card.shape, engine
        self._rows = [self.views.index(view) for view in self.chosen]

    def see(self, views: Views) -> np.ndarray:
        """Features (n,) float32 of one set of views; those of a missing view are 0."""
        shape = self._shape
        seen = self._engine.see(*stack(views, self.views, shape.width, shape.height))
        rows = seen.features.reshape(len(self.views), -1)
        return rows[self._rows].ravel()


def watch(
    folder: Path, chosen: Sequence[str] = (), engine: str = 'auto', threads: int = 1
) -> tuple[CompactGRM, Eyes]:
    """Open a model folder as a GRM and as eyes; what both look at is encoded once.

    `chosen` are the views whose features are given, none: all. Raises ModelError, also for a model
    of a version that had no features.
    """
    card = read_card(folder)
    if strange := [view for view in chosen if view not in card.views]:
        raise ModelError(
            f'{folder}: knows no view {", ".join(strange)}; it has {", ".join(card.views)}'
        )
    runner = Remembering(start_engine(folder, card.shape, engine, threads))
    eyes = Eyes(card, runner, chosen)
    if not eyes.see(goal := read_goal(folder / GOAL, card.views)).size:
        raise ModelError(f'{folder}: its graphs give no features; adapt again with this version')
    return CompactGRM(card, runner, goal), eyes
