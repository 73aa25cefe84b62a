"""Samples hops (pairs of states) from demonstrations, balanced by label and distance in time.

Follows the released data tools; comments mark the differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from robo_dopamine_ros.grm.hops import hop_label
from robo_dopamine_ros.types import Recording, require_at_least

STATE_COUNT_LIMITS = (50, 1000)  # least and most states of an episode
ZERO_HOP = 0.01  # hops up to this size may be labelled 0: the resolution of a whole percent
NEARBY = 0.075  # largest distance of frames of a zero hop, relative to the states around


@dataclass(frozen=True)
class HopSampling:
    """How hops are sampled; the defaults are the authors'."""

    hops: int = 1000  # of an episode
    frame_stride: int = 20  # frames between states, within STATE_COUNT_LIMITS
    score_bins: int = 25  # equal parts of -100..100%
    gap_bins: int = 4  # equal parts of the distances between states
    zero_share: float = 0.05  # of pairs that show the same state
    reference_swap: float = 0.75  # probability of references from another episode of the task

    def __post_init__(self) -> None:
        require_at_least(1, self, 'hops', 'frame_stride', 'score_bins', 'gap_bins')
        if not 0.0 <= self.zero_share < 1.0:
            raise ValueError(f'zero_share = {self.zero_share}; it must be at least 0 and below 1')
        if not 0.0 <= self.reference_swap <= 1.0:
            raise ValueError(f'reference_swap = {self.reference_swap}; it must be within 0..1')


@dataclass(frozen=True)
class HopSample:
    """A pair of frames of one recording, with its label."""

    episode: int  # number of the recording
    before: int  # frame
    after: int  # frame
    label: float  # Eq 2, -1..1; 0 for the same state
    reference: int  # number of the recording that shows the start and the end


def sample_hops(
    recordings: Sequence[Recording], sampling: HopSampling, seed: int
) -> list[HopSample]:
    """Hops of all recordings in random order; deterministic for a seed.

    Raises ValueError for a recording that is too short or whose progress never changes.
    """
    if not recordings:
        raise ValueError('no recordings to draw hops from; give at least one demonstration')
    rng = np.random.default_rng(seed)
    hops = [
        hop
        for number, recording in enumerate(recordings)
        for hop in _hops(number, recording, sampling, rng)
    ]
    shuffled = [hops[index] for index in rng.permutation(len(hops))]
    return [_with_reference(hop, recordings, sampling.reference_swap, rng) for hop in shuffled]


def recording_progress(recording: Recording) -> np.ndarray:
    """Annotated progress (length,), or else linear in time over the span."""
    if recording.progress is not None:
        return np.asarray(recording.progress, float)
    return np.interp(np.arange(recording.length), recording.span, [0.0, 1.0])


def state_frames(recording: Recording, stride: int) -> np.ndarray:
    """Ascending frames (N,) of the states: keyframes, and equally many in every sub-task."""
    marks = recording.keyframes or recording.span
    total = marks[-1] - marks[0]
    spacing = max(min(stride, total / STATE_COUNT_LIMITS[0]), total / STATE_COUNT_LIMITS[1], 1)
    each = max(1, round(total / spacing / (len(marks) - 1)))
    lines = [np.linspace(first, last, each + 1) for first, last in pairwise(marks)]
    return np.unique(np.concatenate(lines).round().astype(int))


def answer_text(label: float) -> str:
    """The answer for a hop in -1..1: percent with sign and one decimal."""
    percent = round(100 * label, 1)
    return f'<score>{percent:+.1f}%</score>' if percent else '<score>0.0%</score>'


def allocate_evenly(capacity: np.ndarray, total: int, rng: Generator) -> np.ndarray:
    """Distribute `total` over K bins as evenly as their capacity (K,) allows; returns (K,).

    The excess of full bins is shared among the others; remainders are assigned at random.
    """
    taken = np.zeros_like(capacity)
    while (left := min(total, int(capacity.sum())) - int(taken.sum())) > 0:
        free = rng.permutation(np.flatnonzero(taken < capacity))[:left]
        taken[free] = np.minimum(capacity[free], taken[free] + left // len(free))
    return taken


def _hops(
    number: int, recording: Recording, sampling: HopSampling, rng: Generator
) -> list[HopSample]:
    frames, progress = state_frames(recording, sampling.frame_stride), recording_progress(recording)
    if len(frames) < 3:
        raise ValueError(
            f'{recording.name}: {len(frames)} states between frames {recording.span[0]} and '
            f'{recording.span[1]}; at least 3 are needed'
        )
    first, second = np.nonzero(~np.eye(len(frames), dtype=bool))
    labels = hop_label(progress[frames[first]], progress[frames[second]])
    moved = np.flatnonzero(np.round(100 * labels, 1))
    if not len(moved):
        raise ValueError(f'{recording.name}: its progress never changes; check its annotation')
    quota = round(sampling.hops * (1 - sampling.zero_share))
    score = np.minimum((labels[moved] + 1) / 2 * sampling.score_bins, sampling.score_bins - 1)
    gap = (np.abs(first - second)[moved] - 1) * sampling.gap_bins // (len(frames) - 1)
    chosen = moved[_balanced(score.astype(int), gap, quota, rng)]
    pairs = zip(frames[first[chosen]], frames[second[chosen]], labels[chosen], strict=True)
    hops = [HopSample(number, int(b), int(a), float(label), number) for b, a, label in pairs]
    still = round(len(hops) * sampling.zero_share / (1 - sampling.zero_share))
    nearby = (_still_pair(frames, progress, rng) for _ in range(still))
    return hops + [HopSample(number, b, a, 0.0, number) for b, a in nearby]


def _balanced(score: np.ndarray, gap: np.ndarray, count: int, rng: Generator) -> np.ndarray:
    """Indices of `count` pairs, balanced over bins of score and, within them, bins of gap."""
    chosen = [np.empty(0, int)]
    for which, quota in enumerate(allocate_evenly(np.bincount(score), count, rng)):
        inside = np.flatnonzero(score == which)
        for where, some in enumerate(allocate_evenly(np.bincount(gap[inside]), int(quota), rng)):
            chosen.append(rng.choice(inside[gap[inside] == where], some, replace=False))
    return np.concatenate(chosen)


def _still_pair(frames: np.ndarray, progress: np.ndarray, rng: Generator) -> tuple[int, int]:
    """A state and a frame nearby, before or after it at random.

    The authors use that frame regardless of its label. Near the end a single frame can be a large
    hop by Eq 2, so here the frame is moved closer until the hop is at most `ZERO_HOP`.
    """
    which = int(rng.integers(len(frames)))
    around = frames[max(0, which - 1) : which + 2]
    reach, side = max(1, int(NEARBY * (around[-1] - around[0]))), int(rng.choice([-1, 1]))
    before = int(frames[which])
    near = np.clip(before + side * np.arange(reach, -1, -1), frames[0], frames[-1])
    hops = hop_label(progress[before], progress[near])
    return before, int(near[np.argmax(np.abs(hops) <= ZERO_HOP)])


def _with_reference(
    hop: HopSample, recordings: Sequence[Recording], probability: float, rng: Generator
) -> HopSample:
    """The hop, at random with the references of another recording of the same task."""
    task = recordings[hop.episode].instruction
    others = [
        number
        for number, recording in enumerate(recordings)
        if number != hop.episode and recording.instruction == task
    ]
    if not others or rng.random() >= probability:
        return hop
    return replace(hop, reference=int(rng.choice(others)))
