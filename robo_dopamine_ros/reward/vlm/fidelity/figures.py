"""How far one way of running a model (an engine, a precision) says the same as another.

Everything here compares what was answered; compare.py asks the questions.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.reward.metrics import pearson, voc
from robo_dopamine_ros.reward.shaping import Rewarder
from robo_dopamine_ros.reward.tracker import ProgressTracker
from robo_dopamine_ros.types import Hops, Progress

LARGE = 5.0  # hops from here on have a sign that matters [%]
NEAR = 5.0  # answers within this are nearly alike [%]
DEPTHS = ('sign', 'first', 'second')  # what is chosen at a path of 0, 1, 2 symbols
IMPOSSIBLE = 1e-12  # chances are no smaller, so that one answer cannot count without end

Nodes = Mapping[str, Mapping[str, float]]  # path -> symbol -> its chance to follow (query/tree.py)


@dataclass(frozen=True)
class Answer:
    """What was answered to one question."""

    percent: float  # -100..100; NaN: no reading
    expected: float = math.nan  # mean of the answer's distribution [%]; NaN where unknown
    nodes: Nodes = field(default_factory=dict)  # empty where unknown


@dataclass(frozen=True)
class HopFigures:
    """Candidate against reference over many questions; None where they cannot say."""

    questions: int
    mae: float | None  # [%], where both were read; as p95
    p95: float | None
    flips: float | None  # share whose sign differs, where both were read; 0 has its own
    large: int  # questions with a hop of LARGE or more by the reference
    large_flips: float | None  # of these, share whose sign differs
    exact: float | None  # share of what the reference read; as `near`, `lost`
    near: float | None  # within NEAR
    lost: float | None  # the candidate gave no reading
    unread: float | None  # share of all questions the reference did not read either
    divergence: float | None  # [nats] Kullback-Leibler, of the whole answer
    node_divergence: Mapping[str, float]  # [nats] the same for one symbol, mean, by DEPTHS
    expected_mae: float | None  # [%] of the distributions' means


@dataclass(frozen=True)
class EpisodeFigures:
    """Candidate against reference over one episode that was played."""

    name: str
    steps: int
    voc: float  # of the candidate's fused progress
    voc_reference: float
    final_error: float  # of the fused progress at the end, 0..1
    reward_correlation: float | None  # of shaped rewards; None for fewer than two of them

    @property
    def voc_drop(self) -> float:
        """What is lost of the order in time."""
        return self.voc_reference - self.voc


def hop_figures(candidate: Sequence[Answer], reference: Sequence[Answer]) -> HopFigures:
    """Compare answers to the same questions, in the same order."""
    if len(candidate) != len(reference):
        raise ValueError(f'{len(candidate)} answers against {len(reference)}; give one for each')
    found, wanted = _array(candidate, 'percent'), _array(reference, 'percent')
    known = ~np.isnan(wanted)
    both = known & ~np.isnan(found)
    off = np.abs(found - wanted)[both]
    flipped = np.sign(found) != np.sign(wanted)
    large = both & (np.abs(wanted) >= LARGE)
    nearest = np.where(both, np.abs(found - wanted), math.inf)[known]
    pairs = [(c.nodes, r.nodes) for c, r in zip(candidate, reference, strict=True)]
    whole = [divergence(c, r) for c, r in pairs if c and r]
    means = np.abs(_array(candidate, 'expected') - _array(reference, 'expected'))
    return HopFigures(
        questions=len(reference),
        mae=_mean(off),
        p95=float(np.percentile(off, 95)) if len(off) else None,
        flips=_mean(flipped[both]),
        large=int(large.sum()),
        large_flips=_mean(flipped[large]),
        exact=_mean(nearest < 0.05),  # answers have one decimal
        near=_mean(nearest <= NEAR + 1e-9),
        lost=_mean(np.isnan(found)[known]),
        unread=_mean(~known),
        divergence=_mean(np.array(whole)),
        node_divergence=_by_depth(pairs),
        expected_mae=_mean(means[~np.isnan(means)]),
    )


def divergence(candidate: Nodes, reference: Nodes) -> float:
    """Of the answers' distributions: that of each node times the reference's chance to be there."""
    return sum(
        _chance(path, reference) * _apart(candidate[path], reference[path])
        for path in reference
        if path in candidate
    )


def episode_figures(
    name: str, candidate: Sequence[Hops], reference: Sequence[Hops], stamps: Sequence[int]
) -> EpisodeFigures:
    """Compare two accounts of the same episode; `stamps` are those of its looks [ns]."""
    found, wanted = _played(candidate, stamps), _played(reference, stamps)
    progress = [np.array([reading.progress for reading in one]) for one in (found, wanted)]
    rewards = [_rewards(one) for one in (found, wanted)]
    shared = sorted(rewards[0].keys() & rewards[1].keys())
    paid = [np.array([one[stamp] for stamp in shared]) for one in rewards]
    return EpisodeFigures(
        name=name,
        steps=len(stamps),
        voc=voc(progress[0]),
        voc_reference=voc(progress[1]),
        final_error=abs(float(progress[0][-1] - progress[1][-1])),
        reward_correlation=pearson(paid[1], paid[0]) if len(shared) > 1 else None,
    )


def _played(hops: Sequence[Hops], stamps: Sequence[int]) -> list[Progress]:
    tracker = ProgressTracker()
    return [tracker.update(one, stamp) for one, stamp in zip(hops, stamps, strict=True)]


def _rewards(readings: Sequence[Progress]) -> dict[int, float]:
    rewarder = Rewarder()
    paid = [rewarder.update(reading) for reading in readings]
    return {reward.stamp: reward.reward for reward in paid if reward is not None}


def _by_depth(pairs: Sequence[tuple[Nodes, Nodes]]) -> dict[str, float]:
    apart: dict[str, list[float]] = {depth: [] for depth in DEPTHS}
    for candidate, reference in pairs:
        for path in reference.keys() & candidate.keys():
            depth = DEPTHS[min(len(path), len(DEPTHS) - 1)]
            apart[depth].append(_apart(candidate[path], reference[path]))
    return {depth: float(np.mean(values)) for depth, values in apart.items() if values}


def _apart(candidate: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """Kullback-Leibler divergence of the candidate from the reference [nats]."""
    return sum(
        chance * math.log(chance / max(candidate.get(symbol, 0.0), IMPOSSIBLE))
        for symbol, chance in reference.items()
        if chance > IMPOSSIBLE
    )


def _chance(path: str, nodes: Nodes) -> float:
    """Chance that an answer goes through a path."""
    steps = ((path[:place], symbol) for place, symbol in enumerate(path))
    return math.prod(nodes.get(before, {}).get(symbol, 0.0) for before, symbol in steps)


def _array(answers: Sequence[Answer], name: str) -> np.ndarray:
    return np.array([getattr(answer, name) for answer in answers], float)


def _mean(values: np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None
