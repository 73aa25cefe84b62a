"""Curves of one episode over time: readings, rewards and true progress."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robo_dopamine_ros.types import SECOND, Outcome, Progress, Reward

READING_FIELDS = ('progress', 'incremental', 'forward', 'backward', 'hop', 'confidence', 'latency')
REWARD_FIELDS = ('reward', 'success', 'shaping', 'potential', 'discount')


@dataclass(frozen=True)
class ProgressCurve:
    """Progress over time."""

    time: np.ndarray  # (n,) [s] since the episode began, increasing
    value: np.ndarray  # (n,) 0..1

    def at(self, time: np.ndarray) -> np.ndarray:
        """Interpolate; the first and the last value hold outside."""
        return np.interp(time, self.time, self.value)


@dataclass(frozen=True)
class EpisodeCurves:
    """All curves of one episode; times in seconds since it began."""

    title: str
    instruction: str
    model: str
    duration: float  # [s]
    time: np.ndarray  # (n,) [s] of the readings
    readings: Mapping[str, np.ndarray]  # (n,) each of READING_FIELDS
    valid: np.ndarray  # (n,) bool
    success_candidate: np.ndarray  # (n,) bool
    reward_time: np.ndarray  # (m,) [s] of the end of each rewarded step
    rewards: Mapping[str, np.ndarray]  # (m,) each of REWARD_FIELDS
    truth: ProgressCurve | None = None  # annotated or simulated progress
    truth_name: str = 'annotation'
    keyframes: Sequence[float] = ()  # [s]
    outcome: str = ''
    spans: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)  # [s]


def curves_of_messages(
    readings: Sequence[Progress],
    rewards: Sequence[Reward],
    start: int,
    duration: float,
    outcome: Outcome,
    map_time: Callable[[np.ndarray], np.ndarray] = lambda time: time,
    **description: Any,
) -> EpisodeCurves:
    """Make the curves of an episode that began at `start` [ns] and lasted `duration` [s].

    `map_time` maps seconds since the start to the time axis; `description` holds the other fields.
    """
    read, paid = reading_columns(readings, start), reward_columns(rewards, start)
    return EpisodeCurves(
        model=readings[-1].model if readings else '',
        duration=duration,
        time=map_time(read.pop('time')),
        valid=read.pop('valid'),
        success_candidate=read.pop('success_candidate'),
        readings=read,
        reward_time=np.minimum(map_time(paid.pop('time')), duration),
        rewards=paid,
        outcome=outcome.name.lower().replace('_', ' '),
        **description,
    )


def reading_columns(readings: Sequence[Progress], start: int) -> dict[str, np.ndarray]:
    """Columns of the readings of EpisodeCurves; `start` is the stamp of time 0 [ns]."""
    return {
        'time': np.array([(r.stamp - start) / SECOND for r in readings]),
        'valid': np.array([r.valid for r in readings], dtype=bool),
        'success_candidate': np.array([r.success_candidate for r in readings], dtype=bool),
        **_columns(readings, READING_FIELDS),
    }


def reward_columns(rewards: Sequence[Reward], start: int) -> dict[str, np.ndarray]:
    """Columns of the rewards of EpisodeCurves; `start` is the stamp of time 0 [ns]."""
    time = np.array([(r.stamp - start) / SECOND for r in rewards])
    return {'time': time, **_columns(rewards, REWARD_FIELDS)}


def to_json(curves: EpisodeCurves) -> dict[str, object]:
    """Curves as lists for JSON; NaN becomes null."""
    return {
        'progress': {
            'time': _list(curves.time),
            'valid': curves.valid.tolist(),
            'success_candidate': curves.success_candidate.tolist(),
            **{name: _list(column) for name, column in curves.readings.items()},
        },
        'reward': {
            'time': _list(curves.reward_time),
            **{name: _list(column) for name, column in curves.rewards.items()},
        },
        'truth': curves.truth
        and {'time': _list(curves.truth.time), 'progress': _list(curves.truth.value)},
        'keyframes': list(curves.keyframes),
        'spans': {name: [list(span) for span in spans] for name, spans in curves.spans.items()},
    }


def _columns(messages: Sequence[Any], names: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: np.array([getattr(m, name) for m in messages], dtype=float) for name in names}


def _list(column: np.ndarray) -> list[float | None]:
    return [None if math.isnan(x) else round(float(x), 6) for x in column]
