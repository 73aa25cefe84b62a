"""Metrics of reward models as functions of arrays.

A metric that is undefined for the values is None; correlations of constant values count as 0.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np

GRADES = ('failure', 'partial', 'success')  # in ascending order
Sample = TypeVar('Sample')


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share their mean rank."""
    from scipy.stats import rankdata  # slow to load, and not needed for --help

    return np.asarray(rankdata(values))


def pearson(truth: np.ndarray, values: np.ndarray) -> float:
    """Linear correlation; against the true progress it is Robometer's "VOC r"."""
    a, b = truth - truth.mean(), values - values.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 1e-12 else 0.0


def spearman(truth: np.ndarray, values: np.ndarray) -> float:
    """Rank correlation; against time it is the value-order correlation (VOC) of GVL."""
    return pearson(ranks(truth), ranks(values))


def voc(values: np.ndarray) -> float:
    """Value-order correlation: Spearman correlation with time, ideal +1 (-1 reversed)."""
    return spearman(np.arange(len(values)), np.asarray(values))


def auroc(negatives: np.ndarray, positives: np.ndarray) -> float | None:
    """Probability that a positive scores above a negative; ties count half."""
    if not (len(negatives) and len(positives)):
        return None
    order = ranks(np.concatenate([negatives, positives]))
    above = order[len(negatives) :].sum() - len(positives) * (len(positives) + 1) / 2.0
    return float(above / (len(negatives) * len(positives)))


@dataclass(frozen=True)
class OutcomeRule:
    """Eq 58 (from SARM): one of three outcome classes from a progress curve."""

    success_final: float = 0.8  # a success ends above this
    success_late: float = 0.6  # and its last third has a mean above this
    partial_mean: float = 0.4  # otherwise a mean of at least this is partial

    def __call__(self, progress: np.ndarray) -> str:
        """The grade of a progress curve (n,) in 0..1."""
        late = progress[-max(1, len(progress) // 3) :].mean()
        if progress[-1] > self.success_final and late > self.success_late:
            return 'success'
        return 'partial' if progress.mean() >= self.partial_mean else 'failure'


def tau_a(by_grade: Mapping[str, Sequence[float]]) -> float | None:
    """Kendall's tau_a of final values over all tuples with one episode of each present grade.

    Ties contribute 0. It equals the mean over pairs of grades of the mean sign of their difference.
    """
    signs = [float(s.mean()) for s in _grade_signs(by_grade)]
    return float(np.mean(signs)) if signs else None


def ranking_accuracy(by_grade: Mapping[str, Sequence[float]]) -> float | None:
    """Share of pairs of different grade whose final values are in the right order."""
    signs = _grade_signs(by_grade)
    return float((np.concatenate([s.ravel() for s in signs]) > 0).mean()) if signs else None


def _grade_signs(by_grade: Mapping[str, Sequence[float]]) -> list[np.ndarray]:
    present = [np.asarray(by_grade[grade]) for grade in GRADES if len(by_grade.get(grade, ()))]
    return [np.sign(high[:, None] - low[None]) for low, high in combinations(present, 2)]


@dataclass(frozen=True)
class Detection:
    """Rates of a binary detector; None without cases of the class."""

    tpr: float | None  # true positive rate
    tnr: float | None  # true negative rate
    f1: float | None


def detection(truth: np.ndarray, found: np.ndarray) -> Detection:
    """Rates of boolean detections `found` against `truth`, (n,) each."""
    truth, found = np.asarray(truth, bool), np.asarray(found, bool)
    hits, wrong = int((truth & found).sum()), int((truth ^ found).sum())
    return Detection(
        tpr=hits / int(truth.sum()) if truth.any() else None,
        tnr=float((~found[~truth]).mean()) if not truth.all() else None,
        f1=2.0 * hits / (2.0 * hits + wrong) if hits + wrong else None,
    )


@dataclass(frozen=True)
class Opd:
    """Outcome, process and diagnosis metrics of one curve (PRM-as-a-Judge, arXiv 2603.21669)."""

    mc: tuple[float, ...]  # milestones .25, .5, .75, 1 reached: 0 or 1 each
    mp: float  # highest progress
    ppl: float  # final progress by the share of all movement that it took
    cra: float  # mean distance below the highest progress so far
    str: float  # share of steps that moved less than 0.005


def opd(progress: np.ndarray, still: float = 0.005) -> Opd:
    """Compute the metrics of one progress curve (n,); a value of 0 is put before it."""
    curve = np.concatenate([[0.0], progress])
    moved = np.abs(np.diff(curve))
    path = float(moved.sum())
    return Opd(
        mc=tuple(float(curve.max() >= q) for q in (0.25, 0.5, 0.75, 1.0)),
        mp=float(curve.max()),
        ppl=float(curve[-1] ** 2 / path) if path > 0.0 else 0.0,
        cra=float((np.maximum.accumulate(curve) - curve).mean()),
        str=float((moved < still).mean()),
    )


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """Median, 95th and 99th percentile."""
    at = np.percentile(values, [50, 95, 99]) if len(values) else [None] * 3
    return {
        name: None if value is None else float(value)
        for name, value in zip(('p50', 'p95', 'p99'), at, strict=True)
    }


def bootstrap(
    resample: Callable[[np.random.Generator], Sample],
    statistic: Callable[[Sample], float | None],
    rng: np.random.Generator,
    samples: int = 1000,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """Percentile interval of a statistic over resampled data; None if no sample defines it."""
    drawn = (statistic(resample(rng)) for _ in range(samples))
    known = [value for value in drawn if value is not None]
    if not known:
        return None
    low, high = np.quantile(known, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def block_indices(length: int, rng: np.random.Generator) -> np.ndarray:
    """Block bootstrap: `length` indices in runs of about sqrt(length), as steps correlate."""
    run = max(1, round(length**0.5))
    starts = rng.integers(0, length - run + 1, -(-length // run))
    return np.asarray((starts[:, None] + np.arange(run)).ravel()[:length])
