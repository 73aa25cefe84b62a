"""Metrics of how much a candidate differs from its reference, tolerances, text and JSON reports."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

LARGE_HOP = 5.0  # the sign of hops from here on matters [%]
NEAR_PERCENT = 5.0  # largest difference of answers that count as near [%]
DEPTHS = ('sign', 'first', 'second')  # symbol chosen at a path of 0, 1, 2 symbols
MIN_PROBABILITY = 1e-12  # lower bound of probabilities, which keeps the divergence finite

# path -> symbol -> probability of the symbol after the path (query/answer_tree.py)
NodeProbabilities = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class AnswerRecord:
    """The answer to one question."""

    percent: float  # -100..100; NaN: invalid
    expected: float = math.nan  # mean of the distribution of answers [%]; NaN if unknown
    nodes: NodeProbabilities = field(default_factory=dict)  # empty if unknown


@dataclass(frozen=True)
class HopParity:
    """Candidate against reference over many questions; None where undefined."""

    questions: int
    mae: float | None  # [%], of answers that both gave; as p95
    p95: float | None
    flips: float | None  # share of these with different signs; 0 is a sign of its own
    large: int  # questions with a hop of LARGE_HOP or more by the reference
    large_flips: float | None  # share of these with different signs
    exact: float | None  # share of the valid answers of the reference; as `near`, `lost`
    near: float | None  # within NEAR_PERCENT
    lost: float | None  # the candidate gave no valid answer
    unread: float | None  # share of all questions without a valid answer of the reference
    divergence: float | None  # [nats] Kullback-Leibler, of the whole answer, mean
    node_divergence: Mapping[str, float]  # [nats] the same for one symbol, mean, by DEPTHS
    expected_mae: float | None  # [%] of the means of the distributions


def hop_parity(candidate: Sequence[AnswerRecord], reference: Sequence[AnswerRecord]) -> HopParity:
    """Compare answers to the same questions, in the same order; ValueError for unequal lengths."""
    if len(candidate) != len(reference):
        raise ValueError(f'{len(candidate)} answers against {len(reference)}; give one for each')
    found, expected = _array(candidate, 'percent'), _array(reference, 'percent')
    known = ~np.isnan(expected)
    both = known & ~np.isnan(found)
    error = np.abs(found - expected)
    flipped = np.sign(found) != np.sign(expected)
    large = both & (np.abs(expected) >= LARGE_HOP)
    error_or_inf = np.where(both, error, math.inf)[known]
    nodes = [(c.nodes, r.nodes) for c, r in zip(candidate, reference, strict=True)]
    divergences = [answer_divergence(c, r) for c, r in nodes if c and r]
    means = np.abs(_array(candidate, 'expected') - _array(reference, 'expected'))
    return HopParity(
        questions=len(reference),
        mae=_mean(error[both]),
        p95=float(np.percentile(error[both], 95)) if both.any() else None,
        flips=_mean(flipped[both]),
        large=int(large.sum()),
        large_flips=_mean(flipped[large]),
        exact=_mean(error_or_inf < 0.05),  # answers have one decimal
        near=_mean(error_or_inf <= NEAR_PERCENT + 1e-9),
        lost=_mean(np.isnan(found)[known]),
        unread=_mean(~known),
        divergence=_mean(np.array(divergences)),
        node_divergence=_by_depth(nodes),
        expected_mae=_mean(means[~np.isnan(means)]),
    )


def answer_divergence(candidate: NodeProbabilities, reference: NodeProbabilities) -> float:
    """Divergence of whole answers: sum over nodes, weighted by the reference's path probability."""
    return sum(
        _path_probability(path, reference) * _divergence(candidate[path], reference[path])
        for path in reference
        if path in candidate
    )


def _by_depth(pairs: Sequence[tuple[NodeProbabilities, NodeProbabilities]]) -> dict[str, float]:
    divergences: dict[str, list[float]] = {depth: [] for depth in DEPTHS}
    for candidate, reference in pairs:
        for path in reference.keys() & candidate.keys():
            depth = DEPTHS[min(len(path), len(DEPTHS) - 1)]
            divergences[depth].append(_divergence(candidate[path], reference[path]))
    return {depth: float(np.mean(values)) for depth, values in divergences.items() if values}


