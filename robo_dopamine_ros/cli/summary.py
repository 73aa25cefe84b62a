"""The numbers of one episode, for people and machines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robo_dopamine_ros.data.series import Series
from robo_dopamine_ros.reward.metrics import pearson, percentiles, voc
from robo_dopamine_ros.types import Progress

RISING = 0.01  # loss of true progress between two moments that is not yet a setback
PERSPECTIVES = ('progress', 'incremental', 'forward', 'backward')


def summarise(series: Series) -> dict[str, Any]:
    """Rate, latency, order and error of the readings, and what was paid; None where unknown."""
    valid = series.valid
    time = series.time[valid]
    spanned = float(time[-1] - time[0]) if len(time) > 1 else 0.0
    read = {name: series.read[name][valid] for name in PERSPECTIVES}
    return {
        'model': series.model,
        'duration_s': series.duration,
        'readings': int(valid.sum()),
        'without_reading': int((~valid).sum()),
        'rate_hz': (len(time) - 1) / spanned if spanned else None,
        'latency_s': percentiles(series.read['latency'][valid].tolist()),
        'final_progress': float(read['progress'][-1]) if len(time) else None,
        'mean_confidence': float(series.read['confidence'][valid].mean()) if len(time) else None,
        'voc': {name: _order(values) for name, values in read.items()},
        **_against_truth(series, time, read),
        'return': discounted(series.paid['reward'], series.paid['discount']),
        'success_proposed_s': _first(series.time, series.candidate),
        'outcome': series.outcome,
    }


def discounted(reward: np.ndarray, discount: np.ndarray) -> float:
    """Return of an episode seen from its start; shaping telescopes in it, in a plain sum not."""
    before = np.concatenate([[1.0], np.cumprod(discount)[:-1]]) if len(discount) else discount
    return float(before @ reward)


def reasons(readings: Sequence[Progress]) -> dict[str, int]:
    """Why there was no reading, and how often."""
    return dict(Counter(r.reason for r in readings if not r.valid))


def headline(summary: Mapping[str, Any]) -> dict[str, str]:
    """The few numbers shown large on the picture, label -> text."""
    latency = summary['latency_s']
    errs = summary['truth_rises'] is False  # then the order of time is not that of progress
    order = summary['correlation'] if errs else summary['voc']['progress']
    told = {
        'correlation' if errs else 'VOC': _told(order, '{:.3f}'),
        'mean error': _told((summary['mae'] or {}).get('progress'), '{:.3f}'),
        'readings': _told(summary['rate_hz'], '{:.1f} Hz'),
        'latency p50': _told(latency['p50'], '{:.0f} ms', 1000),
        'latency p99': _told(latency['p99'], '{:.0f} ms', 1000),
    }
    return {label: text for label, text in told.items() if text}


def _against_truth(
    series: Series, time: np.ndarray, read: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Errors where progress is known; the correlation needs more than one reading."""
    if series.truth is None or not len(time):
        return {'mae': None, 'correlation': None, 'truth_rises': None}
    truth = series.truth.at(time)
    errors = {name: np.abs(values - truth) for name, values in read.items()}
    mae = {name: None if np.isnan(e).any() else float(e.mean()) for name, e in errors.items()}
    rises = bool((np.diff(series.truth.value) > -RISING).all())
    return {'mae': mae, 'correlation': pearson(truth, read['progress']), 'truth_rises': rises}


def _order(values: np.ndarray) -> float | None:
    return None if len(values) < 2 or np.isnan(values).any() else voc(values)


def _first(time: np.ndarray, happened: np.ndarray) -> float | None:
    return float(time[happened.argmax()]) if happened.any() else None


def _told(value: float | None, layout: str, scale: float = 1.0) -> str:
    return '' if value is None else layout.format(scale * value)
