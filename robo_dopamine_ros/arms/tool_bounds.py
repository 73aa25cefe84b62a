"""Bounds of the tool that hold for the joints as sent, not only for the target they follow.

Near singularities and joint limits the tool cannot follow its target in every direction: it then
moves aside, which must neither be faster than the tool may be nor lead out of the workspace box.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robo_dopamine_ros.geometry import pose_difference, vector_norm
from robo_dopamine_ros.types import Pose

RESERVE = 0.99  # of the speeds, for what the Jacobian changes within a step
BEND = 0.05  # by which the way to standstill may bend, as a share of its length
TOLERANCE = 1e-6  # by which the tool may be outside the box because of rounding [m]


class ToolLimits(Protocol):
    """Limits of the gate for the tool, base frame."""

    @property
    def low(self) -> tuple[float, ...]:
        """Corner of the workspace box [m]."""

    @property
    def high(self) -> tuple[float, ...]:
        """Opposite corner [m]."""

    @property
    def speed(self) -> float:
        """Of the tool [m/s]."""

    @property
    def angular_speed(self) -> float:
        """Of the tool [rad/s]."""


@dataclass(frozen=True)
class ToolBounds:
    """Speeds and box of the tool, for joints that are about to be sent."""

    limits: ToolLimits

    def share(self, jacobian: np.ndarray, velocities: np.ndarray) -> float:
        """Return the share (0..1) of joint velocities (n,) at which the tool is slow enough."""
        twist = jacobian @ velocities
        return min(
            1.0,
            RESERVE * self.limits.speed / max(vector_norm(twist[:3]), 1e-9),
            RESERVE * self.limits.angular_speed / max(vector_norm(twist[3:]), 1e-9),
        )

    def check_speed(self, before: Pose, after: Pose, seconds: float) -> str:
        """Return why the tool must not move so far in the time, empty: it may."""
        way = pose_difference(before, after)
        for part, most, unit in (
            (way[:3], self.limits.speed, 'm/s'),
            (way[3:], self.limits.angular_speed, 'rad/s'),
        ):
            if (speed := vector_norm(part) / seconds) > most:
                return f'the tool would move at {speed:.3g} {unit}; {most:.3g} {unit} are allowed'
        return ''

    def check_box(self, before: Pose, after: Pose, end: Pose) -> str:
        """Return why the tool must not go on so: further out of the box; empty: it may.

        `after` is its pose after the step, `end` that where it stands if it brakes then.
        """
        low, high = np.array(self.limits.low), np.array(self.limits.high)
        outside = [np.maximum(low - p.position, p.position - high) for p in (before, after, end)]
        bend = BEND * vector_norm(end.position - after.position)
        furthest = np.maximum(outside[1], outside[2] + bend)
        further = furthest > np.maximum(outside[0], 0.0) + TOLERANCE
        if not further.any():
            return ''
        axis = int(np.flatnonzero(further)[0])
        return f'the tool would leave the workspace box at {"xyz"[axis]} by moving aside'
