"""Monitors of what the gate receives: commands, episode, arm state. Pure.

Checks return the reason why something is refused, with values and units; empty when all is well.
Timeouts count steady time of arrival [s]; stamps are ROS time [ns] and only date messages.
"""

import math

import numpy as np

from robo_dopamine_ros.geometry import QUATERNION_TOLERANCE, rotation_between, vector_norm
from robo_dopamine_ros.safety.arbitration import SourceStatus
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import SECOND, ArmCommand, ArmState, Episode, Pose, check_timeout

MIN_INTERVAL, MAX_INTERVAL = 0.02, 0.25  # bounds of the time between two compared poses [s]
MAX_DELAY = 0.05  # by which a state may arrive later than the one before, by its stamp [s]


class CommandSource:
    """Validates the commands of one source, and keeps the newest one that was accepted."""

    def __init__(self, topic: str, timeout: float, future_tolerance: float, frame: str) -> None:
        """`topic` is its name in reasons, `frame` the one commands must have; times are in [s]."""
        self.topic = topic
        self.command = ArmCommand(0, valid=False)  # newest accepted one
        self.fault = ''  # why none of its commands counts, as a second publisher; empty: they do
        self._timeout, self._future_tolerance, self._frame = timeout, future_tolerance, frame
        self._alive = -math.inf  # arrival of the newest command that restarted the timeout
        self._arrival = -math.inf  # arrival of the newest command, accepted or refused
        self._stamp = 0  # the next command may not be older than this [ns]
        self._refusal = ''  # why the newest command was refused

    def on_command(self, command: ArmCommand, frame: str, stamp: int, now: float) -> str:
        """Return why a command is refused; `stamp` is the current ROS time [ns].

        A command with `valid = false` is accepted whatever else is wrong: it can only end motion.
        """
        # Repeated refusals do not restart the timeout; the first one after silence does.
        recent = now - self._arrival <= self._timeout
        was_requesting = recent and self.status(now) is not SourceStatus.IDLE
        self._arrival = now
        self._refusal = self._check(command, frame, stamp) if command.valid else ''
        if not self._refusal:
            self.command, self._alive = command, now
            self._stamp = command.stamp if command.valid else max(command.stamp, self._stamp)
        elif not was_requesting:
            self._alive = now
        return self._refusal

    def status(self, now: float) -> SourceStatus:
        """Return the status at steady time `now` [s]."""
        if self.fault:
            return SourceStatus.TIMED_OUT
        if not self._refusal and not self.command.valid:
            return SourceStatus.IDLE
        if now - self._arrival > self._timeout:
            return SourceStatus.TIMED_OUT
        if not self._refusal:
            return SourceStatus.ACTIVE
        too_long = now - self._alive > self._timeout
        return SourceStatus.REFUSED_TOO_LONG if too_long else SourceStatus.REFUSED

    def reason(self, now: float) -> str:
        """Return why the newest command is not executed; empty when it may be."""
        if self.fault:
            return self.fault
        status = self.status(now)
        if status is SourceStatus.REFUSED:
            return f'{self.topic} refused: {self._refusal}'
        if status is SourceStatus.REFUSED_TOO_LONG:
            return f'{self.topic} refused for {now - self._alive:.2f} s: {self._refusal}'
        if status is SourceStatus.TIMED_OUT:
            return check_timeout(self.topic, now - self._arrival, self._timeout)
        if status is SourceStatus.ACTIVE:
            return ''
        if self._arrival == -math.inf:
            return f'{self.topic}: nothing heard yet'
        return f'{self.topic}: {self.command.reason or "nothing is wanted"}'

    def _check(self, command: ArmCommand, frame: str, stamp: int) -> str:
        if frame != self._frame:
            return f'its frame is {frame!r}; it must be {self._frame!r}'
        return self._check_stamp(command.stamp, stamp) or _check_content(command)

    def _check_stamp(self, stamp: int, now: int) -> str:
        """Check the stamp of a command against the clock and the command before, all in [ns].

        The stamp before is ignored when it lies in the future: then the clock was set back.
        """
        oldest, future = self._timeout, self._future_tolerance
        age = (now - stamp) / SECOND
        if age > oldest:
            return f'it is {age:.2f} s old; at most {oldest:.2f} s is allowed'
        if -age > future:
            return f'it is stamped {-age:.2f} s in the future; at most {future:.2f} s is allowed'
        if stamp < self._stamp <= now + future * SECOND:
            return f'it is {(self._stamp - stamp) / SECOND:.3f} s older than the one before'
        return ''


def _check_content(command: ArmCommand) -> str:
    """Check twist and gripper; clamping instead would let NaN through."""
    if command.joints is not None:
        return f'{len(command.joints)} joint targets; only twists are followed'
    twist = np.asarray(command.twist)
    if twist.shape != (6,):
        return f'a twist of shape {twist.shape}; it must be (6,)'
    if not np.isfinite(twist).all():
        return f'twist {twist.tolist()} is not finite'
    if not 0.0 <= command.gripper <= 1.0:
        return f'gripper {command.gripper}; it must lie in 0..1'
    return ''


