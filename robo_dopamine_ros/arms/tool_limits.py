"""Limits of the tool for arms whose joints we compute: the gate's, kept by the joints sent. Pure.

The gate limits the target of the tool. Joints on their way to it may move the tool otherwise: near
a singularity, at a limit of a joint, or while they catch up.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.arms.joint_motion import JointMotion, advance
from robo_dopamine_ros.geometry import pose_difference, stoppable_speed, vector_norm

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.kinematics import JointLimits, Kinematics

EVERYWHERE = (math.inf, math.inf, math.inf)
WALL_TOLERANCE = 1e-5  # by which rounding may take the tool through a wall [m]
BEND = 0.05  # by which the way to standstill may bend, as a share of its length
ALONE = 2.0  # times the speed at which one joint alone may move the tool
SPEED_MARGIN = 0.99  # share of its speed that the tool is given, as its Jacobian turns meanwhile
SPEED_TOLERANCE = 0.005  # share by which it may be faster before the joints brake


@dataclass(frozen=True)
class ToolLimits:
    """Speeds and workspace box of the tool, base frame; unlimited by default."""

    speed: float = math.inf  # [m/s]
    angular_speed: float = math.inf  # [rad/s]
    low: tuple[float, ...] = tuple(-x for x in EVERYWHERE)  # corner of the box [m]
    high: tuple[float, ...] = EVERYWHERE  # opposite corner [m]
    braking: float = 0.5  # deceleration in front of walls, along each axis [m/s^2]

    def share(self, twist: np.ndarray, position: np.ndarray, seconds: float) -> float:
        """Return the share (0..1) of a twist (6,) [m/s, rad/s] that the tool may have.

        It moves from `position` for `seconds`, and must be able to stop before the wall after that;
        from outside the box it may not move farther out.
        """
        room = np.where(twist[:3] > 0, self.high - position, position - self.low)
        allowed = stoppable_speed(room + WALL_TOLERANCE, self.braking, seconds)
        shares = [
            _share(self.speed, vector_norm(twist[:3])),
            _share(self.angular_speed, vector_norm(twist[3:])),
            *(_share(float(a), abs(float(v))) for a, v in zip(allowed, twist[:3], strict=True)),
        ]
        return min(shares)

    def check_box(self, before: np.ndarray, after: np.ndarray, end: np.ndarray) -> str:
        """Return why the tool must not go on so: farther out of the box; empty: it may.

        Positions (3,) before and after the step, and where it stands if the joints brake then.
        """
        outside = [np.maximum(self.low - p, p - self.high) for p in (before, after, end)]
        farthest = np.maximum(outside[1], outside[2] + BEND * vector_norm(end - after))
        farther = np.flatnonzero(farthest > np.maximum(outside[0], 0.0) + WALL_TOLERANCE)
        if not len(farther):
            return ''
        return f'the tool would leave the workspace at {"xyz"[farther[0]]}, by moving aside'

    def joint_share(self, jacobian: np.ndarray, velocities: np.ndarray) -> float:
        """Return the share of joint velocities (n,) at which none alone moves the tool too fast.

        Near a singularity fast joints cancel each other out, but only for a moment.
        """
        alone = np.abs(velocities) * np.linalg.norm(jacobian.reshape(2, 3, -1), axis=1)
        fastest, widest = alone.max(axis=1)
        return min(
            _share(ALONE * self.speed, float(fastest)),
            _share(ALONE * self.angular_speed, float(widest)),
        )


UNLIMITED = ToolLimits()


@dataclass(frozen=True)
class ToolAt:
    """The limited tool at one position of the joints, for one tick."""

    limits: ToolLimits
    kinematics: 'Kinematics'
    motion: JointMotion
    seconds: float  # of the tick

    def within(self, velocities: np.ndarray) -> np.ndarray:
        """Return joint velocities (n,) [rad/s], slower where the tool would exceed its limits."""
        pose, jacobian = self.kinematics.pose_and_jacobian(self.motion.positions)
        share = min(
            self.limits.share(jacobian @ velocities, pose.position, self.seconds),
            self.limits.joint_share(jacobian, velocities),
        )
        return velocities if share == 1 else share * SPEED_MARGIN * velocities

    def advance(
        self, wanted: np.ndarray, limits: 'JointLimits', acceleration: float
    ) -> JointMotion:
        """Move towards wanted velocities (n,); brake where the tool would exceed its limits."""
        after = advance(self.motion, wanted, limits, acceleration, self.seconds)
        if self.limits == UNLIMITED:
            return after
        start, end = (self.kinematics.pose(m.positions) for m in (self.motion, after))
        twist = pose_difference(start, end) / self.seconds
        if self.limits.share(twist, start.position, self.seconds) > 1 - SPEED_TOLERANCE:
            return after
        return advance(self.motion, np.zeros_like(wanted), limits, acceleration, self.seconds)


def _share(most: float, size: float) -> float:
    return 1.0 if size <= most else most / size
