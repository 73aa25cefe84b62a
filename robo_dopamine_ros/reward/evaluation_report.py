"""The report of an evaluation: an object, JSON and a text table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from robo_dopamine_ros.reward.metrics import GRADES

Interval = tuple[float, float]


@dataclass(frozen=True)
class EvaluationReport:
    """Scores of an evaluation; None where the recordings do not allow one."""

    model: str
    voc: float | None  # Spearman of fused progress with time, successful recordings
    voc_reversed: float | None  # the same on reversed playback, ideal -1
    mae: float | None  # of fused progress against annotation, successful recordings
    hop_sign_accuracy: float | None  # 0..1, both orders of every pair
    identical_hop: float | None  # mean |hop| between identical images
    ood_auroc: float | None  # corrupted against clean inputs, all families
    false_alarm_rate: float | None  # share of clean steps that were refused, 0..1
    outcome_accuracy: float | None  # three-way, Eq 58
    success_auc: float | None  # final progress of successes against the rest
    intervals: Mapping[str, Interval | None]  # 95 percent, of each of the above
    details: Mapping[str, Any]  # plain values, ready for JSON

    def to_json(self) -> str:
        """The report as one JSON object; unknown values are null."""
        flat = {**asdict(self), **self.details}
        del flat['details']
        return json.dumps(_plain(flat), allow_nan=False)

    def table(self) -> str:
        """The report as a text table."""
        return '\n'.join(_lines(self))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


def _lines(report: EvaluationReport) -> list[str]:
    details = report.details
    count = len(details['recordings'])
    steps = sum(r['steps'] for r in details['recordings'])
    lines = [f'{report.model}: {count} recording{"s" * (count > 1)}, {steps} steps', '']
    lines.append(f'{"":20}{"value":>8}   95% over {details["intervals_over"]}')
    for name, interval in report.intervals.items():
        spread = f'{interval[0]:.3f} .. {interval[1]:.3f}' if interval else '-'
        lines.append(f'{name:20}{_number(getattr(report, name)):>8}   {spread}')
    columns = ('voc', 'voc_r', 'voc_truth', 'voc_reversed', 'mae', 'mae_reversed')
    lines += _block('perspective', details['perspectives'], columns)
    lines += _block('outliers', details['outliers'], ('auroc', 'auroc_disagreement', 'detected'))
    hops, latency, success = details['hops'], details['latency'], details['success']
    lines += [
        '',
        f'hops: {hops["pairs"]} pairs, sign right onward {_number(hops["sign_accuracy_onward"])}, '
        f'back {_number(hops["sign_accuracy_back"])}, error {_number(hops["mae"])}, '
        f'still under noise {_number(hops["identical_noisy"])}',
        'latency [ms]: '
        + ', '.join(f'{n} {_number(v and v * 1e3, 1)}' for n, v in latency.items()),
    ]
    if any(r['grade'] for r in details['recordings']):
        outcomes = details['outcomes']
        lines += _block('truth \\ found', outcomes['confusion'], GRADES)
        lines.append(
            f'tau_a {_number(outcomes["tau_a"])}, ranking {_number(outcomes["ranking_accuracy"])}, '
            f'success proposed: recall {_number(success["recall"])}, '
            f'false {_number(success["false"])} of {success["unsuccessful"]}'
        )
    return lines


def _block(title: str, rows: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    width = [max(8, len(column) + 2) for column in columns]
    head = ''.join(f'{c:>{w}}' for c, w in zip(columns, width, strict=True))
    body = [
        f'{name:20}'
        + ''.join(f'{_number(row[c]):>{w}}' for c, w in zip(columns, width, strict=True))
        for name, row in rows.items()
    ]
    return ['', f'{title:20}{head}', *body]


def _number(value: float | None, digits: int = 3) -> str:
    if value is None:
        return '-'
    return str(value) if isinstance(value, int) else f'{value:.{digits}f}'
