"""Policy features: frozen features of the compact encoder, from the pass that gives progress."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robo_dopamine_ros.grm.compact.loading import start_engine
from robo_dopamine_ros.grm.compact.model import CompactEngine, CompactGRM, EncodedViews, stack_views
from robo_dopamine_ros.grm.compact.model_card import ModelCard, read_card
from robo_dopamine_ros.grm.goal_images import GOAL_DIR, read_goal_images
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.types import Views


class CachedEngine:
    """An engine that caches its last encoding, so that GRM and policy share one pass."""

    def __init__(self, engine: CompactEngine) -> None:
        self._engine = engine
        self._images = self._present = np.empty(0)
        self._encoded: EncodedViews | None = None

    def encode(self, images: np.ndarray, present: np.ndarray) -> EncodedViews:
        """As `CompactEngine.encode`."""
        same = np.array_equal(present, self._present) and np.array_equal(images, self._images)
        if self._encoded is None or not same:
            self._encoded = self._engine.encode(images, present)
            self._images, self._present = images, present
        return self._encoded

    def compare(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """As `CompactEngine.compare`."""
        return self._engine.compare(before, after)


class FeatureEncoder:
    """Encodes views to policy features, in training and on the robot alike."""

    def __init__(self, card: ModelCard, engine: CompactEngine, chosen: Sequence[str] = ()) -> None:
        """Features are those of the `chosen` views, in their order; empty: of all views."""
        self.views, self.chosen = card.views, tuple(chosen) or card.views
        self._shape, self._engine = card.shape, engine
        self._rows = [self.views.index(view) for view in self.chosen]

    def encode(self, views: Views) -> np.ndarray:
        """Features (n,) float32 of one set of views; those of a missing view are 0."""
        shape = self._shape
        encoded = self._engine.encode(*stack_views(views, self.views, shape.width, shape.height))
        rows = encoded.features.reshape(len(self.views), -1)
        return rows[self._rows].ravel()


def open_with_features(
    folder: Path, chosen: Sequence[str] = (), engine: str = 'auto', threads: int = 1
) -> tuple[CompactGRM, FeatureEncoder]:
    """Open a model folder as a GRM and a feature encoder that share their encodings.

    `chosen` names the views whose features are given; empty: all. Raises ModelError, also for a
    model of an older version, whose graphs have no features.
    """
    card = read_card(folder)
    if unknown := [view for view in chosen if view not in card.views]:
        raise ModelError(f'{folder}: no view {", ".join(unknown)}; it has {", ".join(card.views)}')
    runner = CachedEngine(start_engine(folder, card.shape, engine, threads))
    encoder = FeatureEncoder(card, runner, chosen)
    if not encoder.encode(goal := read_goal_images(folder / GOAL_DIR, card.views)).size:
        raise ModelError(f'{folder}: its graphs give no features; adapt again with this version')
    return CompactGRM(card, runner, goal), encoder
