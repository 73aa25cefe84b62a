"""Full turns of revolute joints: continuous angles from drivers that wrap theirs at +-pi.

A wrapped angle that were commanded as it is reported would be a full turn in one message. Of the
angles one turn apart, only those within the limits of the joint are possible; of these the one
next to the angle before is taken. The first one is taken as it is reported, where that is possible.
"""

import math
from collections.abc import Sequence

import numpy as np

TURN = 2 * math.pi  # [rad]
LIMIT_TOLERANCE = 0.1  # by which a joint may be beyond its limits [rad]
MAX_SILENCE = 0.5  # within it no joint moves half a turn, so that turns can be counted [s]


class JointTurns:
    """Counts the turns of each joint; `now` is steady time [s]."""

    def __init__(
        self, names: Sequence[str], lower: np.ndarray, upper: np.ndarray, rotates: np.ndarray
    ) -> None:
        """Limits (n,) [rad or m]; `rotates` (n,): whether it is an angle."""
        self.fault = ''  # joint whose turns are not known after a silence, empty: none
        self._names, self._rotates = tuple(names), rotates
        self._lower, self._upper = lower - LIMIT_TOLERANCE, upper + LIMIT_TOLERANCE
        self._last: np.ndarray | None = None  # (n,) [rad or m]
        self._time = -math.inf  # of the last angles whose turns are known [s]

    def update(self, reported: np.ndarray, now: float) -> np.ndarray:
        """Return the reported positions (n,) [rad or m], with the turns of the angles."""
        last = reported if self._last is None else self._last
        counted = self._nearest(reported, last)
        if now - self._time > MAX_SILENCE and self._last is not None:
            counted = self._nearest(reported, reported)  # as it is reported
            self.fault = self._doubt(counted, last, now - self._time)
            if self.fault:
                return counted
        self.fault, self._last, self._time = '', counted, now
        return counted

    def _nearest(self, reported: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return the possible angle next to the last one; next of all where none is possible."""
        turns = np.round((last - reported) / TURN)
        low = np.ceil((self._lower - reported) / TURN)
        high = np.floor((self._upper - reported) / TURN)
        possible = np.minimum(np.maximum(turns, low), high)
        turns = np.where(self._rotates, np.where(low <= high, possible, turns), 0.0)
        counted: np.ndarray = reported + TURN * turns
        return counted

    def _doubt(self, counted: np.ndarray, last: np.ndarray, silence: float) -> str:
        """Name a joint that may have been turned, or be counted otherwise, during a silence."""
        gaps = np.where(self._rotates, np.abs(counted - last), 0.0)
        worst = int(gaps.argmax())
        if gaps[worst] <= TURN / 2:
            return ''
        return (
            f'{self._names[worst]} was at {last[worst]:.2f} rad and is reported at '
            f'{counted[worst]:.2f} rad after {silence:.1f} s of silence: whether it made a turn is '
            'not known; restart the driver, then the gate'
        )
