"""One episode as curves over time: what was read, what was paid, what was true."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.types import SECOND, Progress, Reward

READ = ('progress', 'incremental', 'forward', 'backward', 'hop', 'confidence', 'latency')
PAID = ('reward', 'success', 'shaping', 'potential', 'discount')


@dataclass(frozen=True)
class Curve:
    """Values over time."""

    time: np.ndarray  # (n,) [s] since the episode began, increasing
    value: np.ndarray  # (n,)

    def at(self, time: np.ndarray) -> np.ndarray:
        """Interpolate; the first and the last value hold outside."""
        return np.interp(time, self.time, self.value)


@dataclass(frozen=True)
class Series:
    """Everything one episode left behind; times in seconds since it began."""

    title: str
    instruction: str
    model: str
    duration: float  # [s]
    time: np.ndarray  # (n,) [s] of the readings
    read: Mapping[str, np.ndarray]  # (n,) each of READ
    valid: np.ndarray  # (n,) bool
    candidate: np.ndarray  # (n,) bool: success was proposed
    paid_time: np.ndarray  # (m,) [s] at which each rewarded step ended
    paid: Mapping[str, np.ndarray]  # (m,) each of PAID
    truth: Curve | None = None  # progress as annotated or simulated, 0..1
    truth_name: str = 'annotation'
    keyframes: Sequence[float] = ()  # [s]
    outcome: str = ''  # as the conductor decided
    spans: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)  # [s]


def read_columns(readings: Sequence[Progress], start: int) -> dict[str, np.ndarray]:
    """Turn readings into the columns of Series; `start` is the stamp of time 0 [ns]."""
    return {
        'time': np.array([(r.stamp - start) / SECOND for r in readings]),
        'valid': np.array([r.valid for r in readings], dtype=bool),
        'candidate': np.array([r.success_candidate for r in readings], dtype=bool),
        **{name: np.array([getattr(r, name) for r in readings], dtype=float) for name in READ},
    }


def paid_columns(rewards: Sequence[Reward], start: int) -> dict[str, np.ndarray]:
    """Turn rewards into columns; `start` is the stamp of time 0 [ns]."""
    return {
        'time': np.array([(r.stamp - start) / SECOND for r in rewards]),
        **{name: np.array([getattr(r, name) for r in rewards], dtype=float) for name in PAID},
    }


def plain(series: Series) -> dict[str, object]:
    """Give a series as lists for JSON; NaN becomes null."""
    return {
        'progress': {
            'time': _list(series.time),
            'valid': series.valid.tolist(),
            'success_candidate': series.candidate.tolist(),
            **{name: _list(column) for name, column in series.read.items()},
        },
        'reward': {
            'time': _list(series.paid_time),
            **{name: _list(column) for name, column in series.paid.items()},
        },
        'truth': series.truth
        and {'time': _list(series.truth.time), 'progress': _list(series.truth.value)},
        'keyframes': list(series.keyframes),
        'spans': {name: [list(span) for span in spans] for name, spans in series.spans.items()},
    }


def _list(column: np.ndarray) -> list[float | None]:
    return [None if math.isnan(x) else round(float(x), 6) for x in column]
