"""Limits of the gate, and the limiter that turns commands into target poses within them. Pure.

`TargetState` is the target pose of the tool and its velocity. Whatever is commanded, after
`advance`:

- the linear velocity is at most `speed`, the angular velocity at most `angular_speed`;
- the velocity has changed by no more than the acceleration allows in the tick, unless a wall of
  the workspace or the tracking error came nearer than a braking distance, as when the arm is
  pushed;
- the target has moved by velocity times time, but not through a wall of the workspace box; it is
  outside the box only where the measured tool is, and no farther than that;
- it is no farther from the measured tool than `max_tracking_error` and `max_rotation_error`; this
  is applied last.

In front of walls and near the largest tracking error the velocity shrinks so that the target can
still be stopped in time.
"""

import math
from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.geometry import (
    apply_rotation,
    clip_norm,
    rotation_between,
    stoppable_speed,
    vector_norm,
)
from robo_dopamine_ros.types import Pose, require_at_least, require_positive

POSITIVE_LIMITS = (
    'speed',
    'angular_speed',
    'acceleration',
    'angular_acceleration',
    'max_tracking_error',
    'max_rotation_error',
    'measured_speed',
    'measured_angular_speed',
    'policy_timeout',
    'human_timeout',
    'reset_timeout',
    'arm_timeout',
    'episode_timeout',
    'lock_timeout',
    'enable_timeout',
    'zone_timeout',
    'tick_timeout',
    'stop_time',
)
CEILINGS = {  # that no arm and no cell needs to exceed: beyond, a unit was mistaken
    'speed': (2.0, 'm/s'),
    'angular_speed': (4.0, 'rad/s'),
    'acceleration': (15.0, 'm/s^2'),
    'angular_acceleration': (30.0, 'rad/s^2'),
    'max_tracking_error': (0.3, 'm'),
    'max_rotation_error': (1.6, 'rad'),
    'measured_speed': (10.0, 'm/s'),
    'measured_angular_speed': (30.0, 'rad/s'),
    'force': (500.0, 'N'),
    'torque': (100.0, 'N m'),
    'policy_timeout': (2.0, 's'),
    'human_timeout': (2.0, 's'),
    'reset_timeout': (2.0, 's'),
    'arm_timeout': (2.0, 's'),
    'episode_timeout': (10.0, 's'),
    'lock_timeout': (2.0, 's'),
    'enable_timeout': (2.0, 's'),
    'zone_timeout': (2.0, 's'),
    'tick_timeout': (2.0, 's'),
    'future_tolerance': (1.0, 's'),
    'stop_time': (2.0, 's'),
}
FARTHEST = 3.0  # corner of a workspace box from the base, in each axis [m]
MAX_TICK = 0.05  # a late tick moves the target no further than one after this time [s]
ZERO_TWIST = np.zeros(6)
SQRT3 = math.sqrt(3)  # each axis brakes by this much less, so that all three keep the limit
TOLERANCE = 1e-6  # smaller corrections are not reported


