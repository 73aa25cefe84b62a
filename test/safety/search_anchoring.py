"""The law of re-anchoring: from where motion must continue, and how far it may be from there."""

from dataclasses import dataclass

import numpy as np
import pinocchio as pin
from search_rig import Tick

from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import Mode

LEVER = 0.2  # [m]
HALF_TURN = 2.9  # beyond, either way round leads to the other orientation [rad]
CATCHING_UP = 0.5  # share of the speed at which what is sent at least approaches the tool
GENTLENESS = 3.0  # times that the acceleration needs to the speed, for start and end
JOINT_LAG = (0.2, 3e-3)  # by which joints may come later [s] and miss what they are sent to [m]


def angle(a: pin.SE3, b: pin.SE3) -> float:
    """Angle between two orientations [rad], exact near zero too; at most `HALF_TURN`."""
    return min(HALF_TURN, float(np.linalg.norm(pin.log3(a.rotation.T @ b.rotation))))


def distance(a: pin.SE3, b: pin.SE3) -> float:
    """Distance of two positions [m]."""
    return float(np.linalg.norm(a.translation - b.translation))


def apart(a: pin.SE3, b: pin.SE3) -> float:
    """Distance of two poses [m], where a rotation counts as the motion of a point beside it."""
    return distance(a, b) + LEVER * angle(a, b)


@dataclass
class Anchor:
    """Where the tool was measured when motion had to restart there."""

    time: float
    tool: pin.SE3
    moving: bool  # because a source began to move it
    way: float  # that may still lie between what is sent and where the tool was [m]
    left: float  # until what is sent must be there, at full speed [s]
    budget: float  # what sources commanded since, and what the speed before takes to brake [m]


class Anchoring:
    """Follows what is sent after another source, a rearm or a release."""

    def __init__(self, limits: Limits, by_joints: bool) -> None:
        late, noise = JOINT_LAG if by_joints else (0.0, 1e-6)
        self._limits, self._noise = limits, late * limits.speed + noise
        self._anchor: Anchor | None = None
        self._source: tuple[Mode, str] | None = None
        self._speed = 0.0  # of what was sent in the tick before [m/s]

    def clear(self) -> None:
        """Nothing is sent: it restarts anyway."""
        self._anchor = None

    def off(self, tick: Tick, last: Tick) -> float:
        """Return how much too far what is sent is from where the tool was, at most 0: it is not."""
        assert tick.pose is not None
        seconds = tick.now - last.now
        self._begin(tick, last)
        anchor, mode = self._anchor, tick.control.mode
        if anchor is None or tick.measured is None:
            return 0.0
        gap = distance(tick.pose, tick.measured)
        dragged = gap > 0.9 * self._limits.max_tracking_error and tick.now > anchor.time
        if mode is Mode.STOPPED or tick.fault or dragged or self._is_outside(anchor.tool):
            self._anchor = None
            return 0.0
        speed = max((tick.commanded[m] for m in tick.allowed), default=0.0)
        anchor.budget += min(speed, self._limits.speed) * seconds
        if tick.now > anchor.time:
            anchor.left -= (self._limits.slow_scale if tick.slow else 1.0) * min(seconds, 0.05)
        if anchor.left <= 0:
            anchor.way = 0.0
        ended = anchor.moving or anchor.way == 0
        if mode is Mode.HOLD and (ended or gap <= distance(anchor.tool, tick.measured)):
            self._anchor = None  # motion ended, it was reached, or what is sent is nearer
            return 0.0
        off = distance(tick.pose, anchor.tool) - anchor.way - anchor.budget - self._noise
        self._anchor = None if off > 0 else anchor
        return off

    def _begin(self, tick: Tick, last: Tick) -> None:
        assert tick.pose is not None
        assert last.pose is not None
        mode = tick.control.mode
        source = (mode, tick.control.source) if mode not in (Mode.HOLD, Mode.STOPPED) else None
        if tick.rearmed or tick.released:
            self._source = None
        changed = source is not None and source != self._source
        self._source = source or self._source
        before, seconds = self._speed, max(tick.now - last.now, 1e-3)
        self._speed = distance(tick.pose, last.pose) / seconds
        if (changed or tick.rearmed or tick.released) and tick.measured is not None:
            speed = max(before, self._speed)  # is kept, and braked
            coasting = speed * speed / (2 * self._limits.acceleration) + 0.05 * speed
            coasting += 0.05 * self._limits.speed  # one tick
            way = distance(tick.pose, tick.measured)
            self._anchor = Anchor(tick.now, tick.measured, changed, way, self._left(way), coasting)

    def _left(self, way: float) -> float:
        limits = self._limits
        gently = GENTLENESS * limits.speed / limits.acceleration
        return way / (CATCHING_UP * limits.speed) + gently + 0.1

    def _is_outside(self, tool: pin.SE3) -> bool:
        p = tool.translation
        return bool((p < self._limits.low).any() or (p > self._limits.high).any())
