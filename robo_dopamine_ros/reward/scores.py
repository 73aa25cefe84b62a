"""From traces to the scores of an evaluation."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from robo_dopamine_ros.reward import metrics
from robo_dopamine_ros.reward.metrics import GRADES, OutcomeRule
from robo_dopamine_ros.reward.report import Report
from robo_dopamine_ros.reward.traces import PERSPECTIVES, Trace

Traces = Sequence[Trace]


def summarise(
    model: str, traces: Traces, rule: OutcomeRule, samples: int, rng: np.random.Generator
) -> Report:
    """Compute every score; intervals resample recordings, or the steps of a single one."""
    scores: dict[str, Callable[[Traces], float | None]] = {
        'voc': lambda ts: _mean(t.voc for t in ts),
        'voc_reversed': lambda ts: _mean(t.voc_reversed for t in ts),
        'mae': lambda ts: _mean(t.mae for t in ts),
        'hop_sign_accuracy': _sign_accuracy,
        'identical_hop': lambda ts: _mean(np.concatenate([t.stillness.identical for t in ts])),
        'ood_auroc': _ood_auroc,
        'false_alarm_rate': lambda ts: _mean(np.concatenate([t.clean.refused for t in ts])),
        'outcome_accuracy': lambda ts: _mean(
            rule(t.played.fused) == t.grade for t in ts if t.grade
        ),
        'success_auc': _success_auc,
    }

    def resample(rng: np.random.Generator) -> Traces:
        if len(traces) == 1:
            return [traces[0].resampled(rng)]
        return [traces[i] for i in rng.integers(0, len(traces), len(traces))]

    found = {name: score(traces) for name, score in scores.items()}
    intervals = {
        name: None
        if found[name] is None or (len(traces) == 1 and name in ('outcome_accuracy', 'success_auc'))
        else metrics.bootstrap(resample, score, rng, samples)
        for name, score in scores.items()
    }
    return Report(model=model, **found, intervals=intervals, details=_details(traces, rule))


def _details(traces: Traces, rule: OutcomeRule) -> dict[str, Any]:
    return {
        'intervals_over': 'recordings' if len(traces) > 1 else 'steps',
        'perspectives': {name: _perspective(traces, name) for name in PERSPECTIVES},
        'hops': _hops(traces),
        'outliers': _outliers(traces),
        'outcomes': _outcomes(traces, rule),
        'success': _success(traces),
        'opd': _opd(traces),
        'latency': metrics.percentiles([t for trace in traces for t in trace.latencies]),  # [s]
        'recordings': [_recording(t, rule) for t in traces],
    }


def _perspective(traces: Traces, name: str) -> dict[str, float | None]:
    chosen = [t for t in traces if t.successful]
    annotated = [
        (t.truth, getattr(t.played, name))
        for t in chosen
        if t.truth is not None and t.error(name) is not None
    ]
    rewound = _mean(t.rewound.order(name) for t in chosen if t.rewound)
    return {
        'voc': _mean(t.played.order(name) for t in chosen),
        'voc_r': _mean(metrics.pearson(truth, values) for truth, values in annotated),
        'voc_truth': _mean(metrics.spearman(truth, values) for truth, values in annotated),
        'voc_reversed': rewound,
        'voc_minus': None if rewound is None else -rewound,  # in forward time order, ideal +1
        'mae': _mean(t.error(name) for t in chosen),
        'mae_reversed': _mean(t.error_rewound(name) for t in chosen),
        'mae_unsuccessful': _mean(t.error(name) for t in traces if not t.successful),
    }


def _hops(traces: Traces) -> dict[str, float | None]:
    label = np.concatenate([t.pairs.label for t in traces])
    hop = np.concatenate([t.pairs.hop for t in traces])
    return {
        'pairs': len(label),
        'sign_accuracy_onward': _mean(hop[label > 0] > 0),
        'sign_accuracy_back': _mean(hop[label < 0] < 0),
        'mae': _mean(np.abs(hop - label)),
        'identical_noisy': _mean(np.concatenate([t.stillness.noisy for t in traces])),
    }


def _sign_accuracy(traces: Traces) -> float | None:
    return _mean(np.concatenate([np.sign(t.pairs.hop) == np.sign(t.pairs.label) for t in traces]))


def _ood_auroc(traces: Traces) -> float | None:
    broken = [family.score for t in traces for family in t.outliers.values()]
    return metrics.auroc(np.concatenate([t.clean.score for t in traces]), np.concatenate(broken))


def _outliers(traces: Traces) -> dict[str, dict[str, float | None]]:
    clean = np.concatenate([t.clean.score for t in traces])
    agreed = _known(t.clean.disagreement for t in traces)
    found = {}
    for name in traces[0].outliers:
        families = [t.outliers[name] for t in traces]
        gaps = _known(f.disagreement for f in families)
        found[name] = {
            'auroc': metrics.auroc(clean, np.concatenate([f.score for f in families])),
            'auroc_disagreement': metrics.auroc(agreed, gaps),
            'detected': _mean(np.concatenate([f.refused for f in families])),
        }
    return found


def _outcomes(traces: Traces, rule: OutcomeRule) -> dict[str, Any]:
    confusion = {grade: dict.fromkeys(GRADES, 0) for grade in GRADES}
    for trace in traces:
        if trace.grade:
            confusion[trace.grade][rule(trace.played.fused)] += 1
    graded = [t for t in traces if t.grade]
    truth = np.array([t.grade != 'success' for t in graded], bool)
    found = np.array([rule(t.played.fused) != 'success' for t in graded], bool)
    by_task = [_final_by_grade(ts) for ts in _by_task(graded).values()]
    finals = _final_by_grade(graded)
    return {
        'confusion': confusion,  # truth -> found
        'tau_a': _mean(metrics.tau_a(t) for t in by_task),
        'ranking_accuracy': _mean(metrics.ranking_accuracy(t) for t in by_task),
        'mean_final': {grade: _mean(finals[grade]) for grade in GRADES},
        'unsuccessful': asdict(metrics.detection(truth, found)),
    }


def _success(traces: Traces) -> dict[str, float | None]:
    proposed = {
        grade: [bool(t.played.candidate.any()) for t in traces if t.grade == grade]
        for grade in GRADES
    }
    others = proposed['partial'] + proposed['failure']
    return {
        'recall': _mean(proposed['success']),
        'false': sum(others) if others else None,
        'unsuccessful': len(others),
    }


def _success_auc(traces: Traces) -> float | None:
    finals = _final_by_grade([t for t in traces if t.grade])
    return metrics.auroc(
        np.array(finals['failure'] + finals['partial']), np.array(finals['success'])
    )


def _opd(traces: Traces) -> dict[str, dict[str, Any]]:
    found = {}
    for grade in (*GRADES, ''):
        each = [asdict(metrics.opd(t.played.fused)) for t in traces if t.grade == grade]
        if each:
            found[grade or 'ungraded'] = {
                name: np.mean([e[name] for e in each], axis=0).tolist() for name in each[0]
            }
    return found


def _recording(trace: Trace, rule: OutcomeRule) -> dict[str, Any]:
    return {
        'name': trace.name,
        'grade': trace.grade or None,
        'found': rule(trace.played.fused),
        'steps': len(trace.played.time),
        'interval': trace.interval,
        'gap': trace.gap,
        'voc': trace.voc,
        'voc_reversed': trace.voc_reversed,
        'mae': trace.error('fused'),
        'hop_sign_accuracy': _sign_accuracy([trace]),
        'final': float(trace.played.fused[-1]),
        'false_alarms': int(trace.clean.refused.sum()),
        'success_proposed': bool(trace.played.candidate.any()),
    }


def _by_task(traces: Traces) -> dict[str, list[Trace]]:
    tasks = defaultdict(list)
    for trace in traces:
        tasks[trace.task].append(trace)
    return tasks


def _final_by_grade(traces: Traces) -> dict[str, list[float]]:
    return {g: [float(t.played.fused[-1]) for t in traces if t.grade == g] for g in GRADES}


def _known(arrays: Iterable[np.ndarray]) -> np.ndarray:
    values = np.concatenate(list(arrays))
    return values[~np.isnan(values)]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [float(v) for v in values if v is not None and not np.isnan(v)]
    return float(np.mean(known)) if known else None
