"""Differential inverse kinematics: one bounded step of the joints towards a pose of the tool.

Least squares by the singular values of the Jacobian. Only directions near a singularity are damped,
by the numerical filtering of Chiaverini, Siciliano and Egeland (1994). A target is approached no
faster than the joints can stop at it; where it moves, they move with it.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.arms.joint_motion import (
    JointMotion,
    closing_share,
)
from robo_dopamine_ros.arms.tool_limits import UNLIMITED, ToolAt, ToolLimits
from robo_dopamine_ros.geometry import clip_norm, pose_difference, stoppable_speed
from robo_dopamine_ros.types import Pose, require_at_least, require_positive

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.kinematics import JointLimits, Kinematics

ROTATION_WEIGHT = 0.2  # a rotation counts as the motion of a point this far from the tool [m]
ERROR_WEIGHTS = np.array([1.0, 1.0, 1.0, ROTATION_WEIGHT, ROTATION_WEIGHT, ROTATION_WEIGHT])
ARRIVAL_TOLERANCE = 5e-4  # weighted distance within which the tool is at the target [m]
LIMIT_TOLERANCE = 1e-6  # by which joints must fall short before that is reported [rad]
MIN_ACCELERATION = 5.0  # below, joints cannot keep the limits of the tool [rad/s^2]
MAX_STEP = 8e-3  # weighted distance per step; beyond, joints chatter at a singularity [m]


@dataclass(frozen=True)
class IkConfig:
    """Limits and gains of the motion of the joints; 10 rad/s^2 is what an FR3 may do."""

    speed: float = 1.0  # of each joint at most, where the URDF does not allow less [rad/s]
    acceleration: float = 10.0  # of each joint at most [rad/s^2]
    margin: float = 0.05  # kept from the joint limits of the URDF [rad]
    singularity: float = 0.04  # singular value below which a direction is damped [m/rad]
    centring: float = 0.3  # share of its motion by which a redundant joint leaves its limits, 0..1
    max_tracking_error: float = 0.25  # of a joint sent ahead, beyond which it is stuck [rad]

    def __post_init__(self) -> None:
        require_positive(self, 'speed', 'acceleration', 'singularity', 'max_tracking_error')
        require_at_least(0, self, 'margin')
        require_at_least(MIN_ACCELERATION, self, 'acceleration')
        if not 0 <= self.centring <= 1:
            raise ValueError(f'centring = {self.centring}; it must lie in 0..1')


@dataclass(frozen=True)
class IkStep:
    """Result of one step."""

    motion: JointMotion
    pose: Pose  # of the tool at these joints
    reason: str = ''  # why it falls short of the target

    @property
    def joints(self) -> np.ndarray:
        """Positions (n,) [rad]."""
        return self.motion.positions


def ik_step(
    kinematics: 'Kinematics',
    config: IkConfig,
    motion: JointMotion,
    target: Pose,
    seconds: float,
    target_before: Pose | None = None,
    tool: ToolLimits = UNLIMITED,
) -> IkStep:
    """Return the motion of the joints after `seconds` on their way to a target pose.

    `target_before` is the target of the step before; without it the target counts as at rest. No
    joint exceeds its speed or acceleration, or leaves its limits; one that is beyond a limit moves
    no further, and is not forced back. The joints rest while the tool is at the target. The tool
    keeps its limits, unless the joints cannot brake in time.
    """
    pose, jacobian = kinematics.pose_and_jacobian(motion.positions)
    if seconds <= 0:
        return IkStep(motion, pose)
    moved = ToolAt(tool, kinematics, motion, seconds)
    jacobian = ERROR_WEIGHTS[:, None] * jacobian
    limits = kinematics.limits.within(config.margin, config.speed)
    error = clip_norm(ERROR_WEIGHTS * pose_difference(pose, target), MAX_STEP)
    follow = np.zeros(6)
    if target_before is not None:
        follow = clip_norm(ERROR_WEIGHTS * pose_difference(target_before, target), MAX_STEP)
    inverse = _invert(jacobian, config)
    closing = inverse.matrix @ (error - follow) / seconds
    share = closing_share(closing, config.acceleration, seconds)
    error = follow + share * (error - follow)
    move, causes = _move(kinematics, limits, config, motion, seconds, error, jacobian, inverse)
    wanted = moved.within(move / seconds)
    if np.abs(wanted * seconds - move).max() > LIMIT_TOLERANCE:
        causes.append('the tool is at its speed limit or at a wall of the workspace')
    move = wanted * seconds
    after = moved.advance(wanted, limits, config.acceleration)
    if np.abs(after.velocities * seconds - move).max() > LIMIT_TOLERANCE:
        causes.append(f'joint accelerations are limited to {config.acceleration:.3g} rad/s^2')
    reached = kinematics.pose(after.positions)
    return IkStep(after, reached, _shortfall(reached, target, causes))


def _move(
    kinematics: 'Kinematics',
    limits: 'JointLimits',
    config: IkConfig,
    motion: JointMotion,
    seconds: float,
    error: np.ndarray,
    jacobian: np.ndarray,
    inverse: 'DampedInverse',
) -> tuple[np.ndarray, list[str]]:
    """Return the displacement (n,) of the joints [rad], and what may limit it."""
    q, braking = motion.positions, config.acceleration
    low = -stoppable_speed(q - limits.lower, braking, seconds) * seconds
    high = stoppable_speed(limits.upper - q, braking, seconds) * seconds
    free, causes = np.ones(len(q), bool), []
    move = inverse.matrix @ error
    move = move + _null_motion(inverse, _to_centre(limits, q), config.centring, move)
    if inverse.smallest < config.singularity:
        causes.append(f'near a singularity, {inverse.smallest:.3f} is below {config.singularity}')
    while True:
        overspeed = np.abs(move) / (limits.velocity * seconds)
        move = move / max(1.0, overspeed.max())  # of all joints: the tool keeps its direction
        stuck = free & ((move < low) | (move > high))
        for i in np.flatnonzero(stuck):
            limit = (limits.lower if move[i] < low[i] else limits.upper)[i]
            causes.append(f'{kinematics.joints[i]} is at its limit of {limit:.3f}')
        move, free = np.clip(move, low, high), free & ~stuck
        if not stuck.any() or not free.any():
            break
        rest = error - jacobian[:, ~free] @ move[~free]
        move[free] = _invert(jacobian[:, free], config).matrix @ rest
    if overspeed.max() > 1:
        fastest = int(overspeed.argmax())
        speed = limits.velocity[fastest]
        causes.append(f'{kinematics.joints[fastest]} is at its speed limit of {speed:.3f}')
    return move, causes


@dataclass(frozen=True)
class DampedInverse:
    """Inverse of a Jacobian (6, m), damped near singularities."""

    matrix: np.ndarray  # (m, 6): times an error, the displacement that removes it
    null_space: np.ndarray  # (k, m): displacements that do not move the tool
    smallest: float  # singular value [m/rad]


def _invert(jacobian: np.ndarray, config: IkConfig) -> DampedInverse:
    left, values, right = np.linalg.svd(jacobian)
    row_space, null_space = right[: len(values)], right[len(values) :]
    gains = values / np.maximum(values, config.singularity) ** 2
    matrix = row_space.T @ (gains[:, None] * left[:, : len(values)].T)
    return DampedInverse(matrix, null_space, float(values[-1]))


def _null_motion(
    inverse: DampedInverse, wanted: np.ndarray, centring: float, move: np.ndarray
) -> np.ndarray:
    """Return the part of a wanted displacement (n,) that does not move the tool.

    It is at most `centring` times the displacement `move` (n,), so that nothing moves at rest.
    """
    if not len(inverse.null_space):
        return np.zeros_like(move)
    drift = inverse.null_space.T @ (inverse.null_space @ wanted)
    return clip_norm(drift, centring * float(np.linalg.norm(move)))


def _to_centre(limits: 'JointLimits', q: np.ndarray) -> np.ndarray:
    """Return the displacement of every joint to the centre of its limits; 0 without limits."""
    moves, bound = np.zeros_like(q), np.isfinite(limits.upper - limits.lower)
    moves[bound] = (limits.lower[bound] + limits.upper[bound]) / 2 - q[bound]
    return moves


def _shortfall(reached: Pose, target: Pose, causes: list[str]) -> str:
    """Return how far the pose is from the target, and why; empty when it is there."""
    error = pose_difference(reached, target)
    if np.linalg.norm(ERROR_WEIGHTS * error) < ARRIVAL_TOLERANCE:
        return ''
    distance, angle = (float(np.linalg.norm(part)) for part in (error[:3], error[3:]))
    short = f'{1e3 * distance:.1f} mm and {math.degrees(angle):.1f} deg short of the target'
    return f'{short}: {", ".join(causes)}' if causes else short
