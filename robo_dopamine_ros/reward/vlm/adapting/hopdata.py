"""Which hops a GRM is taught by a demonstration: pairs of its states, balanced by label and time.

The law is that of the released data tools; where it differs, it says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from robo_dopamine_ros.reward.hops import hop_label
from robo_dopamine_ros.types import Recording

STATES = (50, 1000)  # in an episode: fewer give no balance, more nothing new
STILL = 0.01  # hops within this may be called none: what an answer in whole percent cannot tell
NEAR = 0.075  # how far off the same state is looked for, in distances of the states around it


@dataclass(frozen=True)
class Sampling:
    """How hops are drawn; the defaults are the authors'."""

    most: int = 1000  # hops of an episode
    every: int = 20  # frames between states, where that gives a sound number of states
    score_bins: int = 25  # equal parts of -100..100%
    gap_bins: int = 4  # equal parts of the distances between states
    zeros: float = 0.05  # share of pairs that show the same state
    exchange: float = 0.75  # chance of reference pictures from another episode of the task

    def __post_init__(self) -> None:
        for name in ('most', 'every', 'score_bins', 'gap_bins'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be 1 or more')
        if not 0.0 <= self.zeros < 1.0:
            raise ValueError(f'zeros = {self.zeros}; it must be at least 0 and below 1')
        if not 0.0 <= self.exchange <= 1.0:
            raise ValueError(f'exchange = {self.exchange}; it must be within 0..1')


@dataclass(frozen=True)
class Hop:
    """One question to teach; frames are numbers of one recording."""

    episode: int  # number of the recording
    before: int  # frame
    after: int  # frame
    label: float  # Eq 2, -1..1; 0 for the same state
    reference: int  # number of the recording that shows the start and the end


def draw(recordings: Sequence[Recording], sampling: Sampling, seed: int) -> list[Hop]:
    """Hops of every recording in random order; the same for the same seed.

    Raises ValueError for a recording that is too short or where nothing gets done.
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
    return [_exchanged(hop, recordings, sampling.exchange, rng) for hop in shuffled]


def progress_of(recording: Recording) -> np.ndarray:
    """Progress (length,) as annotated, or else linear in time over the span."""
    if recording.progress is not None:
        return np.asarray(recording.progress, float)
    return np.interp(np.arange(recording.length), recording.span, [0.0, 1.0])


def states(recording: Recording, every: int) -> np.ndarray:
    """Frames (N,), rising, that hops lie between: equally many in every sub-task, and keyframes."""
    marks = recording.keyframes or recording.span
    total = marks[-1] - marks[0]
    spacing = max(min(every, total / STATES[0]), total / STATES[1], 1)
    each = max(1, round(total / spacing / (len(marks) - 1)))
    lines = [np.linspace(first, last, each + 1) for first, last in pairwise(marks)]
    return np.unique(np.concatenate(lines).round().astype(int))


def answer(label: float) -> str:
    """What the model should say to a hop -1..1: percent with sign and one decimal."""
    percent = round(100 * label, 1)
    return f'<score>{percent:+.1f}%</score>' if percent else '<score>0.0%</score>'


def share_out(room: np.ndarray, total: int, rng: np.random.Generator) -> np.ndarray:
    """How many to take from each of K places (K,), as evenly as their room (K,) lets.

    What a full place cannot take is shared among the others; who gets the odd ones is chance.
    """
    taken = np.zeros_like(room)
    while (left := min(total, int(room.sum())) - int(taken.sum())) > 0:
        open_ = rng.permutation(np.flatnonzero(taken < room))[:left]
        taken[open_] = np.minimum(room[open_], taken[open_] + left // len(open_))
    return taken


def _hops(
    number: int, recording: Recording, sampling: Sampling, rng: np.random.Generator
) -> list[Hop]:
    frames, progress = states(recording, sampling.every), progress_of(recording)
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
    quota = round(sampling.most * (1 - sampling.zeros))
    score = np.minimum((labels[moved] + 1) / 2 * sampling.score_bins, sampling.score_bins - 1)
    gap = (np.abs(first - second)[moved] - 1) * sampling.gap_bins // (len(frames) - 1)
    chosen = moved[_balanced(score.astype(int), gap, quota, rng)]
    pairs = zip(frames[first[chosen]], frames[second[chosen]], labels[chosen], strict=True)
    hops = [Hop(number, int(b), int(a), float(label), number) for b, a, label in pairs]
    still = round(len(hops) * sampling.zeros / (1 - sampling.zeros))
    nearby = (_still_pair(frames, progress, rng) for _ in range(still))
    return hops + [Hop(number, b, a, 0.0, number) for b, a in nearby]


def _balanced(
    score: np.ndarray, gap: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Indices of `count` pairs, evenly from every bin of score and, inside, every bin of gap."""
    chosen = [np.empty(0, int)]
    for which, quota in enumerate(share_out(np.bincount(score), count, rng)):
        inside = np.flatnonzero(score == which)
        for where, some in enumerate(share_out(np.bincount(gap[inside]), int(quota), rng)):
            chosen.append(rng.choice(inside[gap[inside] == where], some, replace=False))
    return np.concatenate(chosen)


def _still_pair(
    frames: np.ndarray, progress: np.ndarray, rng: np.random.Generator
) -> tuple[int, int]:
    """A state and a frame nearby, by chance before or after it.

    The authors take that frame whatever it shows. Near the end Eq 2 makes much of one frame, so
    here it comes as near as it must to be a hop of less than `STILL`.
    """
    which = int(rng.integers(len(frames)))
    around = frames[max(0, which - 1) : which + 2]
    reach, side = max(1, int(NEAR * (around[-1] - around[0]))), int(rng.choice([-1, 1]))
    before = int(frames[which])
    near = np.clip(before + side * np.arange(reach, -1, -1), frames[0], frames[-1])
    hops = hop_label(progress[before], progress[near])
    return before, int(near[np.argmax(np.abs(hops) <= STILL)])


def _exchanged(
    hop: Hop, recordings: Sequence[Recording], chance: float, rng: np.random.Generator
) -> Hop:
    """The hop, perhaps with the references of another recording of the same task."""
    task = recordings[hop.episode].instruction
    others = [
        number
        for number, recording in enumerate(recordings)
        if number != hop.episode and recording.instruction == task
    ]
    if not others or rng.random() >= chance:
        return hop
    return replace(hop, reference=int(rng.choice(others)))