def _divergence(candidate: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """Kullback-Leibler divergence of the candidate from the reference [nats]."""
    return sum(
        probability * math.log(probability / max(candidate.get(symbol, 0.0), MIN_PROBABILITY))
        for symbol, probability in reference.items()
        if probability > MIN_PROBABILITY
    )


def _path_probability(path: str, nodes: NodeProbabilities) -> float:
    steps = ((path[:depth], symbol) for depth, symbol in enumerate(path))
    return math.prod(nodes.get(before, {}).get(symbol, 0.0) for before, symbol in steps)


def _array(answers: Sequence[AnswerRecord], name: str) -> np.ndarray:
    return np.array([getattr(answer, name) for answer in answers], float)


def _mean(values: np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None


@dataclass(frozen=True)
class ParityTolerances:
    """How much a candidate may differ from its reference."""

    mae: float  # of hops [%]
    flips: float  # share of large hops with different signs; also of answers lost
    voc_drop: float  # value-order correlation lost, mean over the episodes


TOLERANCES = {  # by precision of the candidate; 16 and 32 bits have those of fp8
    'fp8': ParityTolerances(mae=1.0, flips=0.005, voc_drop=0.01),
    'int8': ParityTolerances(mae=2.0, flips=0.01, voc_drop=0.02),
}


@dataclass(frozen=True)
class ParityReport:
    """Result of a comparison."""

    candidate: str
    reference: str
    tolerances: ParityTolerances
    hops: HopParity
    perspectives: Mapping[str, HopParity]
    episodes: Sequence[Any]  # EpisodeParity (reward/episode_parity.py)
    noise: HopParity | None  # the reference against itself, one query at a time

    @property
    def failures(self) -> tuple[str, ...]:
        """Metrics beyond their tolerance or unknown; empty if the candidate passed."""
        hops, tolerances = self.hops, self.tolerances
        signs, nothing = f'hops of {LARGE_HOP:.0f} % or more', 'nothing both answered'
        flips = tolerances.flips
        measured = (
            ('mean error of hops [%]', hops.mae, tolerances.mae, nothing),
            (f'share of other signs among {signs}', hops.large_flips, flips, f'no {signs}'),
            ('share of readings lost', hops.lost, flips, 'the reference read nothing'),
            ('VOC lost', self.voc_drop, tolerances.voc_drop, 'no episode'),
        )
        failures = []
        for name, value, most, why in measured:
            if value is None:
                failures.append(f'{name}: unknown ({why})')
            elif not value <= most:
                failures.append(f'{name}: {value:.3g}, at most {most:.3g}')
        return tuple(failures)

    @property
    def passed(self) -> bool:
        """Whether all metrics are within the tolerances."""
        return not self.failures

    @property
    def within_noise(self) -> bool:
        """Whether the hop error is no larger than that of the reference against itself."""
        if self.hops.mae is None or self.noise is None or self.noise.mae is None:
            return False
        return self.hops.mae <= self.noise.mae

    @property
    def voc_drop(self) -> float | None:
        """Mean over the episodes; None without any."""
        return float(np.mean([e.voc_drop for e in self.episodes])) if self.episodes else None

    def to_json(self) -> str:
        """One JSON object; undefined metrics are null."""
        fields: dict[str, Any] = asdict(self)
        fields['gates'] = fields.pop('tolerances')
        for episode, parity in zip(fields['episodes'], self.episodes, strict=True):
            episode['voc_drop'] = parity.voc_drop
        fields |= {'voc_drop': self.voc_drop, 'passed': self.passed, 'failures': self.failures}
        return json.dumps(fields, allow_nan=False)

    def table(self) -> str:
        """The report as plain text."""
        return '\n'.join(_lines(self))


TABLE_ROWS = (  # title, field of HopParity, whether it is a share
    ('hop error, mean [%]', 'mae', False),
    ('hop error, 95th percentile [%]', 'p95', False),
    ('signs that differ [% of hops]', 'flips', True),
    (f'  of hops of {LARGE_HOP:.0f} % or more', 'large_flips', True),
    ('same answer [% of hops]', 'exact', True),
    ('within 5 % [% of hops]', 'near', True),
    ('readings lost [%]', 'lost', True),
    ('unread by the reference [%]', 'unread', True),
    ('divergence of answers [nats]', 'divergence', False),
    ('error of expectation [%]', 'expected_mae', False),
)


def _lines(report: ParityReport) -> list[str]:
    columns = {'all': report.hops, **report.perspectives}
    if report.noise:
        columns['noise'] = report.noise
    lines = [
        f'candidate  {report.candidate}',
        f'reference  {report.reference}',
        '',
        ' ' * 32 + ''.join(f'{name:>13}' for name in columns),
        f'{"questions":32}' + ''.join(f'{one.questions:>13}' for one in columns.values()),
    ]
    for title, name, share in TABLE_ROWS:
        values = [getattr(one, name) for one in columns.values()]
        cells = [_number(value, 100 if share else 1) for value in values]
        lines.append(f'{title:32}' + ''.join(f'{cell:>13}' for cell in cells))
    for depth in report.hops.node_divergence:
        values = [one.node_divergence.get(depth) for one in columns.values()]
        title = f'  of one symbol: {depth}'
        lines.append(f'{title:32}' + ''.join(f'{_number(value):>13}' for value in values))
    lines += ['', f'{"episode":32}{"VOC":>13}{"reference":>13}{"end off":>13}{"reward r":>13}']
    for one in report.episodes:
        metrics = (one.voc, one.voc_reference, one.final_error, one.reward_correlation)
        row = ''.join(f'{_number(value):>13}' for value in metrics)
        lines.append(f'{one.name[:31]:32}{row}')
    return [*lines, '', *_verdict(report)]


def _verdict(report: ParityReport) -> list[str]:
    if report.failures:
        return ['NOT the same:', *(f'  {failure}' for failure in report.failures)]
    noise = '; no further off than the reference is from itself' if report.within_noise else ''
    return [f'the same within the tolerances{noise}']


def _number(value: float | None, scale: int = 1) -> str:
    return '-' if value is None else f'{scale * value:.4g}'
