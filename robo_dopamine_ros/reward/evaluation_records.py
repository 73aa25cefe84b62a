"""Raw results of the evaluation of one recording, as arrays for the metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from robo_dopamine_ros.reward.metrics import block_indices, spearman
from robo_dopamine_ros.types import Hops, Progress

PERSPECTIVES = ('fused', 'incremental', 'forward', 'backward', 'incremental_own')
AnyArrays = TypeVar('AnyArrays', bound='AlignedArrays')


@dataclass(frozen=True)
class AlignedArrays:
    """Arrays of equal length, indexed together."""

    def select(self: AnyArrays, indices: np.ndarray) -> AnyArrays:
        """Index every array alike."""
        return replace(self, **{f.name: getattr(self, f.name)[indices] for f in fields(self)})


@dataclass(frozen=True)
class ProgressCurves(AlignedArrays):
    """The readings of one playback, (n,) each, in playing order."""

    time: np.ndarray  # 0, 1, ... in playing order
    fused: np.ndarray  # 0..1, as all that follow
    incremental: np.ndarray
    forward: np.ndarray
    backward: np.ndarray  # NaN without a goal
    incremental_own: np.ndarray  # sum of hops of its own, as in the published code
    confidence: np.ndarray
    candidate: np.ndarray  # bool, success proposed

    def rank_correlation(self, perspective: str) -> float | None:
        """Spearman correlation of a perspective with the playing order; None where it has NaN."""
        values = getattr(self, perspective)
        return None if np.isnan(values).any() else spearman(self.time, values)


def progress_curves(readings: Sequence[Progress], own: Sequence[Progress]) -> ProgressCurves:
    """Collect the readings of one playback; `own` are those of the published recursion."""
    return ProgressCurves(
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
class OodScores(AlignedArrays):
    """Scores for the detection of out-of-distribution inputs, (n,) each."""

    score: np.ndarray  # 1 - familiarity, and 1 more where it refused
    disagreement: np.ndarray  # of forward and backward progress, 0..1; NaN where one is unknown
    refused: np.ndarray  # bool


def ood_scores(hops: Sequence[Hops]) -> OodScores:
    """Scores of a sequence of hops; a familiarity that is not finite counts as 0."""
    refused = np.array([not h.valid for h in hops], bool)
    unfamiliar = 1.0 - np.nan_to_num([h.familiarity for h in hops], nan=0.0)
    forward = np.array([h.forward for h in hops])
    backward = np.array([1.0 + (np.nan if h.backward is None else h.backward) for h in hops])
    gap = np.abs(np.clip(forward, 0.0, 1.0) - np.clip(backward, 0.0, 1.0))
    return OodScores(unfamiliar + refused, gap, refused)


@dataclass(frozen=True)
class HopPairs(AlignedArrays):
    """Hops between two frames of different progress, both orders of each pair, (n,)."""

    label: np.ndarray  # Eq 2 from the annotation, -1..1
    hop: np.ndarray  # the model's; 0 where it gave no reading


@dataclass(frozen=True)
class StaticHops(AlignedArrays):
    """|hop| between views of the same state, (n,); NaN where the model gave no reading."""

    identical: np.ndarray  # the same images again
    noisy: np.ndarray  # the same images with new sensor noise


@dataclass(frozen=True)
class EvaluationRecord:
    """All measurements of one recording."""

    name: str
    task: str
    grade: str  # success, partial, failure; empty when unknown
    successful: bool  # graded a success, or an ungraded demonstration
    interval: int  # [frames] between steps
    gap: int  # [frames] between the frames of a pair
    truth: np.ndarray | None  # (n,) annotated progress 0..1
    playback: ProgressCurves
    reversed_playback: (
        ProgressCurves | None
    )  # playing backwards from progress 1; successful recordings only
    pairs: HopPairs
    static: StaticHops
    clean: OodScores
    outliers: Mapping[str, OodScores]
    latencies: tuple[float, ...]  # [s] of every played step

    @cached_property
    def voc(self) -> float | None:
        """Value-order correlation (VOC) of the fused progress; None unless successful."""
        return self.playback.rank_correlation('fused') if self.successful else None

    @cached_property
    def voc_reversed(self) -> float | None:
        """VOC of the reversed playback, ideal -1."""
        return self.reversed_playback.rank_correlation('fused') if self.reversed_playback else None

    @cached_property
    def mae(self) -> float | None:
        """Mean absolute error of the fused progress; None unless successful."""
        return self.error('fused') if self.successful else None

    def error(self, perspective: str) -> float | None:
        """Mean absolute error of a perspective against the annotation."""
        return _error(self.truth, getattr(self.playback, perspective))

    def reversed_error(self, perspective: str) -> float | None:
        """Mean absolute error of a perspective in reversed playback."""
        if self.reversed_playback is None or self.truth is None:
            return None
        return _error(
            self.truth[::-1][self.reversed_playback.time],
            getattr(self.reversed_playback, perspective),
        )

    def resample(self, rng: np.random.Generator) -> 'EvaluationRecord':
        """Block bootstrap: resample steps, pairs and probes in runs of neighbours."""

        def drawn(arrays: AnyArrays) -> AnyArrays:
            length = len(getattr(arrays, fields(arrays)[0].name))
            return arrays.select(block_indices(length, rng)) if length else arrays

        steps = block_indices(len(self.playback.time), rng)
        return replace(
            self,
            truth=None if self.truth is None else self.truth[steps],
            playback=self.playback.select(steps),
            reversed_playback=self.reversed_playback and self.reversed_playback.select(steps),
            pairs=drawn(self.pairs),
            static=drawn(self.static),
            clean=self.clean.select(steps),
            outliers={name: drawn(family) for name, family in self.outliers.items()},
        )


def _error(truth: np.ndarray | None, values: np.ndarray) -> float | None:
    if truth is None or np.isnan(values).any():
        return None
    return float(np.abs(values - truth).mean())
