"""What a model said of one recording, as arrays that metrics read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from robo_dopamine_ros.reward.metrics import block_indices, spearman
from robo_dopamine_ros.types import Hops, Progress

PERSPECTIVES = ('fused', 'incremental', 'forward', 'backward', 'incremental_own')
Picked = TypeVar('Picked', bound='Arrays')


@dataclass(frozen=True)
class Arrays:
    """Arrays of equal length that are picked from together."""

    def take(self: Picked, indices: np.ndarray) -> Picked:
        """Pick the same entries from every array."""
        return replace(self, **{f.name: getattr(self, f.name)[indices] for f in fields(self)})


@dataclass(frozen=True)
class Curves(Arrays):
    """The readings of one playback, (n,) each, in playing order."""

    time: np.ndarray  # 0, 1, ... in playing order
    fused: np.ndarray  # 0..1, as all that follow
    incremental: np.ndarray
    forward: np.ndarray
    backward: np.ndarray  # NaN without a goal
    incremental_own: np.ndarray  # hops added to themselves alone, as the published code does
    confidence: np.ndarray
    candidate: np.ndarray  # bool, success proposed

    def order(self, perspective: str) -> float | None:
        """Spearman correlation of a perspective with the order of playing."""
        values = getattr(self, perspective)
        return None if np.isnan(values).any() else spearman(self.time, values)


def curves(readings: Sequence[Progress], own: Sequence[Progress]) -> Curves:
    """Collect the readings of one playback; `own` are those of the published recursion."""
    return Curves(
        time=np.arange(len(readings)),
        fused=np.array([r.progress for r in readings]),
        incremental=np.array([r.incremental for r in readings]),
        forward=np.array([r.forward for r in readings]),
        backward=np.array([r.backward for r in readings]),
        incremental_own=np.array([r.incremental for r in own]),
        confidence=np.array([r.confidence for r in readings]),
        candidate=np.array([r.success_candidate for r in readings]),
    )


@dataclass(frozen=True)
class Suspicion(Arrays):
    """How far a model distrusted its inputs, (n,) each."""

    score: np.ndarray  # 1 - familiarity, and 1 more where it refused
    disagreement: np.ndarray  # of forward and backward progress, 0..1; NaN where one is unknown
    refused: np.ndarray  # bool


def suspicion(hops: Sequence[Hops]) -> Suspicion:
    """Collect the distrust in a row of answers; a familiarity that is no number counts as 0."""
    refused = np.array([not h.valid for h in hops], bool)
    strange = 1.0 - np.nan_to_num([h.familiarity for h in hops], nan=0.0)
    forward = np.array([h.forward for h in hops])
    backward = np.array([1.0 + (np.nan if h.backward is None else h.backward) for h in hops])
    gap = np.abs(np.clip(forward, 0.0, 1.0) - np.clip(backward, 0.0, 1.0))
    return Suspicion(strange + refused, gap, refused)


@dataclass(frozen=True)
class Pairs(Arrays):
    """Hops between two frames that truly differ, both orders of each, (n,)."""

    label: np.ndarray  # Eq 2 from the annotation, -1..1
    hop: np.ndarray  # the model's; 0 where it gave no reading


@dataclass(frozen=True)
class Stillness(Arrays):
    """|hop| where nothing happened, (n,); NaN where the model gave no reading."""

    identical: np.ndarray  # the very same pictures again
    noisy: np.ndarray  # the same scene through fresh sensor noise


@dataclass(frozen=True)
class Trace:
    """All that was asked about one recording."""

    name: str
    task: str
    grade: str  # success, partial, failure; empty when unknown
    successful: bool  # graded a success, or an ungraded demonstration
    interval: int  # [frames] between steps
    gap: int  # [frames] between the frames of a pair
    truth: np.ndarray | None  # (n,) annotated progress 0..1
    played: Curves
    rewound: Curves | None  # playing backwards from progress 1; successful recordings only
    pairs: Pairs
    stillness: Stillness
    clean: Suspicion
    outliers: Mapping[str, Suspicion]
    latencies: tuple[float, ...]  # [s] of every played step

    @cached_property
    def voc(self) -> float | None:
        """Order correlation of the fused progress of a successful recording."""
        return self.played.order('fused') if self.successful else None

    @cached_property
    def voc_reversed(self) -> float | None:
        """The same on reversed playback, ideal -1."""
        return self.rewound.order('fused') if self.rewound else None

    @cached_property
    def mae(self) -> float | None:
        """Error of the fused progress of a successful recording."""
        return self.error('fused') if self.successful else None

    def error(self, perspective: str) -> float | None:
        """Mean absolute distance of a perspective from the annotation."""
        return _error(self.truth, getattr(self.played, perspective))

    def error_rewound(self, perspective: str) -> float | None:
        """The same on reversed playback."""
        if self.rewound is None or self.truth is None:
            return None
        return _error(self.truth[::-1][self.rewound.time], getattr(self.rewound, perspective))

    def resampled(self, rng: np.random.Generator) -> 'Trace':
        """Draw the steps, pairs and probes anew, in runs of neighbours."""

        def drawn(arrays: Picked) -> Picked:
            length = len(getattr(arrays, fields(arrays)[0].name))
            return arrays.take(block_indices(length, rng)) if length else arrays

        steps = block_indices(len(self.played.time), rng)
        return replace(
            self,
            truth=None if self.truth is None else self.truth[steps],
            played=self.played.take(steps),
            rewound=self.rewound and self.rewound.take(steps),
            pairs=drawn(self.pairs),
            stillness=drawn(self.stillness),
            clean=self.clean.take(steps),
            outliers={name: drawn(family) for name, family in self.outliers.items()},
        )


def _error(truth: np.ndarray | None, values: np.ndarray) -> float | None:
    if truth is None or np.isnan(values).any():
        return None
    return float(np.abs(values - truth).mean())
