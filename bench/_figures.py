"""What a cell's practice came to: a row for every rollout, and the figures of them all."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from _live import Live, Rollout, Tick, behind, between, bouts, latency, lateness, learning, truth_at

from robo_dopamine_ros.cli import curve
from robo_dopamine_ros.learning.trial import Told
from robo_dopamine_ros.types import SECOND, Mode, Outcome, Phase

PERIOD = 0.02  # of the gate [s]
STEP = 5  # ticks of the gate in one step of experience
ENOUGH = 0.9  # of the last rollouts
AROUND = 10.0  # [s] before and after the learner's death
DONE = 1.0 - 1e-9  # true progress of a peg that is in, deep enough


@dataclass(frozen=True)
class Row:
    """One rollout."""

    told: Told  # with the truth
    times: int  # that a person stepped in
    seconds: float
    outcome: str
    decided_by: str


def row_of(live: Live, rollout: Rollout, number: int) -> Row:
    """Look back at a rollout that ended."""
    acted, driven, times = bouts(live.ticks, rollout.begin, rollout.end)
    told = Told(
        number,
        acted // STEP,
        truth_at(live.truths, rollout.end) >= DONE,
        rollout.outcome is Outcome.SUCCESS,
        math.ceil(driven / STEP),
    )
    seconds = (rollout.end - rollout.begin) / SECOND
    return Row(told, times, seconds, rollout.outcome.name.lower(), rollout.decided_by)


def figures(live: Live, rows: Sequence[Row], died: int) -> dict[str, Any]:
    """All of it; `died` is when the learner was killed [ns], 0: it was not."""
    told = [row.told for row in rows]
    spans = learning(live.statuses)
    begun = next((e.stamp for e in live.episodes if e.phase is Phase.RUNNING), live.now())
    ticks = between(live.ticks, begun, live.now())  # not while processes start
    return {
        'rollouts': len(rows),
        'aborted': live.aborted(),
        'success_last20': rate([one.success for one in told[-curve.WINDOW :]]),
        'alone_last20': curve.rate(told),
        'told_last20': rate([one.proposed for one in told[-curve.WINDOW :]]),
        'false_successes': sum(one.proposed and not one.success for one in told),
        'reached_at': reached(told),
        'helped_rollouts': sum(bool(one.helped) for one in told),
        'interventions': sum(row.times for row in rows),
        'helped_steps': sum(one.helped for one in told),
        'tick_ms': milliseconds(lateness(ticks, PERIOD)),
        'tick_ms_learning': milliseconds(lateness(ticks, PERIOD, spans)),
        'longest_between_ticks_ms': 1e3
        * max((gap for arrival, gap in live.gaps if arrival > begun + SECOND), default=math.nan),
        'view_to_command_ms': milliseconds(
            np.array(latency(live.steps, live.spoken, live.commands))
        ),
        'steps_behind': {
            'p99': percentile(np.array(behind(live.steps, live.kept)), 99),
            'longest': max(behind(live.steps, live.kept), default=0),
        },
        'learner': learner(live),
        'learner_killed': around(live, died) if died else None,
        'policy_silent': dict(live.silences.most_common()),
    }


def rate(values: Sequence[bool]) -> float:
    """Share that is true; 0 of none."""
    return float(np.mean(values)) if values else 0.0


def reached(told: Sequence[Told]) -> int | None:
    """Rollout, counted from 1, at which enough of the last succeeded alone for the first time."""
    numbers = range(curve.WINDOW, len(told) + 1)
    return next((n for n in numbers if curve.rate(told[:n]) >= ENOUGH), None)


def milliseconds(values: np.ndarray) -> dict[str, float]:
    """Middle, near the end, and end of times [s]."""
    longest = float(values.max()) if len(values) else math.nan
    return {
        'p50': 1e3 * percentile(values, 50),
        'p99': 1e3 * percentile(values, 99),
        'longest': 1e3 * longest,
        'count': len(values),
    }


def percentile(values: np.ndarray, share: float) -> float:
    """NaN of none."""
    return float(np.percentile(values, share)) if len(values) else math.nan


def learner(live: Live) -> dict[str, Any]:
    """How fast it learned, and how far it got."""
    rates = [status.rate for status in live.statuses if status.rate > 0]
    newest = live.statuses[-1] if live.statuses else None
    return {
        'updates_per_second': percentile(np.array(rates), 50),
        'updates': newest.steps if newest else 0,
        'version': newest.version if newest else 0,
    }


def around(live: Live, died: int) -> dict[str, Any]:
    """What the learner's death did to the gate, and to learning."""
    span = round(AROUND * SECOND)
    before, after = [s for s in live.statuses if s.arrival <= died], []
    after = [s for s in live.statuses if s.arrival > died]
    near: list[Tick] = list(between(live.ticks, died - span, died + span))
    return {
        'tick_ms_before': milliseconds(lateness(between(near, died - span, died), PERIOD)),
        'tick_ms_after': milliseconds(lateness(between(near, died, died + span), PERIOD)),
        'latched_ticks': sum(tick.mode is Mode.STOPPED for tick in near),
        'back_after_s': (after[0].arrival - died) / SECOND if after else None,
        'updates_before': before[-1].steps if before else 0,
        'updates_after': after[0].steps if after else None,
        'version_before': before[-1].version if before else 0,
        'version_after': after[0].version if after else None,
    }


def listed(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows for machines."""
    return [asdict(row.told) | {k: v for k, v in vars(row).items() if k != 'told'} for row in rows]


def table(told: dict[str, Any]) -> str:
    """Figures for people."""
    lines = []
    for name, value in told.items():
        if isinstance(value, dict):
            value = ', '.join(f'{key} {short(one)}' for key, one in value.items())
        lines.append(f'{name.replace("_", " "):28}{short(value)}')
    return '\n'.join(lines)


def short(value: Any) -> str:
    """Three figures are enough."""
    if isinstance(value, dict):
        return '(' + ', '.join(f'{key} {short(one)}' for key, one in value.items()) + ')'
    return f'{value:.3g}' if isinstance(value, float) else '-' if value is None else str(value)
