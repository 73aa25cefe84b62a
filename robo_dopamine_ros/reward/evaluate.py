"""Plays recordings to a reward model and measures what it says. No input or output of its own.

Steps lie half a second apart within the annotated frames, the last frame included. The start is
the first of them, the goal is the model's own. Reversed playback starts from progress 1.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from robo_dopamine_ros.reward.grm import GRM
from robo_dopamine_ros.reward.hops import hop_label
from robo_dopamine_ros.reward.metrics import OutcomeRule
from robo_dopamine_ros.reward.outliers import OUTLIERS, sensor_noise
from robo_dopamine_ros.reward.report import Report
from robo_dopamine_ros.reward.scores import summarise
from robo_dopamine_ros.reward.success import SuccessParameters
from robo_dopamine_ros.reward.traces import (
    Curves,
    Pairs,
    Stillness,
    Suspicion,
    Trace,
    curves,
    suspicion,
)
from robo_dopamine_ros.reward.tracker import ProgressTracker, TrackerParameters
from robo_dopamine_ros.types import SECOND, Hops, Outcome, Recording, TaskContext, Views

INTERVAL = 0.5  # [s] between steps: 15 frames at 30 Hz
GAP = 2.0  # [s] between the frames of a pair: 60 frames at 30 Hz
LEAST_PROBES = 8  # of every recording, however many there are
GRADES = {Outcome.SUCCESS: 'success', Outcome.FAILURE: 'failure'}

Callback = Callable[[float, str], None]  # share done 0..1, what is under way


class EvaluationError(ValueError):
    """Recordings that cannot be evaluated."""


@dataclass(frozen=True)
class EvaluationParameters:
    """What is asked of the model, and how its answers are read."""

    interval: int | None = None  # [frames] between steps; None: half a second within the bounds
    gap: int | None = None  # [frames] between the frames of a pair; None: two seconds
    least_steps: int = 40  # short or slow recordings are sampled more densely, down to every frame
    most_steps: int = 600  # long ones more coarsely: their pictures are held in memory
    probes: int = 400  # steps over all recordings that are repeated and corrupted; at least 8 each
    noise: float = 2.0  # [grey levels] standard deviation of mild sensor noise
    zero_pair: float = 0.005  # pairs that differ by no more progress than this are left out
    samples: int = 1000  # of the bootstrap
    tracker: TrackerParameters = field(default_factory=TrackerParameters)
    success: SuccessParameters = field(default_factory=SuccessParameters)
    rule: OutcomeRule = field(default_factory=OutcomeRule)

    def __post_init__(self) -> None:
        for name in ('interval', 'gap', 'least_steps', 'most_steps', 'probes', 'samples'):
            value = getattr(self, name)
            if value is not None and not value >= 1:
                raise ValueError(f'{name} = {value}; it must be 1 or more')
        for name in ('noise', 'zero_pair'):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be finite, 0 or more')


def evaluate(
    model: GRM,
    recordings: Sequence[Recording],
    parameters: EvaluationParameters | None = None,
    rng: np.random.Generator | None = None,
    progress: Callback = lambda share, what: None,
    clock: Callable[[], float] | None = None,
) -> Report:
    """Measure a model on recordings it has not learnt from.

    `rng` drives corruptions, noise and bootstrap (seed 0 when not given); `clock` gives seconds
    and times the steps, without it there are no latencies. Raises EvaluationError without
    recordings and for one that is too short.
    """
    if not recordings:
        raise EvaluationError('no recordings; an evaluation needs one or more')
    parameters = parameters or EvaluationParameters()
    rng = rng or np.random.default_rng(0)
    traces = []
    for i, recording in enumerate(recordings):

        def told(share: float, i: int = i, name: str = recording.name) -> None:
            progress((i + share) / len(recordings), name)

        told(0.0)
        probes = max(LEAST_PROBES, parameters.probes // len(recordings))
        traces.append(_Interview(model, recording, parameters, rng, told, clock).trace(probes))
    progress(1.0, 'bootstrap')
    return summarise(model.name, traces, parameters.rule, parameters.samples, rng)


def sampled_frames(recording: Recording, parameters: EvaluationParameters) -> tuple[list[int], int]:
    """Frames of the steps, and the interval between them; the last may follow sooner."""
    first, last = recording.span
    length = last - first
    if not length >= 1:
        raise EvaluationError(
            f'{recording.name}: span {first}..{last}; it needs two frames or more'
        )
    interval = parameters.interval
    if interval is None:
        interval = min(round(INTERVAL * recording.rate), length // parameters.least_steps)
        interval = max(interval, -(-length // parameters.most_steps), 1)
    frames = list(range(first, last + 1, interval))
    return frames if frames[-1] == last else [*frames, last], interval


class _Interview:
    """One recording, put to one model in every way an evaluation asks."""

    def __init__(
        self,
        model: GRM,
        recording: Recording,
        parameters: EvaluationParameters,
        rng: np.random.Generator,
        told: Callable[[float], None],
        clock: Callable[[], float] | None,
    ) -> None:
        self.model = model
        self.recording = recording
        self.parameters = parameters
        self.rng = rng
        self.told = told
        self.clock = clock
        self.frames, self.interval = sampled_frames(recording, parameters)
        self.views = self._pictures()
        self.stamp = 0
        self.steps = 0
        self.expected = 1

    def trace(self, probes: int) -> Trace:
        recording = self.recording
        grade = recording.grade or GRADES.get(recording.outcome, '')
        ungraded = not grade and recording.outcome is Outcome.NONE
        successful = grade == 'success' or ungraded
        truth = None if recording.progress is None else recording.progress[self.frames]
        pairs = self._pair_places(truth)
        probed = np.unique(np.linspace(0, len(self.views) - 1, probes).round().astype(int))
        self.expected = (
            len(self.views) * (1 + successful) + 3 * len(pairs) + len(probed) * (4 + len(OUTLIERS))
        )
        latencies: list[float] = []
        played, hops = self._play(self.views, 0.0, latencies)
        return Trace(
            name=recording.name,
            task=recording.instruction,
            grade=grade,
            successful=successful,
            interval=self.interval,
            gap=self._gap() * self.interval,
            truth=truth,
            played=played,
            rewound=self._play(self.views[::-1], 1.0, [])[0] if successful else None,
            pairs=self._ask_pairs(pairs, truth),
            stillness=self._ask_again(probed),
            clean=suspicion(hops),
            outliers=self._ask_outliers(probed),
            latencies=tuple(latencies),
        )

    def _pictures(self) -> list[Views]:
        first, last = self.frames[0], self.frames[-1]
        wanted = set(self.frames)
        playing = self.recording.play(start=first, stop=last + 1)
        views = [v for frame, v in zip(range(first, last + 1), playing) if frame in wanted]  # noqa: B905
        if len(views) != len(self.frames):
            raise EvaluationError(
                f'{self.recording.name}: {len(views)} of {len(self.frames)} steps could be read '
                f'from frames {first}..{last}; is it shorter than its annotation?'
            )
        return views

    def _restamped(self, views: Views) -> Views:
        """Let time run on, whichever way the pictures run."""
        self.stamp += int(self.interval / self.recording.rate * SECOND)
        return replace(views, stamps=dict.fromkeys(views.images, self.stamp))

    def _begin(self, start: Views) -> None:
        self.model.begin(TaskContext(self.recording.instruction, self._restamped(start)))

    def _step(self, views: Views, latencies: list[float] | None = None) -> Hops:
        views = self._restamped(views)
        before = self.clock() if self.clock else 0.0
        hops = self.model.step(views)
        if self.clock and latencies is not None:
            latencies.append(self.clock() - before)
        self.steps += 1
        self.told(min(1.0, self.steps / self.expected))
        return hops

    def _play(
        self, views: Sequence[Views], start_progress: float, latencies: list[float]
    ) -> tuple[Curves, list[Hops]]:
        chosen = self.parameters
        tracker = ProgressTracker(chosen.tracker, chosen.success)
        own = ProgressTracker(replace(chosen.tracker, recursion='own'), chosen.success)
        tracker.begin(start_progress=start_progress)
        own.begin(start_progress=start_progress)
        self._begin(views[0])
        hops, readings, own_readings = [], [], []
        for view in views:
            hops.append(self._step(view, latencies))
            readings.append(tracker.update(hops[-1], self.stamp))
            own_readings.append(own.update(hops[-1], self.stamp))
        return curves(readings, own_readings), hops

    def _gap(self) -> int:
        """Steps between the frames of a pair."""
        gap = self.parameters.gap or GAP * self.recording.rate
        return max(1, round(gap / self.interval))

    def _pair_places(self, truth: np.ndarray | None) -> list[tuple[int, int]]:
        if truth is None:
            return []
        gap, frames = self._gap(), self.frames
        return [
            (p, p + gap)
            for p in range(len(frames) - gap)
            if frames[p + gap] - frames[p] == gap * self.interval
            and abs(truth[p + gap] - truth[p]) > self.parameters.zero_pair
        ]

    def _ask_pairs(self, places: list[tuple[int, int]], truth: np.ndarray | None) -> Pairs:
        labels: list[float] = []
        hops: list[float] = []
        if truth is None:
            return Pairs(np.array(labels), np.array(hops))
        self._begin(self.views[0])
        for p, q in places:
            self._step(self.views[p])
            there, back = self._step(self.views[q]), self._step(self.views[p])
            hops += [_hop(there) or 0.0, _hop(back) or 0.0]
            labels += [float(hop_label(truth[p], truth[q])), float(hop_label(truth[q], truth[p]))]
        return Pairs(np.array(labels), np.array(hops))

    def _ask_again(self, probed: np.ndarray) -> Stillness:
        answers = []
        self._begin(self.views[0])
        for i in probed:
            self._step(self.views[i])
            again = _hop(self._step(self.views[i]))
            noisy = sensor_noise(self.views[i], self.parameters.noise, self.rng)
            answers.append((again, _hop(self._step(noisy))))
        both = np.abs(np.array(answers, float))
        return Stillness(both[:, 0], both[:, 1])

    def _ask_outliers(self, probed: np.ndarray) -> dict[str, Suspicion]:
        answers: dict[str, list[Hops]] = {name: [] for name in OUTLIERS}
        self._begin(self.views[0])
        for i in probed:
            self._step(self.views[i])
            for name, broken in OUTLIERS.items():
                answers[name].append(self._step(broken(self.views[i], self.rng)))
        return {name: suspicion(hops) for name, hops in answers.items()}


def _hop(hops: Hops) -> float | None:
    return hops.incremental if hops.valid and math.isfinite(hops.incremental) else None
