"""The target that is sent to the driver: it follows the wanted one by speed times time. Pure.

The wanted target restarts at the measured tool, returns into the workspace box and is dragged along
by a pushed arm; it may therefore jump. What is sent never does: per tick it moves by no more than
`speed` and `angular_speed` times the time since the tick before, in every mode.
"""

import math

import numpy as np

from robo_dopamine_ros.geometry import apply_rotation, clip_norm, rotation_between, vector_norm
from robo_dopamine_ros.safety.limiter import MAX_TICK, Limits
from robo_dopamine_ros.types import Pose

RESTART_INTERVAL = 0.25  # after so long without a target the driver restarts at the tool too [s]
LOST_FACTOR = 1.5  # farther from its target than this times the tracking error, the tool is lost


class SentTarget:
    """Newest pose sent to the driver; `now` is steady time [s]."""

    def __init__(self, limits: Limits) -> None:
        self.pose: Pose | None = None  # None: nothing was sent yet
        self._limits = limits
        self._sent_at = -math.inf  # steady time [s]

    def follow(self, wanted: Pose, now: float, restarted: bool) -> Pose:
        """Return the pose to send now.

        It is the wanted one when `restarted`, as for the first target and after a pause in which
        none was sent.
        """
        seconds, self._sent_at = now - self._sent_at, now
        if self.pose is None or restarted or seconds > RESTART_INTERVAL:
            self.pose = wanted
        else:
            self.pose = _step(self.pose, wanted, self._limits, min(seconds, MAX_TICK))
        return self.pose

    def nearer(self, wanted: Pose, measured: Pose) -> Pose:
        """Return the wanted pose, but for what lies farther from the tool than what was sent.

        A target that no source moves goes nowhere but to the tool, also when that is pushed.
        """
        assert self.pose is not None
        (far, wide), (distance, angle) = (_errors(p, measured) for p in (self.pose, wanted))
        return Pose(
            wanted.position if distance <= far else self.pose.position,
            wanted.orientation if angle <= wide else self.pose.orientation,
        )

    def correct(self, pose: Pose) -> None:
        """Continue from the pose that the driver really sent."""
        self.pose = pose

    def check(self, measured: Pose, now: float) -> str:
        """Return why the tool is lost, empty: it is near its target or no target was sent lately.

        A tool that is pushed, or a measurement that drifts, faster than the target may follow.
        """
        if self.pose is None or now - self._sent_at > RESTART_INTERVAL:
            return ''
        distance, angle = _errors(self.pose, measured)
        farthest = LOST_FACTOR * self._limits.max_tracking_error
        widest = LOST_FACTOR * self._limits.max_rotation_error
        if distance <= farthest and angle <= widest:
            return ''
        return (
            f'the tool is {distance:.3f} m, {angle:.2f} rad from its target, as if pushed; '
            f'at most {farthest:.3f} m, {widest:.2f} rad are allowed'
        )


def _errors(pose: Pose, measured: Pose) -> tuple[float, float]:
    """Return distance [m] and angle [rad] from the measured tool to a pose."""
    rotation = rotation_between(measured.orientation, pose.orientation)
    return vector_norm(pose.position - measured.position), vector_norm(rotation)


def _step(start: Pose, goal: Pose, limits: Limits, seconds: float) -> Pose:
    """Move from `start` towards `goal` by at most the speeds times the time [s]."""
    way = goal.position - start.position
    turn = rotation_between(start.orientation, goal.orientation)
    farthest, widest = limits.speed * seconds, limits.angular_speed * seconds
    if vector_norm(way) <= farthest * (1 + 1e-9) and vector_norm(turn) <= widest * (1 + 1e-9):
        return goal
    position: np.ndarray = start.position + clip_norm(way, farthest)
    return Pose(position, apply_rotation(start.orientation, clip_norm(turn, widest)))