@dataclass(frozen=True)
class Limits:
    """Limits and timeouts of the gate; workspace and speeds are those of the tool, base frame."""

    low: tuple[float, ...] = (0.25, -0.35, 0.0)  # corner of the workspace box [m]
    high: tuple[float, ...] = (0.75, 0.35, 0.60)  # opposite corner [m]
    speed: float = 0.15  # [m/s]
    angular_speed: float = 0.8  # [rad/s]
    acceleration: float = 1.0  # [m/s^2]
    angular_acceleration: float = 5.0  # [rad/s^2]
    max_tracking_error: float = 0.04  # from the measured tool to its target [m]
    max_rotation_error: float = 0.3  # from the measured tool to its target [rad]
    measured_speed: float = 1.0  # faster, and the pose counts as a collision or misread [m/s]
    measured_angular_speed: float = 6.0  # faster, and it counts likewise [rad/s]
    allow_pose_jumps: bool = False  # the measured pose may jump, as in simulation; False: latches
    force: float = 0.0  # on the tool, beyond which the gate latches [N], 0: not monitored
    torque: float = 0.0  # on the tool, beyond which the gate latches [N m], 0: not monitored
    policy_timeout: float = 0.3  # without a command of the policy [s]
    human_timeout: float = 0.2  # without a command of teleoperation [s]
    reset_timeout: float = 0.3  # without a command of the reset motion [s]
    arm_timeout: float = 0.1  # without a state from the driver [s]
    episode_timeout: float = 1.0  # without the episode manager, while policy or reset acts [s]
    lock_timeout: float = 0.3  # without a message of the stop lock [s]
    enable_timeout: float = 0.3  # without a message of the enabling switch [s]
    zone_timeout: float = 0.3  # without a message of a required zone [s]
    slow_scale: float = 0.25  # of both speeds, while a zone says slow, 0..1
    tick_timeout: float = 0.25  # without a tick of the gate itself [s]
    future_tolerance: float = 0.05  # how far in the future the stamp of a command may be [s]
    stop_time: float = 0.3  # from full speed to standstill at most [s]

    def __post_init__(self) -> None:
        if len(self.low) != 3 or len(self.high) != 3:
            raise ValueError(f'low = {self.low}, high = {self.high}; each must be x, y, z [m]')
        for axis, low, high in zip('xyz', self.low, self.high, strict=True):
            if not -math.inf < low < high < math.inf:
                raise ValueError(f'{axis} from {low} to {high} m; low must be below high')
        require_positive(self, *POSITIVE_LIMITS)
        require_at_least(0, self, 'force', 'torque', 'future_tolerance')
        for name, (most, unit) in CEILINGS.items():
            if (value := getattr(self, name)) > most:
                raise ValueError(f'{name} = {value} {unit}; it must be at most {most:g} {unit}')
        for axis, low, high in zip('xyz', self.low, self.high, strict=True):
            if max(abs(low), abs(high)) > FARTHEST:
                raise ValueError(
                    f'{axis} from {low} to {high} m; the box must lie within {FARTHEST:g} m of '
                    'the base: are these millimetres?'
                )
        if not 0 <= self.slow_scale <= 1:
            raise ValueError(f'slow_scale = {self.slow_scale}; it must lie in 0..1')


@dataclass(frozen=True)
class TargetState:
    """Target pose of the tool and its velocity, base frame."""

    pose: Pose
    twist: np.ndarray  # (6,) [m/s, rad/s]


def advance(
    target: TargetState, twist: np.ndarray, measured: Pose, limits: Limits, seconds: float
) -> tuple[TargetState, list[str]]:
    """Advance the target by one tick along a finite commanded twist (6,) [m/s, rad/s].

    Returns the new target and the reasons why it differs from what was commanded.
    """
    tick = min(seconds, MAX_TICK)
    reasons: list[str] = []
    linear = _limit_speed(twist[:3], limits.speed, 'm/s', reasons)
    angular = _limit_speed(twist[3:], limits.angular_speed, 'rad/s', reasons)
    error, rotation = _tracking_error(target.pose, measured)
    braking, angular_braking = limits.acceleration / SQRT3, limits.angular_acceleration
    linear = _limit_departure(linear, error, limits.max_tracking_error, braking, tick, 'm', reasons)
    angular = _limit_departure(
        angular, rotation, limits.max_rotation_error, angular_braking, tick, 'rad', reasons
    )
    low, high = _wall_speeds(target.pose.position, limits, tick)
    linear = _limit_at_walls(linear, low, high, limits, reasons)
    forced = np.minimum(np.maximum(target.twist[:3], low), high)
    max_change = (limits.acceleration * tick, limits.angular_acceleration * tick)
    velocity = _limit_change(target.twist[:3], forced, linear, max_change[0])
    spin = _limit_change(target.twist[3:], target.twist[3:], angular, max_change[1])
    if vector_norm(velocity - linear) > TOLERANCE:
        reasons.append(f'acceleration limited to {limits.acceleration:.3g} m/s^2')
    if vector_norm(spin - angular) > TOLERANCE:
        reasons.append(f'acceleration limited to {limits.angular_acceleration:.3g} rad/s^2')
    return _integrate(target.pose, velocity, spin, measured, limits, tick), reasons


def brake(target: TargetState, measured: Pose, limits: Limits, seconds: float) -> TargetState:
    """Advance the target by one tick while braking to a standstill within the stop time."""
    tick = min(seconds, MAX_TICK)
    # Braking from full speed in two thirds of the stop time leaves a third for late ticks.
    braking = max(limits.acceleration, 1.5 * limits.speed / limits.stop_time)
    angular_braking = max(
        limits.angular_acceleration, 1.5 * limits.angular_speed / limits.stop_time
    )
    low, high = _wall_speeds(target.pose.position, limits, tick)
    forced = np.minimum(np.maximum(target.twist[:3], low), high)
    velocity = _limit_change(target.twist[:3], forced, ZERO_TWIST[:3], braking * seconds)
    spin = _limit_change(
        target.twist[3:], target.twist[3:], ZERO_TWIST[3:], angular_braking * seconds
    )
    return _integrate(target.pose, velocity, spin, measured, limits, tick)