class Watchdog:
    """Timeouts of the episode manager and of the gate's own ticks."""

    def __init__(self, limits: Limits) -> None:
        self.episode = Episode()  # newest one received
        self._limits = limits
        self._episode_arrival = -math.inf
        self._last_tick = math.nan  # NaN: none yet

    def on_episode(self, episode: Episode, now: float) -> None:
        """Store the newest message of the episode manager."""
        self.episode, self._episode_arrival = episode, now

    def tick(self, now: float) -> float:
        """Return the time since the previous tick [s], 0 at the first."""
        elapsed = max(0.0, now - self._last_tick) if math.isfinite(self._last_tick) else 0.0
        self._last_tick = now
        return elapsed

    def check_tick(self, elapsed: float) -> str:
        """Check that the gate itself did not stall."""
        most = self._limits.tick_timeout
        if elapsed <= most:
            return ''
        return f'the gate stood still for {elapsed:.2f} s, longer than {most:.2f} s'

    def check_episode(self, now: float) -> str:
        """Check that the phase of the episode is known."""
        return check_timeout('episode', now - self._episode_arrival, self._limits.episode_timeout)


class StateMonitor:
    """Passes on plausible arm states; an implausible one becomes the reason why none is known.

    A tool pose that moved faster than `measured_speed` or `measured_angular_speed` is taken for a
    collision or a misreading. States are passed on again after `stop_time` without such a jump.
    """

    def __init__(self, limits: Limits) -> None:
        self.received = False  # whether any state was ever passed on
        self.pose_jumped = False  # in the newest state, where `allow_pose_jumps` lets it pass
        self._limits = limits
        self._last: tuple[Pose, int, float] | None = None  # pose, its stamp [ns], steady time [s]
        self._jump_reason = ''
        self._jump_time = -math.inf  # steady time of the newest jump [s]

    def update(self, state: ArmState | str, now: float) -> ArmState | str:
        """Return the state, or the reason why it is not known; `now` is steady time [s]."""
        self.pose_jumped = False
        error = state if isinstance(state, str) else _check_pose(state.pose)
        if isinstance(state, str) or error:
            self._last = None
            return error
        jump = self._check_jump(state.pose, state.stamp, now)
        if self._last is None or state.stamp != self._last[1]:
            self._last = (state.pose, state.stamp, now)
        if jump and not self._limits.allow_pose_jumps:
            self._jump_reason, self._jump_time = jump, now
        if now - self._jump_time <= self._limits.stop_time:
            return self._jump_reason
        self.pose_jumped, self.received = bool(jump), True
        return state

    def _check_jump(self, pose: Pose, stamp: int, now: float) -> str:
        """Check the displacement of the tool since the previous state."""
        if self._last is None:
            return ''
        last, last_stamp, last_arrival = self._last
        # Stamps tell of states that arrived late, but a wrong stamp must not excuse a jump.
        passed = now - last_arrival
        stamped = min((stamp - last_stamp) / SECOND, passed + MAX_DELAY)
        seconds = min(max(passed, stamped, MIN_INTERVAL), MAX_INTERVAL)
        distance = vector_norm(pose.position - last.position)
        angle = vector_norm(rotation_between(last.orientation, pose.orientation))
        speed, angular_speed = self._limits.measured_speed, self._limits.measured_angular_speed
        if distance <= speed * seconds and angle <= angular_speed * seconds:
            return ''
        return (
            f'the tool is measured {distance:.3f} m, {angle:.2f} rad from where it was '
            f'{seconds:.2f} s before; faster than {speed:.2f} m/s, {angular_speed:.2f} rad/s'
        )


class BoxMonitor:
    """Notices when the tool leaves the workspace box, or moves farther out than it was."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._outside = np.full(3, math.inf)  # how far out the tool may be, per axis [m]

    def restart(self) -> None:
        """Accept where the tool is next, as after a rearm: from there it can only come back."""
        self._outside = np.full(3, math.inf)

    def check(self, pose: Pose) -> str:
        """Return, once, that the tool went out by more than the tracking error; else empty."""
        low, high = np.asarray(self._limits.low), np.asarray(self._limits.high)
        outside = np.maximum(np.maximum(low - pose.position, pose.position - high), 0.0)
        axis = int((outside - self._outside).argmax())
        left = outside[axis] - self._outside[axis] > self._limits.max_tracking_error
        self._outside = outside if left else np.minimum(self._outside, outside)
        if not left:
            return ''
        return (
            f'the tool is {outside[axis]:.3f} m outside the workspace, at '
            f'{"xyz"[axis]} = {pose.position[axis]:.3f} m'
        )


def _check_pose(pose: Pose) -> str:
    if np.shape(pose.position) != (3,) or np.shape(pose.orientation) != (4,):
        shapes = f'{np.shape(pose.position)} and {np.shape(pose.orientation)}'
        return f'measured pose of shapes {shapes}; they must be (3,) and (4,)'
    finite = np.isfinite(pose.position).all()
    if finite and abs(vector_norm(pose.orientation) - 1.0) <= QUATERNION_TOLERANCE:
        return ''
    error = 'the quaternion must have length 1' if finite else 'it is not finite'
    numbers = f'{np.round(pose.position, 3)} m, quaternion {np.round(pose.orientation, 3)}'
    return f'measured pose {numbers}: {error}'


def check_wrench(wrench: np.ndarray, limits: Limits) -> str:
    """Check the wrench (6,) on the tool [N, N m] against the limits of force and torque."""
    for name, part, limit, unit in (
        ('force', wrench[:3], limits.force, 'N'),
        ('torque', wrench[3:], limits.torque, 'N m'),
    ):
        if limit and not (size := vector_norm(part)) <= limit:
            known = f'is {size:.1f} {unit}' if math.isfinite(size) else 'is not known'
            return f'the {name} on the tool {known}; the limit is {limit:.1f} {unit}'
    return ''
