"""From hops to the progress of an episode (arXiv 2512.23703, Eq 4 to 11)."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from robo_dopamine_ros.grm.hops import check_progress
from robo_dopamine_ros.reward.success import SuccessParameters, SuccessState, debounce
from robo_dopamine_ros.types import Hops, Progress

FUSIONS = ('mean', 'consistency')
RECURSIONS = ('fused', 'own')
HOP_TOLERANCE = 1e-6  # rounding by which a hop may exceed -1..1


def increment(before: ArrayLike, hop: ArrayLike) -> np.ndarray:
    """Eq 4: the change of progress that a hop in -1..1 stands for."""
    before, hop = np.asarray(before, float), np.asarray(hop, float)
    return np.asarray(np.where(hop >= 0.0, (1.0 - before) * hop, before * hop))


def progress_after(before: ArrayLike, hop: ArrayLike) -> np.ndarray:
    """Eq 4 and 5, the inverse of Eq 2: progress after a hop, clamped to 0..1."""
    before, hop = check_progress(before, 'before'), np.asarray(hop, float)
    return np.asarray(np.clip(before + increment(before, hop), 0.0, 1.0))


def forward_progress(hop: ArrayLike, start: ArrayLike = 0.0) -> np.ndarray:
    """Eq 6: progress by the hop from the start views, clamped to 0..1.

    `start` is the progress of the start views: 0 in the paper, 1 when a video plays backwards.
    """
    return progress_after(start, hop)


def backward_progress(hop: ArrayLike) -> np.ndarray:
    """Eq 7: progress by the hop from the goal views, clamped to 0..1."""
    return progress_after(1.0, hop)


def mean_fusion(incremental: float, forward: float, backward: float | None) -> float:
    """Eq 8: the mean of the three perspectives; of the first two without a goal."""
    perspectives = [incremental, forward] if backward is None else [incremental, forward, backward]
    return sum(perspectives) / len(perspectives)


def disagreement(forward: float, backward: float, epsilon: float) -> float:
    """Eq 9: difference of the two global perspectives relative to their mean, 0 or more.

    Both are clamped to 0..1 first, because a negative forward hop could make the mean negative.
    """
    forward, backward = _unit(forward), _unit(backward)
    return abs(backward - forward) / ((forward + backward) / 2.0 + epsilon)


def consistency(
    forward: float, backward: float | None, *, alpha: float, epsilon: float, floor: float
) -> float:
    """Eq 10: weight in floor..1 of a reading, by the agreement of its global perspectives.

    Without a goal the weight is 1. The floor is not in the paper: at the start of an episode a
    disagreement of one percent would make the weight 0, and progress would stay at 0.
    """
    if backward is None:
        return 1.0
    return max(floor, math.exp(-alpha * disagreement(forward, backward, epsilon) ** 2))


def conservative_update(
    previous: float, incremental: float, forward: float, backward: float | None, weight: float
) -> float:
    """Eq 11 in its convex form: move by `weight` from the previous progress to the new evidence.

    The evidence is the mean of the incremental progress and of the mean global progress. With
    `incremental` computed from `previous` (the recursion of the paper) this equals Eq 11.
    """
    forward = _unit(forward)
    middle = forward if backward is None else (forward + _unit(backward)) / 2.0
    return _unit((1.0 - weight) * previous + weight * (middle + incremental) / 2.0)


@dataclass(frozen=True)
class TrackerParameters:
    """How hops become progress."""

    fusion: str = 'mean'  # 'mean' (Eq 8) or 'consistency' (Eq 9 to 11; the mean without a goal)
    recursion: str = 'fused'  # hops add to the 'fused' progress (paper) or to their 'own' (code)
    alpha: float = 20.0  # sensitivity of the consistency weight (paper, Table 9), 0 or more
    epsilon: float = 0.25  # softens Eq 9 where progress is small (no value in the paper), above 0
    floor: float = 0.05  # least consistency weight, within 0..1 and above 0

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            raise ValueError(f'fusion = {self.fusion!r}; it must be one of {", ".join(FUSIONS)}')
        if self.recursion not in RECURSIONS:
            raise ValueError(
                f'recursion = {self.recursion!r}; it must be one of {", ".join(RECURSIONS)}'
            )
        if not 0.0 <= self.alpha < math.inf:
            raise ValueError(f'alpha = {self.alpha}; it must be finite and 0 or more')
        if not 0.0 < self.epsilon < math.inf:
            raise ValueError(f'epsilon = {self.epsilon}; it must be finite and above 0')
        if not 0.0 < self.floor <= 1.0:
            raise ValueError(f'floor = {self.floor}; it must be above 0 and at most 1')


class ProgressTracker:
    """Tracks the progress of one episode; `update` takes the hops of one set of views.

    Phi*_0, the progress before any reading, is 0. The first valid reading is step 1 and follows
    the same equations as every other: its incremental hop is 0 by contract, so it already shows
    what the start and the goal views say when an episode begins halfway.
    """

    def __init__(
        self,
        parameters: TrackerParameters | None = None,
        success: SuccessParameters | None = None,
    ) -> None:
        self.parameters = parameters or TrackerParameters()
        self.success = success or SuccessParameters()
        self.rejected = 0  # invalid readings since the episode began
        self.reset()

    def reset(
        self, episode: str = '', task: str = '', model: str = '', start_progress: float = 0.0
    ) -> None:
        """Start an episode; `start_progress` is that of its start views, 1 for reversed video."""
        if not 0.0 <= start_progress <= 1.0:
            raise ValueError(f'start_progress = {start_progress}; it must be within 0..1')
        self.rejected = 0
        self._start = start_progress
        self._success = SuccessState()
        self._last = Progress(
            stamp=0,
            episode=episode,
            task=task,
            model=model,
            progress=start_progress,
            incremental=start_progress,
            forward=start_progress,
        )

    def update(self, hops: Hops, stamp: int) -> Progress:
        """Convert the hops of views stamped `stamp` [ns] to a reading.

        Hops that are marked invalid, not finite or outside -1..1, and stamps that are not newer
        give an invalid reading: progress is held, the confidence is 0 and `reason` says why.
        """
        refusal = self._refusal(hops, stamp)
        reading = self._held(stamp, refusal) if refusal else self._read(hops, stamp)
        self._success = debounce(self._success, reading, self.success)
        reading = replace(reading, success_candidate=self._success.candidate)
        if reading.valid:
            self._last = reading
        else:
            self.rejected += 1
        return reading

    def _refusal(self, hops: Hops, stamp: int) -> str:
        if not hops.valid:
            return hops.reason or 'the model gave no reading'
        named = {
            'incremental': hops.incremental,
            'forward': hops.forward,
            'backward': 0.0 if hops.backward is None else hops.backward,
        }
        for name, hop in named.items():
            if not abs(hop) <= 1.0 + HOP_TOLERANCE:
                return f'{name} hop = {hop}; it must be within -1..1'
        if not math.isfinite(hops.familiarity):
            return f'familiarity = {hops.familiarity}; it must be within 0..1'
        if self._last.step and not stamp > self._last.stamp:
            return f'stamp = {stamp} ns; it must be newer than {self._last.stamp} ns'
        return ''

    def _held(self, stamp: int, reason: str) -> Progress:
        return replace(self._last, stamp=stamp, hop=0.0, confidence=0.0, valid=False, reason=reason)

    def _read(self, hops: Hops, stamp: int) -> Progress:
        last, chosen = self._last, self.parameters
        base = last.progress if chosen.recursion == 'fused' else last.incremental
        hop = min(1.0, max(-1.0, hops.incremental))
        incremental = float(progress_after(base, hop))
        forward = float(forward_progress(hops.forward, self._start))
        backward = None if hops.backward is None else float(backward_progress(hops.backward))
        weight = consistency(
            forward, backward, alpha=chosen.alpha, epsilon=chosen.epsilon, floor=chosen.floor
        )
        if chosen.fusion == 'mean' or backward is None:
            progress = mean_fusion(incremental, forward, backward)
        else:
            progress = conservative_update(last.progress, incremental, forward, backward, weight)
        return replace(
            last,
            stamp=stamp,
            step=last.step + 1,
            progress=progress,
            hop=hop,
            incremental=incremental,
            forward=forward,
            backward=math.nan if backward is None else backward,
            confidence=weight * min(1.0, max(0.0, hops.familiarity)),
            valid=True,
            reason='',
        )


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
