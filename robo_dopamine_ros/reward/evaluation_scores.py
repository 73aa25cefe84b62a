"""Aggregation of evaluation records to the scores of a report."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from robo_dopamine_ros.reward import metrics
from robo_dopamine_ros.reward.evaluation_records import PERSPECTIVES, EvaluationRecord
from robo_dopamine_ros.reward.evaluation_report import EvaluationReport
from robo_dopamine_ros.reward.metrics import GRADES, OutcomeRule

Records = Sequence[EvaluationRecord]


def summarise(
    model: str, records: Records, rule: OutcomeRule, samples: int, rng: np.random.Generator
) -> EvaluationReport:
    """Compute every score with its bootstrap interval.

    The bootstrap resamples recordings, or the steps where there is only one recording.
    """
    scores: dict[str, Callable[[Records], float | None]] = {
        'voc': lambda rs: _mean(r.voc for r in rs),
        'voc_reversed': lambda rs: _mean(r.voc_reversed for r in rs),
        'mae': lambda rs: _mean(r.mae for r in rs),
        'hop_sign_accuracy': _sign_accuracy,
        'identical_hop': lambda rs: _mean(np.concatenate([r.static.identical for r in rs])),
        'ood_auroc': _ood_auroc,
        'false_alarm_rate': lambda rs: _mean(np.concatenate([r.clean.refused for r in rs])),
        'outcome_accuracy': lambda rs: _mean(
            rule(r.playback.fused) == r.grade for r in rs if r.grade
        ),
        'success_auc': _success_auc,
    }

    def resample(rng: np.random.Generator) -> Records:
        if len(records) == 1:
            return [records[0].resample(rng)]
        return [records[i] for i in rng.integers(0, len(records), len(records))]

    found = {name: score(records) for name, score in scores.items()}
    intervals = {
        name: None
        if found[name] is None
        or (len(records) == 1 and name in ('outcome_accuracy', 'success_auc'))
        else metrics.bootstrap(resample, score, rng, samples)
        for name, score in scores.items()
    }
    return EvaluationReport(
        model=model, **found, intervals=intervals, details=_details(records, rule)
    )


def _details(records: Records, rule: OutcomeRule) -> dict[str, Any]:
    return {
        'intervals_over': 'recordings' if len(records) > 1 else 'steps',
        'perspectives': {name: _perspective(records, name) for name in PERSPECTIVES},
        'hops': _hops(records),
        'outliers': _outliers(records),
        'outcomes': _outcomes(records, rule),
        'success': _success(records),
        'opd': _opd(records),
        'latency': metrics.percentiles([r for record in records for r in record.latencies]),  # [s]
        'recordings': [_recording(r, rule) for r in records],
    }


def _perspective(records: Records, name: str) -> dict[str, float | None]:
    chosen = [r for r in records if r.successful]
    annotated = [
        (r.truth, getattr(r.playback, name))
        for r in chosen
        if r.truth is not None and r.error(name) is not None
    ]
    rewound = _mean(
        r.reversed_playback.rank_correlation(name) for r in chosen if r.reversed_playback
    )
    return {
        'voc': _mean(r.playback.rank_correlation(name) for r in chosen),
        'voc_r': _mean(metrics.pearson(truth, values) for truth, values in annotated),
        'voc_truth': _mean(metrics.spearman(truth, values) for truth, values in annotated),
        'voc_reversed': rewound,
        'voc_minus': None if rewound is None else -rewound,  # in forward time order, ideal +1
        'mae': _mean(r.error(name) for r in chosen),
        'mae_reversed': _mean(r.reversed_error(name) for r in chosen),
        'mae_unsuccessful': _mean(r.error(name) for r in records if not r.successful),
    }


def _hops(records: Records) -> dict[str, float | None]:
    label = np.concatenate([r.pairs.label for r in records])
    hop = np.concatenate([r.pairs.hop for r in records])
    return {
        'pairs': len(label),
        'sign_accuracy_onward': _mean(hop[label > 0] > 0),
        'sign_accuracy_back': _mean(hop[label < 0] < 0),
        'mae': _mean(np.abs(hop - label)),
        'identical_noisy': _mean(np.concatenate([r.static.noisy for r in records])),
    }


def _sign_accuracy(records: Records) -> float | None:
    return _mean(np.concatenate([np.sign(r.pairs.hop) == np.sign(r.pairs.label) for r in records]))


def _ood_auroc(records: Records) -> float | None:
    broken = [family.score for r in records for family in r.outliers.values()]
    return metrics.auroc(np.concatenate([r.clean.score for r in records]), np.concatenate(broken))


def _outliers(records: Records) -> dict[str, dict[str, float | None]]:
    clean = np.concatenate([r.clean.score for r in records])
    agreed = _known(r.clean.disagreement for r in records)
    found = {}
    for name in records[0].outliers:
        families = [r.outliers[name] for r in records]
        gaps = _known(f.disagreement for f in families)
        found[name] = {
            'auroc': metrics.auroc(clean, np.concatenate([f.score for f in families])),
            'auroc_disagreement': metrics.auroc(agreed, gaps),
            'detected': _mean(np.concatenate([f.refused for f in families])),
        }
    return found


def _outcomes(records: Records, rule: OutcomeRule) -> dict[str, Any]:
    confusion = {grade: dict.fromkeys(GRADES, 0) for grade in GRADES}
    for record in records:
        if record.grade:
            confusion[record.grade][rule(record.playback.fused)] += 1
    graded = [r for r in records if r.grade]
    truth = np.array([r.grade != 'success' for r in graded], bool)
    found = np.array([rule(r.playback.fused) != 'success' for r in graded], bool)
    by_task = [_final_by_grade(rs) for rs in _by_task(graded).values()]
    finals = _final_by_grade(graded)
    return {
        'confusion': confusion,  # truth -> found
        'tau_a': _mean(metrics.tau_a(r) for r in by_task),
        'ranking_accuracy': _mean(metrics.ranking_accuracy(r) for r in by_task),
        'mean_final': {grade: _mean(finals[grade]) for grade in GRADES},
        'unsuccessful': asdict(metrics.detection(truth, found)),
    }


def _success(records: Records) -> dict[str, float | None]:
    proposed = {
        grade: [bool(r.playback.candidate.any()) for r in records if r.grade == grade]
        for grade in GRADES
    }
    others = proposed['partial'] + proposed['failure']
    return {
        'recall': _mean(proposed['success']),
        'false': sum(others) if others else None,
        'unsuccessful': len(others),
    }


def _success_auc(records: Records) -> float | None:
    finals = _final_by_grade([r for r in records if r.grade])
    return metrics.auroc(
        np.array(finals['failure'] + finals['partial']), np.array(finals['success'])
    )


def _opd(records: Records) -> dict[str, dict[str, Any]]:
    found = {}
    for grade in (*GRADES, ''):
        each = [asdict(metrics.opd(r.playback.fused)) for r in records if r.grade == grade]
        if each:
            found[grade or 'ungraded'] = {
                name: np.mean([e[name] for e in each], axis=0).tolist() for name in each[0]
            }
    return found


def _recording(record: EvaluationRecord, rule: OutcomeRule) -> dict[str, Any]:
    return {
        'name': record.name,
        'grade': record.grade or None,
        'found': rule(record.playback.fused),
        'steps': len(record.playback.time),
        'interval': record.interval,
        'gap': record.gap,
        'voc': record.voc,
        'voc_reversed': record.voc_reversed,
        'mae': record.error('fused'),
        'hop_sign_accuracy': _sign_accuracy([record]),
        'final': float(record.playback.fused[-1]),
        'false_alarms': int(record.clean.refused.sum()),
        'success_proposed': bool(record.playback.candidate.any()),
    }


def _by_task(records: Records) -> dict[str, list[EvaluationRecord]]:
    tasks = defaultdict(list)
    for record in records:
        tasks[record.task].append(record)
    return tasks


def _final_by_grade(records: Records) -> dict[str, list[float]]:
    return {g: [float(r.playback.fused[-1]) for r in records if r.grade == g] for g in GRADES}


def _known(arrays: Iterable[np.ndarray]) -> np.ndarray:
    values = np.concatenate(list(arrays))
    return np.asarray(values[~np.isnan(values)])


def _mean(values: Iterable[float | None]) -> float | None:
    known = [float(v) for v in values if v is not None and not np.isnan(v)]
    return float(np.mean(known)) if known else None
