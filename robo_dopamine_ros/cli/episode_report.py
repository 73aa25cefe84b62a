"""Report of episodes: metrics, `report.json` and `report.png`."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.data.episode_curves import EpisodeCurves, to_json
from robo_dopamine_ros.data.filmstrip import FilmstripFrame
from robo_dopamine_ros.reward.metrics import pearson, percentiles, voc
from robo_dopamine_ros.types import Progress

TRUTH_DROP_TOLERANCE = 0.01  # true progress may fall by so much between two samples and still rise
PERSPECTIVES = ('progress', 'incremental', 'forward', 'backward')


@dataclass(frozen=True)
class EpisodeReport:
    """Curves, images and metrics of one episode."""

    curves: EpisodeCurves
    filmstrip: Sequence[FilmstripFrame]
    views: Sequence[str]
    metrics: Mapping[str, Any]


def make_report(
    curves: EpisodeCurves,
    filmstrip: Sequence[FilmstripFrame],
    views: Sequence[str],
    **metadata: Any,
) -> EpisodeReport:
    """Compute the metrics of an episode; `metadata` is stored beside them."""
    return EpisodeReport(curves, filmstrip, views, {**metadata, **episode_metrics(curves)})


def write_report(reports: Sequence[EpisodeReport], folder: Path) -> Path:
    """Write report.json, with one object per episode, and report.png; gives the image's path."""
    from robo_dopamine_ros.data import episode_plot

    episodes = [{'summary': r.metrics, 'series': to_json(r.curves)} for r in reports]
    text = json.dumps({'episodes': episodes}, allow_nan=False, indent=1)
    (folder / 'report.json').write_text(text + '\n', encoding='utf-8')
    pages = [
        episode_plot.draw_page(r.curves, r.filmstrip, r.views, headline_metrics(r.metrics))
        for r in reports
    ]
    episode_plot.write_pages(pages, folder / 'report.png')
    return folder / 'report.png'


def episode_metrics(curves: EpisodeCurves) -> dict[str, Any]:
    """Rate, latency, order and error of the valid readings, and the return; None where unknown."""
    valid = curves.valid
    time = curves.time[valid]
    duration = float(time[-1] - time[0]) if len(time) > 1 else 0.0
    values = {name: curves.readings[name][valid] for name in PERSPECTIVES}
    confidence = curves.readings['confidence'][valid]
    return {
        'model': curves.model,
        'duration_s': curves.duration,
        'readings': int(valid.sum()),
        'without_reading': int((~valid).sum()),
        'rate_hz': (len(time) - 1) / duration if duration else None,
        'latency_s': percentiles(curves.readings['latency'][valid].tolist()),
        'final_progress': float(values['progress'][-1]) if len(time) else None,
        'mean_confidence': float(confidence.mean()) if len(time) else None,
        'voc': {name: _voc(column) for name, column in values.items()},
        **_truth_metrics(curves, time, values),
        'return': discounted_return(curves.rewards['reward'], curves.rewards['discount']),
        'success_proposed_s': _first_time(curves.time, curves.success_candidate),
        'outcome': curves.outcome,
    }


def discounted_return(reward: np.ndarray, discount: np.ndarray) -> float:
    """Return from the start of an episode; shaping telescopes in it, but not in the plain sum."""
    weight = np.concatenate([[1.0], np.cumprod(discount)[:-1]]) if len(discount) else discount
    return float(weight @ reward)


def invalid_reasons(readings: Sequence[Progress]) -> dict[str, int]:
    """Number of invalid readings by reason."""
    return dict(Counter(r.reason for r in readings if not r.valid))


def headline_metrics(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Metrics shown in large type on the plot, label -> text."""
    latency = metrics['latency_s']
    falls = metrics['truth_rises'] is False  # VOC means nothing then
    order = metrics['correlation'] if falls else metrics['voc']['progress']
    texts = {
        'correlation' if falls else 'VOC': _format(order, '{:.3f}'),
        'mean error': _format((metrics['mae'] or {}).get('progress'), '{:.3f}'),
        'readings': _format(metrics['rate_hz'], '{:.1f} Hz'),
        'latency p50': _format(latency['p50'], '{:.0f} ms', 1000),
        'latency p99': _format(latency['p99'], '{:.0f} ms', 1000),
    }
    return {label: text for label, text in texts.items() if text}


def _truth_metrics(
    curves: EpisodeCurves, time: np.ndarray, values: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Errors and correlation of the valid readings where true progress is known."""
    if curves.truth is None or not len(time):
        return {'mae': None, 'correlation': None, 'truth_rises': None}
    truth = curves.truth.at(time)
    errors = {name: np.abs(column - truth) for name, column in values.items()}
    mae = {name: None if np.isnan(e).any() else float(e.mean()) for name, e in errors.items()}
    rises = bool((np.diff(curves.truth.value) > -TRUTH_DROP_TOLERANCE).all())
    return {'mae': mae, 'correlation': pearson(truth, values['progress']), 'truth_rises': rises}


def _voc(values: np.ndarray) -> float | None:
    return None if len(values) < 2 or np.isnan(values).any() else voc(values)


def _first_time(time: np.ndarray, condition: np.ndarray) -> float | None:
    return float(time[condition.argmax()]) if condition.any() else None


def _format(value: float | None, layout: str, scale: float = 1.0) -> str:
    return '' if value is None else layout.format(scale * value)
