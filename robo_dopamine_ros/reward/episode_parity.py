"""Compares the progress and the shaped rewards that two models give to the same episode."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.reward.metrics import pearson, voc
from robo_dopamine_ros.reward.progress import ProgressTracker
from robo_dopamine_ros.reward.shaping import RewardShaper
from robo_dopamine_ros.types import Hops, Progress


@dataclass(frozen=True)
class EpisodeParity:
    """Candidate against reference over one episode."""

    name: str
    steps: int
    voc: float  # value-order correlation of the candidate's fused progress
    voc_reference: float
    final_error: float  # difference of the fused progress at the end, 0..1
    reward_correlation: float | None  # of shaped rewards; None for fewer than two in common

    @property
    def voc_drop(self) -> float:
        """Value-order correlation lost by the candidate."""
        return self.voc_reference - self.voc


def episode_parity(
    name: str, candidate: Sequence[Hops], reference: Sequence[Hops], stamps: Sequence[int]
) -> EpisodeParity:
    """Compare the hops of two models at the same stamps [ns]."""
    readings = [_track(hops, stamps) for hops in (candidate, reference)]
    found, expected = (np.array([one.progress for one in each]) for each in readings)
    rewards = [_rewards(each) for each in readings]
    shared = sorted(rewards[0].keys() & rewards[1].keys())
    paid = [np.array([each[stamp] for stamp in shared]) for each in rewards]
    return EpisodeParity(
        name=name,
        steps=len(stamps),
        voc=voc(found),
        voc_reference=voc(expected),
        final_error=abs(float(found[-1] - expected[-1])),
        reward_correlation=pearson(paid[1], paid[0]) if len(shared) > 1 else None,
    )


def _track(hops: Sequence[Hops], stamps: Sequence[int]) -> list[Progress]:
    tracker = ProgressTracker()
    return [tracker.update(one, stamp) for one, stamp in zip(hops, stamps, strict=True)]


def _rewards(readings: Sequence[Progress]) -> dict[int, float]:
    """Shaped rewards by stamp [ns]."""
    shaper = RewardShaper()
    paid = [shaper.update(reading) for reading in readings]
    return {reward.stamp: reward.reward for reward in paid if reward is not None}
