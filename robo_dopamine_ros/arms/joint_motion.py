"""Motion of the joints that are sent: bounded in position, speed and acceleration. Pure.

A motion is a position and a velocity of every joint. After `advance`, whatever is wanted,

- no speed exceeds its limit, and none has changed by more than the acceleration times the time;
- every joint can still be stopped, at that acceleration, before its limit.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.geometry import stoppable_speed

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.kinematics import JointLimits

SMALLEST_CHANGE = 1e-12  # of a velocity that has a direction [rad/s]


@dataclass(frozen=True)
class JointMotion:
    """Positions and velocities of the joints that were sent last."""

    positions: np.ndarray  # (n,) [rad]
    velocities: np.ndarray  # (n,) [rad/s]


def at_rest(positions: np.ndarray) -> JointMotion:
    """Return joints (n,) [rad] that do not move."""
    return JointMotion(positions, np.zeros(len(positions)))


def speed_range(
    q: np.ndarray, limits: 'JointLimits', acceleration: float, seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest velocities (n,) that keep speed and position limits."""
    down = stoppable_speed(q - limits.lower, acceleration, seconds)
    up = stoppable_speed(limits.upper - q, acceleration, seconds)
    return -np.minimum(down, limits.velocity), np.minimum(up, limits.velocity)


def closing_share(closing: np.ndarray, acceleration: float, seconds: float) -> float:
    """Return the share (0..1) of a closing velocity (n,) at which joints can stop at their goal.

    At the whole velocity they would be there after one tick, and could not stop any more.
    """
    speeds = np.abs(closing)
    fastest = float(speeds.max(initial=0.0))
    if fastest == 0:
        return 1.0
    possible = stoppable_speed(np.array(fastest * seconds), acceleration, seconds)
    return min(1.0, float(possible) / fastest)


def advance(
    motion: JointMotion,
    wanted: np.ndarray,
    limits: 'JointLimits',
    acceleration: float,
    seconds: float,
) -> JointMotion:
    """Move for `seconds` at a velocity as near to the wanted one (n,) as the bounds allow.

    The velocity changes along the line between the two, so that the tool is never faster than at
    the faster one of them.
    """
    low, high = speed_range(motion.positions, limits, acceleration, seconds)
    change = acceleration * seconds
    before = motion.velocities
    start = before * _braking_share(before, low, high)
    start = np.clip(np.clip(start, low, high), before - change, before + change)
    way = np.clip(wanted, low, high) - start
    room = np.where(way > 0, before + change - start, start - before + change)
    moving = np.abs(way) > SMALLEST_CHANGE
    shares = room[moving] / np.abs(way[moving])
    share = min(1.0, float(shares.min(initial=math.inf)))
    velocities = start + share * way
    return JointMotion(motion.positions + velocities * seconds, velocities)


def _braking_share(velocities: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Return the share of velocities (n,) within their range: all joints brake with the first."""
    moving = np.abs(velocities) > SMALLEST_CHANGE
    ends = np.where(velocities > 0, high, low)[moving]
    return float(np.clip(ends / velocities[moving], 0.0, 1.0).min(initial=1.0))


def at_standstill(motion: JointMotion, acceleration: float) -> np.ndarray:
    """Return the joints (n,) [rad] at which a motion ends that is braked from now on."""
    longest = float(np.abs(motion.velocities).max()) / acceleration
    joints: np.ndarray = motion.positions + motion.velocities * (longest / 2)
    return joints
