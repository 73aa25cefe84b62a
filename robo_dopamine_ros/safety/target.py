"""The target of the tool: the wanted one, and the one that is sent to the driver. Pure.

The wanted target restarts at the measured tool, returns into the workspace box and is dragged along
by a pushed arm; it may therefore jump. What is sent never does: per tick it moves towards the
wanted one by no more than `speed` and `angular_speed` times the time since the tick before, in
every mode.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from robo_dopamine_ros.geometry import (
    apply_rotation,
    clip_norm,
    rotation_between,
    stoppable_speed,
    vector_norm,
)
from robo_dopamine_ros.safety.limiter import (
    MAX_TICK,
    SQRT3,
    ZERO_TWIST,
    Limits,
    TargetState,
    advance,
    brake,
)
from robo_dopamine_ros.safety.monitors import check_wrench
from robo_dopamine_ros.types import ArmState, Mode, Pose

RESTART_INTERVAL = 0.25  # after so long without a target the driver restarts at the tool too [s]
ARRIVAL = 1e-6  # nearer, and the wanted pose is reached [m, rad]
ROUNDING = 1e-9  # share by which a step may be longer
NEAR = 1e-4  # from where a restarted target counts as followed [m, rad]
LOST_FACTOR = 1.5  # farther from its target than this times the tracking error, the tool is lost
NOBODY = (Mode.HOLD, '')  # no source moved the arm since the restart


class SentTarget:
    """Newest pose sent to the driver; `now` is steady time [s]."""

    def __init__(self, limits: Limits) -> None:
        self.pose: Pose | None = None  # None: nothing was sent yet
        self.scale = 1.0  # of the speeds at which it follows, where the target itself is slower
        self._limits = limits
        self._sent_at = -math.inf  # steady time [s]
        self._speeds = 0.0, 0.0  # at which it followed in the tick before [m/s, rad/s]

    def follow(
        self, wanted: TargetState, now: float, restarted: bool, gently: bool = False
    ) -> Pose:
        """Return the pose to send now.

        It is the wanted one when `restarted`, as for the first target and after a pause in which
        none was sent. `gently`: with the acceleration of the limits, as no arm is being pushed.
        """
        restarted = restarted or self.pose is None or self.paused(now)
        seconds, self._sent_at = min(now - self._sent_at, MAX_TICK), now
        if restarted or self.pose is None:
            self.pose, self._speeds = wanted.pose, (0.0, 0.0)
            return self.pose
        gap = _errors(self.pose, wanted.pose)
        self._speeds = self._follow_speeds(gap, wanted.twist, seconds, gently)
        farthest, widest = (speed * seconds for speed in self._speeds)
        self.pose = _step(self.pose, wanted.pose, farthest, widest)
        return self.pose

    def forget(self) -> None:
        """Begin at the wanted pose with the next one, as nothing was really sent."""
        self.pose = None

    def _follow_speeds(
        self, gap: tuple[float, float], twist: np.ndarray, seconds: float, gently: bool
    ) -> tuple[float, float]:
        """Return how fast to close a gap [m, rad] to a target with a twist (6,) of its own."""
        limits, scale = self._limits, self.scale
        most = (scale * limits.speed, scale * limits.angular_speed)
        accelerations = (limits.acceleration, limits.angular_acceleration)
        own = (vector_norm(twist[:3]), vector_norm(twist[3:]))
        if not gently:
            return max(own[0], most[0]), max(own[1], most[1])
        linear, angular = (
            _closing_speed(*part, seconds)
            for part in zip(gap, own, self._speeds, most, accelerations, strict=True)
        )
        return linear, angular

    def paused(self, now: float) -> bool:
        """Whether nothing was sent for so long that the driver may have given up."""
        return now - self._sent_at > RESTART_INTERVAL

    def is_near(self, wanted: Pose) -> bool:
        """Whether what was sent has come within `NEAR` of the wanted pose."""
        assert self.pose is not None
        distance, angle = _errors(self.pose, wanted)
        return distance <= NEAR and angle <= NEAR

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

    def check(self, measured: Pose, now: float) -> str:
        """Return why the tool is lost, empty: it is near its target or no target was sent lately.

        A tool that is pushed, or a measurement that drifts, faster than the target may follow.
        """
        if self.pose is None or self.paused(now):
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


class ToolTarget:
    """Moves the target of the tool, by a source or without one; `now` is steady time [s].

    It restarts at the measured tool, with its present velocity, for another source, in another
    episode and after `restart`. While the arm has a fault it stays there; `stop_time` after a latch
    it returns there as well, immediately when the force is too large, so that a stopped arm does
    not press.
    """

    def __init__(self, limits: Limits) -> None:
        self.sent = SentTarget(limits)
        self._limits = limits
        self._wanted: TargetState | None = None  # None: the pose of the tool is not known
        self._source = NOBODY  # that moved the arm last, and its episode
        self._moving = False  # whether a source moved the arm in the tick before
        self._restarting = False  # whether what is sent is still on its way to a restarted target
        self._return_time = math.inf  # steady time at which the target returns to the tool [s]

    @property
    def pose(self) -> Pose | None:
        """Pose to send in this tick, None while that of the tool is not known."""
        return self.sent.pose if self._wanted else None

    @property
    def twist(self) -> np.ndarray:
        """Velocity of the wanted target (6,) [m/s, rad/s]."""
        return self._wanted.twist if self._wanted else ZERO_TWIST

    def restart(self) -> None:
        """Restart at the measured tool, now and with the next source."""
        self._source, self._return_time = NOBODY, -math.inf

    def restart_with_next(self, sources: Iterable[Mode]) -> None:
        """Restart at the measured tool with the next source, if one of these moved it last."""
        if self._source[0] in sources:
            self._source = NOBODY

    def latch(self, now: float) -> None:
        """Return to the tool once the arm has had time to stop."""
        self._return_time = now + self._limits.stop_time

    def clear(self) -> None:
        """Forget the target, which restarts at the tool once its pose is known."""
        self._wanted = None

    def update(
        self,
        arm: ArmState,
        now: float,
        elapsed: float,
        command: tuple[tuple[Mode, str], np.ndarray] | None,
        jumps: bool = False,
    ) -> list[str]:
        """Move by one tick, and return what limited it; `elapsed` is the time since the last [s].

        `command` is a source with the episode it acts in, and its twist (6,) [m/s, rad/s]; None
        brakes. `jumps`: the target is the tool, whatever was sent before.
        """
        reasons: list[str] = []
        changed = command is not None and command[0] != self._source
        wanted = self._restart(arm, now, changed or jumps, moving=command is not None)
        if command is None:
            self._wanted = brake(wanted, arm.pose, self._limits, elapsed)
        else:
            self._source, twist = command
            self._wanted, reasons = advance(wanted, twist, arm.pose, self._limits, elapsed)
        sent = self.sent.follow(self._wanted, now, jumps, gently=self._restarting)
        if sent is self._wanted.pose or (command and self.sent.is_near(self._wanted.pose)):
            self._restarting = False
        return reasons

    def correct(self, pose: Pose) -> None:
        """Continue from the pose that the driver really sent."""
        if self._wanted is not None and not self._restarting:
            self._wanted = replace(self._wanted, pose=pose)
        self.sent.pose = pose

    def _restart(self, arm: ArmState, now: float, restarts: bool, moving: bool) -> TargetState:
        """Return the wanted target, at the tool where it must restart."""
        if moving is not self._moving:
            self._moving, self._restarting = moving, False
        returning = self._return_time < math.inf
        presses = returning and bool(check_wrench(arm.wrench, self._limits))
        returns = now >= self._return_time or presses
        if returns or arm.fault:
            self._return_time = math.inf
        wanted = self._wanted
        if wanted is None or restarts or returns or arm.fault or self.sent.paused(now):
            self._restarting = True
            return TargetState(arm.pose, wanted.twist if wanted and not arm.fault else ZERO_TWIST)
        if moving or self.sent.pose is None:
            return wanted
        pose = wanted.pose if self._restarting else self.sent.pose
        return replace(wanted, pose=self.sent.nearer(pose, arm.pose))


def _errors(pose: Pose, measured: Pose) -> tuple[float, float]:
    """Return distance [m] and angle [rad] from the measured tool to a pose."""
    rotation = rotation_between(measured.orientation, pose.orientation)
    return vector_norm(pose.position - measured.position), vector_norm(rotation)


def _closing_speed(
    gap: float, own: float, before: float, most: float, acceleration: float, seconds: float
) -> float:
    """Return the speed at which to close a gap to a target that itself has the speed `own`.

    It grows from the speed of the tick before, and lets what follows stop at its target.
    """
    if seconds <= 0:
        return 0.0
    closing = float(stoppable_speed(max(gap - own * seconds, 0.0), acceleration / SQRT3, seconds))
    return max(own, min(own + closing, before + acceleration * seconds, most))


def _step(start: Pose, goal: Pose, farthest: float, widest: float) -> Pose:
    """Move from `start` towards `goal` by at most a distance [m] and an angle [rad]."""
    way = goal.position - start.position
    turn = rotation_between(start.orientation, goal.orientation)
    near = vector_norm(way) <= max(farthest * (1 + ROUNDING), ARRIVAL)
    if near and vector_norm(turn) <= max(widest * (1 + ROUNDING), ARRIVAL):
        return goal
    position: np.ndarray = start.position + clip_norm(way, farthest)
    return Pose(position, apply_rotation(start.orientation, clip_norm(turn, widest)))
