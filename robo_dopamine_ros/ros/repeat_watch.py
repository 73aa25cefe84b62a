"""Notices a camera whose driver goes on sending the same picture under new stamps.

The noise of a sensor changes some bit of every picture; only a picture without noise, from a
simulator or saturated to black or white, repeats while its camera works.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from robo_dopamine_ros.types import SECOND

SAMPLE = 256  # bytes of a picture that are compared first; mostly one of them differs
MIN_REPEATS = 5  # a slow camera is given as many pictures to change


@dataclass
class _Run:
    """Identical pictures of one view."""

    data: np.ndarray  # their bytes
    first: int  # stamp of the first one [ns]
    last: int  # stamp of the newest one [ns]
    repeats: int = 0


class RepeatWatch:
    """Remembers the newest picture of every view."""

    def __init__(self, frozen_time: float) -> None:
        """Pictures that are the same for `frozen_time` [s] are reported; with 0 none are."""
        self._frozen_time = frozen_time
        self._runs: dict[str, _Run] = {}

    def update(self, messages: Mapping[str, Any], stamps: Mapping[str, int]) -> dict[str, str]:
        """Take one set of images with stamps [ns]; gives the views that are frozen, and why."""
        if not self._frozen_time:
            return {}
        for view, message in messages.items():
            self._add(view, np.frombuffer(message.data, np.uint8), stamps[view])
        return {view: reason for view, run in self._runs.items() if (reason := self._reason(run))}

    def _add(self, view: str, data: np.ndarray, stamp: int) -> None:
        run = self._runs.get(view)
        if run is None or stamp < run.last or not _same(data, run.data):
            self._runs[view] = _Run(data, stamp, stamp)
        elif stamp > run.last:
            run.last, run.repeats = stamp, run.repeats + 1

    def _reason(self, run: _Run) -> str:
        duration = (run.last - run.first) / SECOND
        if duration < self._frozen_time or run.repeats < MIN_REPEATS:
            return ''
        return (
            f'the same picture for {duration:.1f} s under {run.repeats + 1} stamps; '
            'start the camera anew if the scene or the light changed meanwhile'
        )


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two files or pictures have the same bytes."""
    if one.size != other.size:
        return False
    stride = one.size // SAMPLE | 1  # odd, so that every channel is among the bytes
    return np.array_equal(one[::stride], other[::stride]) and np.array_equal(one, other)
