"""How a wish becomes motion within the limits: box, speed, acceleration, lead. Pure.

A `Motion` is the target of the tool and its velocity. Whatever the wish, after `follow`:

- the linear part of the velocity is no longer than `speed`, the angular part than `turning`;
- it differs from the one before by no more than the acceleration allows in the time, unless a wall
  or the lead had come nearer than an orderly stop takes, as when the arm is pushed;
- the target has moved by the velocity times the time, then no further than its walls: the box, or
  where it was outside of it; so from outside there is only a way in;
- it is not farther from the measured tool than `lead` and `lead_turn`; this has the last word.

Before walls and at the end of the lead the velocity shrinks so that it can still be stopped there.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from robo_dopamine_ros.geometry import clipped, length, turn_between, turned
from robo_dopamine_ros.safety.limits import Limits
from robo_dopamine_ros.types import Pose

LONGEST = 0.05  # a late tick moves the target no further than one after this time [s]
STILL = np.zeros(6)
ROOT3 = math.sqrt(3)  # each axis brakes with so much less that all three together keep the limit
SLACK = 1e-6  # of a limit, below which it is not told


@dataclass(frozen=True)
class Motion:
    """Where the tool is sent, and how fast that place moves."""

    target: Pose
    twist: np.ndarray  # (6,) [m/s, rad/s]


def follow(
    motion: Motion, wish: np.ndarray, measured: Pose, limits: Limits, seconds: float
) -> tuple[Motion, list[str]]:
    """Give the motion one tick later, and what limited it; `wish` is a finite twist (6,)."""
    tick = min(seconds, LONGEST)
    reasons: list[str] = []
    linear = _slowed(wish[:3], limits.speed, 'm/s', reasons)
    angular = _slowed(wish[3:], limits.turning, 'rad/s', reasons)
    lead, turn = _leads(motion.target, measured)
    brake, twirl = limits.acceleration / ROOT3, limits.angular_acceleration
    linear = _tethered(linear, lead, limits.lead, brake, tick, 'm', reasons)
    angular = _tethered(angular, turn, limits.lead_turn, twirl, tick, 'rad', reasons)
    low, high = _walls(motion.target.position, limits, tick)
    linear = _walled(linear, low, high, limits, reasons)
    forced = np.minimum(np.maximum(motion.twist[:3], low), high)
    most = (limits.acceleration * tick, limits.angular_acceleration * tick)
    speed = _changed(motion.twist[:3], forced, linear, most[0])
    spin = _changed(motion.twist[3:], motion.twist[3:], angular, most[1])
    if length(speed - linear) > SLACK:
        reasons.append(f'acceleration limited to {limits.acceleration:.3g} m/s^2')
    if length(spin - angular) > SLACK:
        reasons.append(f'acceleration limited to {limits.angular_acceleration:.3g} rad/s^2')
    return _advanced(motion, speed, spin, measured, limits, tick), reasons


def brake(motion: Motion, measured: Pose, limits: Limits, seconds: float) -> Motion:
    """Give the motion one tick later on the way to a standstill within the stop time."""
    tick = min(seconds, LONGEST)
    # Full speed in two thirds of the stop time leaves late ticks a third.
    linear = max(limits.acceleration, 1.5 * limits.speed / limits.stop_time) * seconds
    angular = max(limits.angular_acceleration, 1.5 * limits.turning / limits.stop_time) * seconds
    low, high = _walls(motion.target.position, limits, tick)
    forced = np.minimum(np.maximum(motion.twist[:3], low), high)
    speed = _changed(motion.twist[:3], forced, STILL[:3], linear)
    spin = _changed(motion.twist[3:], motion.twist[3:], STILL[3:], angular)
    return _advanced(motion, speed, spin, measured, limits, tick)


def leashed(target: Pose, measured: Pose, limits: Limits) -> Pose:
    """Give the target, drawn to the measured tool as far as the lead wants it."""
    lead, turn = _leads(target, measured)
    position, orientation = target.position, target.orientation
    if length(lead) > limits.lead:
        position = measured.position + clipped(lead, limits.lead)
    if length(turn) > limits.lead_turn:
        orientation = turned(measured.orientation, clipped(turn, limits.lead_turn))
    return Pose(position, orientation)


def _advanced(
    motion: Motion,
    speed: np.ndarray,
    spin: np.ndarray,
    measured: Pose,
    limits: Limits,
    tick: float,
) -> Motion:
    start = motion.target.position
    position = start + speed * tick
    position = np.maximum(np.minimum(limits.low, start), position)
    position = np.minimum(np.maximum(limits.high, start), position)
    orientation = turned(motion.target.orientation, spin * tick)
    target = leashed(Pose(position, orientation), measured, limits)
    return Motion(target, np.concatenate([speed, spin]))


def _leads(target: Pose, measured: Pose) -> tuple[np.ndarray, np.ndarray]:
    turn = turn_between(measured.orientation, target.orientation)
    return target.position - measured.position, turn


def _slowed(wish: np.ndarray, most: float, unit: str, reasons: list[str]) -> np.ndarray:
    fast = length(wish)
    if fast <= most:
        return wish
    reasons.append(f'{fast:.3g} {unit} limited to {most:.3g} {unit}')
    return wish * (most / fast)


def _tethered(
    wish: np.ndarray,
    lead: np.ndarray,
    most: float,
    brake: float,
    tick: float,
    unit: str,
    reasons: list[str],
) -> np.ndarray:
    """Take from a wish what leads away from the measured tool faster than it can be stopped."""
    ahead = length(lead)
    if ahead == 0:
        return wish
    away = lead / ahead
    excess = float(wish @ away) - _stoppable(most - ahead, brake, tick)
    if excess <= 0:
        return wish
    reasons.append(
        f'the target is {ahead:.3f} {unit} ahead of the tool; {most:.3f} {unit} is allowed'
    )
    return wish - excess * away


def _walls(position: np.ndarray, limits: Limits, tick: float) -> tuple[np.ndarray, np.ndarray]:
    """Velocities (3,) between which each axis can still stop inside the box."""
    brake = limits.acceleration / ROOT3
    low = -_stoppable(position - limits.low, brake, tick)
    return low, _stoppable(limits.high - position, brake, tick)


def _stoppable(way: Any, brake: float, tick: float) -> Any:
    """Speed from which, after one tick at it, braking still ends within the way; 0 beyond it."""
    lost = brake * tick
    return np.sqrt(lost * lost + 2 * brake * np.maximum(way, 0.0)) - lost


def _walled(
    wish: np.ndarray, low: np.ndarray, high: np.ndarray, limits: Limits, reasons: list[str]
) -> np.ndarray:
    allowed = np.minimum(np.maximum(wish, low), high)
    for axis in np.flatnonzero(np.abs(allowed - wish) > SLACK):
        wall = limits.high[axis] if wish[axis] > 0 else limits.low[axis]
        reasons.append(f'wall of the workspace at {"xyz"[axis]} = {wall:.3f} m')
    return allowed


def _changed(before: np.ndarray, forced: np.ndarray, goal: np.ndarray, most: float) -> np.ndarray:
    """Velocity from `forced` as far to `goal` as it differs from `before` by `most` at most."""
    fixed, free = forced - before, goal - forced
    a, b, c = float(free @ free), float(fixed @ free), float(fixed @ fixed) - most * most
    if a == 0 or c >= 0:
        return forced
    share = (math.sqrt(b * b - a * c) - b) / a
    return goal if share >= 1 else forced + share * free