def _integrate(
    target: Pose,
    velocity: np.ndarray,
    spin: np.ndarray,
    measured: Pose,
    limits: Limits,
    tick: float,
) -> TargetState:
    """Move the target for one tick; the box and the tracking error limit where it ends."""
    position = target.position + velocity * tick
    position = np.maximum(np.minimum(limits.low, measured.position), position)
    position = np.minimum(np.maximum(limits.high, measured.position), position)
    orientation = apply_rotation(target.orientation, spin * tick)
    pose = _limit_tracking_error(Pose(position, orientation), measured, limits)
    return TargetState(pose, np.concatenate([velocity, spin]))


def _limit_tracking_error(target: Pose, measured: Pose, limits: Limits) -> Pose:
    """Move the target towards the measured tool until both tracking errors are allowed."""
    error, rotation = _tracking_error(target, measured)
    position, orientation = target.position, target.orientation
    if vector_norm(error) > limits.max_tracking_error:
        position = measured.position + clip_norm(error, limits.max_tracking_error)
    if vector_norm(rotation) > limits.max_rotation_error:
        rotation = clip_norm(rotation, limits.max_rotation_error)
        orientation = apply_rotation(measured.orientation, rotation)
    return Pose(position, orientation)


def _tracking_error(target: Pose, measured: Pose) -> tuple[np.ndarray, np.ndarray]:
    """Translation [m] and rotation vector [rad] from the measured tool to its target."""
    rotation = rotation_between(measured.orientation, target.orientation)
    return target.position - measured.position, rotation


def _limit_speed(velocity: np.ndarray, limit: float, unit: str, reasons: list[str]) -> np.ndarray:
    speed = vector_norm(velocity)
    if speed <= limit:
        return velocity
    reasons.append(f'{speed:.3g} {unit} limited to {limit:.3g} {unit}')
    return velocity * (limit / speed)


def _limit_departure(
    velocity: np.ndarray,
    error: np.ndarray,
    max_error: float,
    braking: float,
    tick: float,
    unit: str,
    reasons: list[str],
) -> np.ndarray:
    """Limit how fast the target departs from the tool, so that it stops at the largest error."""
    size = vector_norm(error)
    if size == 0:
        return velocity
    direction = error / size
    excess: float = float(velocity @ direction) - stoppable_speed(max_error - size, braking, tick)
    if excess <= 0:
        return velocity
    reasons.append(
        f'the target is {size:.3f} {unit} ahead of the tool; {max_error:.3f} {unit} is allowed'
    )
    limited: np.ndarray = velocity - excess * direction
    return limited


def _wall_speeds(
    position: np.ndarray, limits: Limits, tick: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest velocity (3,) of each axis that can still be stopped inside the box."""
    braking = limits.acceleration / SQRT3
    low = -stoppable_speed(position - limits.low, braking, tick)
    return low, stoppable_speed(limits.high - position, braking, tick)


def _limit_at_walls(
    velocity: np.ndarray, low: np.ndarray, high: np.ndarray, limits: Limits, reasons: list[str]
) -> np.ndarray:
    allowed: np.ndarray = np.minimum(np.maximum(velocity, low), high)
    for axis in np.flatnonzero(np.abs(allowed - velocity) > TOLERANCE):
        wall = limits.high[axis] if velocity[axis] > 0 else limits.low[axis]
        reasons.append(f'wall of the workspace at {"xyz"[axis]} = {wall:.3f} m')
    return allowed


def _limit_change(
    before: np.ndarray, forced: np.ndarray, goal: np.ndarray, max_change: float
) -> np.ndarray:
    """Velocity from `forced` as far towards `goal` as it stays within `max_change` of `before`."""
    fixed, free = forced - before, goal - forced
    a, b = float(free @ free), float(fixed @ free)
    c = float(fixed @ fixed) - max_change * max_change
    if a == 0 or c >= 0:
        return forced
    share = (math.sqrt(b * b - a * c) - b) / a
    return goal if share >= 1 else forced + share * free
