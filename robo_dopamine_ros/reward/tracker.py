"""From the hops of a model to the progress of an episode, one reading at a time."""

import math
from dataclasses import dataclass, replace

from robo_dopamine_ros.reward.fusion import conservative_update, consistency, mean_fusion
from robo_dopamine_ros.reward.hops import backward_progress, forward_progress, progress_after
from robo_dopamine_ros.reward.success import SuccessParameters, SuccessState, debounce
from robo_dopamine_ros.types import Hops, Progress

FUSIONS = ('mean', 'consistency')
RECURSIONS = ('fused', 'own')
TOLERANCE = 1e-6  # rounding by which a hop may leave -1..1


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
    """Keeps the progress of one episode; `update` takes one answer of the model.

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
        self.rejected = 0  # answers since the episode began that were no reading
        self.begin()

    def begin(
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
        """Turn the hops of views stamped `stamp` [ns] into a reading.

        What is no reading (the model says so, a number that is not finite or not a hop, a stamp
        that is not newer) is counted and holds the progress, with confidence 0 and the reason.
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
            if not abs(hop) <= 1.0 + TOLERANCE:
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
