"""Metrics of live learning in a cell: a row for every rollout, and a summary."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from _cell_log import (
    CellLog,
    Rollout,
    Tick,
    behind,
    between,
    count_interventions,
    latency,
    lateness,
    learning,
    truth_at,
)

from robo_dopamine_ros.training import stages
from robo_dopamine_ros.training.online_trainer import EpisodeResult
from robo_dopamine_ros.types import SECOND, Mode, Outcome, Phase

PERIOD = 0.02  # of the gate [s]
STEP = 5  # ticks of the gate in one step of experience
TARGET_RATE = 0.9  # success rate of the last rollouts
AROUND = 10.0  # [s] before and after the learner was killed
DONE = 1.0 - 1e-9  # true progress of a finished insertion


@dataclass(frozen=True)
class RolloutRow:
    """Result of one rollout."""

    result: EpisodeResult  # success is the ground truth
    times: int  # interventions
    seconds: float
    outcome: str
    decided_by: str


def row_of(log: CellLog, rollout: Rollout, number: int) -> RolloutRow:
    """Result of a rollout that ended."""
    acted, driven, times = count_interventions(log.ticks, rollout.begin, rollout.end)
    result = EpisodeResult(
        number,
        acted // STEP,
        truth_at(log.truths, rollout.end) >= DONE,
        rollout.outcome is Outcome.SUCCESS,
        math.ceil(driven / STEP),
    )
    seconds = (rollout.end - rollout.begin) / SECOND
    return RolloutRow(result, times, seconds, rollout.outcome.name.lower(), rollout.decided_by)


def summary(log: CellLog, rows: Sequence[RolloutRow], died: int) -> dict[str, Any]:
    """All metrics; `died` is when the learner was killed [ns], 0: it was not."""
    results = [row.result for row in rows]
    spans = learning(log.statuses)
    begun = next((e.stamp for e in log.episodes if e.phase is Phase.RUNNING), log.now())
    ticks = between(log.ticks, begun, log.now())  # not while processes start
    return {
        'rollouts': len(rows),
        'aborted': log.aborted(),
        'success_last20': rate([one.success for one in results[-stages.WINDOW :]]),
        'alone_last20': stages.recent_success_rate(results),
        'told_last20': rate([one.predicted_success for one in results[-stages.WINDOW :]]),
        'false_successes': sum(one.predicted_success and not one.success for one in results),
        'reached_at': target_reached(results),
        'helped_rollouts': sum(bool(one.intervention_steps) for one in results),
        'interventions': sum(row.times for row in rows),
        'helped_steps': sum(one.intervention_steps for one in results),
        'tick_ms': milliseconds(lateness(ticks, PERIOD)),
        'tick_ms_learning': milliseconds(lateness(ticks, PERIOD, spans)),
        'longest_between_ticks_ms': 1e3
        * max((gap for arrival, gap in log.gaps if arrival > begun + SECOND), default=math.nan),
        'view_to_command_ms': milliseconds(
            np.array(latency(log.steps, log.command_stamps, log.valid_commands))
        ),
        'steps_behind': {
            'p99': percentile(np.array(behind(log.steps, log.stored)), 99),
            'longest': max(behind(log.steps, log.stored), default=0),
        },
        'learner': learner_metrics(log),
        'learner_killed': learner_restart(log, died) if died else None,
        'policy_silent': dict(log.silences.most_common()),
    }


def rate(values: Sequence[bool]) -> float:
    """Share of true values; 0 without any."""
    return float(np.mean(values)) if values else 0.0


def target_reached(results: Sequence[EpisodeResult]) -> int | None:
    """First rollout, counted from 1, at which the recent success rate reached TARGET_RATE."""
    recent = stages.recent_success_rate
    numbers = range(stages.WINDOW, len(results) + 1)
    return next((n for n in numbers if recent(results[:n]) >= TARGET_RATE), None)


def milliseconds(values: np.ndarray) -> dict[str, float]:
    """Median, 99th percentile and maximum of durations [s], in ms."""
    longest = float(values.max()) if len(values) else math.nan
    return {
        'p50': 1e3 * percentile(values, 50),
        'p99': 1e3 * percentile(values, 99),
        'longest': 1e3 * longest,
        'count': len(values),
    }


def percentile(values: np.ndarray, share: float) -> float:
    """Percentile `share` of the values; NaN without any."""
    return float(np.percentile(values, share)) if len(values) else math.nan


def learner_metrics(log: CellLog) -> dict[str, Any]:
    """Update rate, number of updates and newest policy version."""
    rates = [status.rate for status in log.statuses if status.rate > 0]
    newest = log.statuses[-1] if log.statuses else None
    return {
        'updates_per_second': percentile(np.array(rates), 50),
        'updates': newest.updates if newest else 0,
        'version': newest.version if newest else 0,
    }


def learner_restart(log: CellLog, died: int) -> dict[str, Any]:
    """Gate and learner before and after the learner was killed at `died` [ns]."""
    span = round(AROUND * SECOND)
    before = [s for s in log.statuses if s.arrival <= died]
    after = [s for s in log.statuses if s.arrival > died]
    near: list[Tick] = list(between(log.ticks, died - span, died + span))
    return {
        'tick_ms_before': milliseconds(lateness(between(near, died - span, died), PERIOD)),
        'tick_ms_after': milliseconds(lateness(between(near, died, died + span), PERIOD)),
        'latched_ticks': sum(tick.mode is Mode.STOPPED for tick in near),
        'back_after_s': (after[0].arrival - died) / SECOND if after else None,
        'updates_before': before[-1].updates if before else 0,
        'updates_after': after[0].updates if after else None,
        'version_before': before[-1].version if before else 0,
        'version_after': after[0].version if after else None,
    }


def row_dicts(rows: Sequence[RolloutRow]) -> list[dict[str, Any]]:
    """Rows for JSON."""
    return [
        asdict(row.result) | {k: v for k, v in vars(row).items() if k != 'result'} for row in rows
    ]


def table(metrics: dict[str, Any]) -> str:
    """The summary as text."""
    lines = []
    for name, value in metrics.items():
        if isinstance(value, dict):
            value = ', '.join(f'{key} {short(one)}' for key, one in value.items())
        lines.append(f'{name.replace("_", " "):28}{short(value)}')
    return '\n'.join(lines)


def short(value: Any) -> str:
    """A value with three digits."""
    if isinstance(value, dict):
        return '(' + ', '.join(f'{key} {short(one)}' for key, one in value.items()) + ')'
    return f'{value:.3g}' if isinstance(value, float) else '-' if value is None else str(value)
