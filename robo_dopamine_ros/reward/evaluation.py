"""Evaluation of a reward model on recordings: playback, frame pairs, repeated and corrupted views.

Steps are half a second apart within the annotated frames, the last frame included. The start views
are the first step, the goal is the one stored with the model. Reversed playback starts from
progress 1. Nothing is read from or written to files here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from robo_dopamine_ros.grm.hops import hop_label
from robo_dopamine_ros.grm.protocol import GRM, ProgressCallback, ignore_progress
from robo_dopamine_ros.reward.evaluation_records import (
    EvaluationRecord,
    HopPairs,
    OodScores,
    ProgressCurves,
    StaticHops,
    ood_scores,
    progress_curves,
)
from robo_dopamine_ros.reward.evaluation_report import EvaluationReport
from robo_dopamine_ros.reward.evaluation_scores import summarise
from robo_dopamine_ros.reward.metrics import OutcomeRule
from robo_dopamine_ros.reward.ood_inputs import OOD_CORRUPTIONS, sensor_noise
from robo_dopamine_ros.reward.progress import ProgressTracker, TrackerParameters
from robo_dopamine_ros.reward.success import SuccessParameters
from robo_dopamine_ros.types import SECOND, Hops, Outcome, Recording, TaskContext, Views

STEP_INTERVAL = 0.5  # [s] between steps: 15 frames at 30 Hz
PAIR_INTERVAL = 2.0  # [s] between the frames of a pair: 60 frames at 30 Hz
MIN_PROBES = 8  # probed steps of a recording, however many recordings there are
OUTCOME_GRADES = {Outcome.SUCCESS: 'success', Outcome.FAILURE: 'failure'}


class EvaluationError(ValueError):
    """Recordings that cannot be evaluated."""


@dataclass(frozen=True)
class EvaluationParameters:
    """Sampling of the recordings, and how hops become progress and outcomes."""

    interval: int | None = None  # [frames] between steps; None: half a second within the bounds
    gap: int | None = None  # [frames] between the frames of a pair; None: two seconds
    min_steps: int = 40  # short or slow recordings are sampled more densely, down to every frame
    max_steps: int = 600  # long ones more coarsely: their images are held in memory
    probes: int = 400  # steps over all recordings that are repeated and corrupted; at least 8 each
    noise: float = 2.0  # [grey levels] standard deviation of mild sensor noise
    zero_pair: float = 0.005  # pairs that differ by no more progress than this are left out
    samples: int = 1000  # of the bootstrap
    tracker: TrackerParameters = field(default_factory=TrackerParameters)
    success: SuccessParameters = field(default_factory=SuccessParameters)
    rule: OutcomeRule = field(default_factory=OutcomeRule)

    def __post_init__(self) -> None:
        for name in ('interval', 'gap', 'min_steps', 'max_steps', 'probes', 'samples'):
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
    progress: ProgressCallback = ignore_progress,
    clock: Callable[[], float] | None = None,
) -> EvaluationReport:
    """Evaluate a model on recordings that it was not trained on.

    `rng` draws corruptions, noise and bootstrap samples (default: seed 0). `clock` [s] measures the
    latency of the steps; without it the report has no latencies. Raises EvaluationError without
    recordings and for a recording that is too short.
    """
    if not recordings:
        raise EvaluationError('no recordings; an evaluation needs one or more')
    parameters = parameters or EvaluationParameters()
    rng = rng or np.random.default_rng(0)
    records = []
    for i, recording in enumerate(recordings):

        def report(fraction: float, i: int = i, name: str = recording.name) -> None:
            progress((i + fraction) / len(recordings), name)

        report(0.0)
        probes = max(MIN_PROBES, parameters.probes // len(recordings))
        records.append(_Evaluator(model, recording, parameters, rng, report, clock).run(probes))
    progress(1.0, 'bootstrap')
    return summarise(model.name, records, parameters.rule, parameters.samples, rng)


def sampled_frames(recording: Recording, parameters: EvaluationParameters) -> tuple[list[int], int]:
    """Frames of the steps and the interval between them; the last interval may be shorter."""
    first, last = recording.span
    length = last - first
    if not length >= 1:
        raise EvaluationError(
            f'{recording.name}: span {first}..{last}; it needs two frames or more'
        )
    interval = parameters.interval
    if interval is None:
        interval = min(round(STEP_INTERVAL * recording.rate), length // parameters.min_steps)
        interval = max(interval, -(-length // parameters.max_steps), 1)
    frames = list(range(first, last + 1, interval))
    return frames if frames[-1] == last else [*frames, last], interval


class _Evaluator:
    """All measurements of one model on one recording."""

    def __init__(
        self,
        model: GRM,
        recording: Recording,
        parameters: EvaluationParameters,
        rng: np.random.Generator,
        report: Callable[[float], None],
        clock: Callable[[], float] | None,
    ) -> None:
        self.model = model
        self.recording = recording
        self.parameters = parameters
        self.rng = rng
        self.report = report
        self.clock = clock
        self.frames, self.interval = sampled_frames(recording, parameters)
        self.views = self._read_views()
        self.stamp = 0
        self.steps = 0
        self.expected = 1

    def run(self, probes: int) -> EvaluationRecord:
        """Measure everything; `probes` is the number of repeated and corrupted steps."""
        recording = self.recording
        grade = recording.grade or OUTCOME_GRADES.get(recording.outcome, '')
        ungraded = not grade and recording.outcome is Outcome.NONE
        successful = grade == 'success' or ungraded
        truth = None if recording.progress is None else recording.progress[self.frames]
        pairs = self._pair_indices(truth)
        probed = np.unique(np.linspace(0, len(self.views) - 1, probes).round().astype(int))
        self.expected = (
            len(self.views) * (1 + successful)
            + 3 * len(pairs)
            + len(probed) * (4 + len(OOD_CORRUPTIONS))
        )
        latencies: list[float] = []
        playback, hops = self._play(self.views, 0.0, latencies)
        return EvaluationRecord(
            name=recording.name,
            task=recording.instruction,
            grade=grade,
            successful=successful,
            interval=self.interval,
            gap=self._gap() * self.interval,
            truth=truth,
            playback=playback,
            reversed_playback=self._play(self.views[::-1], 1.0, [])[0] if successful else None,
            pairs=self._measure_pairs(pairs, truth),
            static=self._measure_static(probed),
            clean=ood_scores(hops),
            outliers=self._measure_outliers(probed),
            latencies=tuple(latencies),
        )

    def _read_views(self) -> list[Views]:
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
        """The views with a newer stamp, so that time advances in reversed playback too."""
        self.stamp += int(self.interval / self.recording.rate * SECOND)
        return replace(views, stamps=dict.fromkeys(views.images, self.stamp))

    def _reset(self, start: Views) -> None:
        self.model.reset(TaskContext(self.recording.instruction, self._restamped(start)))

    def _step(self, views: Views, latencies: list[float] | None = None) -> Hops:
        views = self._restamped(views)
        before = self.clock() if self.clock else 0.0
        hops = self.model.step(views)
        if self.clock and latencies is not None:
            latencies.append(self.clock() - before)
        self.steps += 1
        self.report(min(1.0, self.steps / self.expected))
        return hops

    def _play(
        self, views: Sequence[Views], start_progress: float, latencies: list[float]
    ) -> tuple[ProgressCurves, list[Hops]]:
        """Play views as one episode and track its progress, with either recursion."""
        chosen = self.parameters
        tracker = ProgressTracker(chosen.tracker, chosen.success)
        own = ProgressTracker(replace(chosen.tracker, recursion='own'), chosen.success)
        tracker.reset(start_progress=start_progress)
        own.reset(start_progress=start_progress)
        self._reset(views[0])
        hops, readings, own_readings = [], [], []
        for view in views:
            hops.append(self._step(view, latencies))
            readings.append(tracker.update(hops[-1], self.stamp))
            own_readings.append(own.update(hops[-1], self.stamp))
        return progress_curves(readings, own_readings), hops

    def _gap(self) -> int:
        """Steps between the frames of a pair."""
        gap = self.parameters.gap or PAIR_INTERVAL * self.recording.rate
        return max(1, round(gap / self.interval))

    def _pair_indices(self, truth: np.ndarray | None) -> list[tuple[int, int]]:
        if truth is None:
            return []
        gap, frames = self._gap(), self.frames
        return [
            (p, p + gap)
            for p in range(len(frames) - gap)
            if frames[p + gap] - frames[p] == gap * self.interval
            and abs(truth[p + gap] - truth[p]) > self.parameters.zero_pair
        ]

    def _measure_pairs(self, pairs: list[tuple[int, int]], truth: np.ndarray | None) -> HopPairs:
        """Hops and labels (Eq 2) of frame pairs, both ways."""
        labels: list[float] = []
        hops: list[float] = []
        if truth is None:
            return HopPairs(np.array(labels), np.array(hops))
        self._reset(self.views[0])
        for p, q in pairs:
            self._step(self.views[p])
            onward, back = self._step(self.views[q]), self._step(self.views[p])
            hops += [_hop(onward) or 0.0, _hop(back) or 0.0]
            labels += [float(hop_label(truth[p], truth[q])), float(hop_label(truth[q], truth[p]))]
        return HopPairs(np.array(labels), np.array(hops))

    def _measure_static(self, probed: np.ndarray) -> StaticHops:
        """Hops to the same images again, and to the same images with sensor noise."""
        hops = []
        self._reset(self.views[0])
        for i in probed:
            self._step(self.views[i])
            again = _hop(self._step(self.views[i]))
            noisy = sensor_noise(self.views[i], self.parameters.noise, self.rng)
            hops.append((again, _hop(self._step(noisy))))
        both = np.abs(np.array(hops, float))
        return StaticHops(both[:, 0], both[:, 1])

    def _measure_outliers(self, probed: np.ndarray) -> dict[str, OodScores]:
        """Out-of-distribution scores of corrupted views, by family of corruption."""
        hops: dict[str, list[Hops]] = {name: [] for name in OOD_CORRUPTIONS}
        self._reset(self.views[0])
        for i in probed:
            self._step(self.views[i])
            for name, corrupt in OOD_CORRUPTIONS.items():
                hops[name].append(self._step(corrupt(self.views[i], self.rng)))
        return {name: ood_scores(family) for name, family in hops.items()}


def _hop(hops: Hops) -> float | None:
    return hops.incremental if hops.valid and math.isfinite(hops.incremental) else None
