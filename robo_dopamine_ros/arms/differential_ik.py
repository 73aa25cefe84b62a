"""Differential inverse kinematics: one bounded step of the joints towards a pose of the tool.

Least squares by the singular values of the Jacobian. Only directions near a singularity are damped,
by the numerical filtering of Chiaverini, Siciliano and Egeland (1994).
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.geometry import clip_norm, pose_difference
from robo_dopamine_ros.types import Pose, require_at_least, require_positive

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.kinematics import JointLimits, Kinematics

ROTATION_WEIGHT = 0.2  # a rotation counts as the motion of a point this far from the tool [m]
ERROR_WEIGHTS = np.array([1.0, 1.0, 1.0, ROTATION_WEIGHT, ROTATION_WEIGHT, ROTATION_WEIGHT])
ARRIVAL_TOLERANCE = 5e-4  # weighted distance within which the tool is at the target [m]
MAX_STEP = 8e-3  # weighted distance per step; beyond, joints chatter at a singularity [m]


@dataclass(frozen=True)
class IkConfig:
    """Limits and gains of the motion of the joints."""

    speed: float = 1.0  # of each joint at most, where the URDF does not allow less [rad/s]
    margin: float = 0.05  # kept from the joint limits of the URDF [rad]
    singularity: float = 0.04  # singular value below which a direction is damped [m/rad]
    centring: float = 0.3  # share of its motion by which a redundant joint leaves its limits, 0..1
    max_tracking_error: float = 0.25  # of a joint sent ahead, beyond which it is stuck [rad]

    def __post_init__(self) -> None:
        require_positive(self, 'speed', 'singularity', 'max_tracking_error')
        require_at_least(0, self, 'margin')
        if not 0 <= self.centring <= 1:
            raise ValueError(f'centring = {self.centring}; it must lie in 0..1')


@dataclass(frozen=True)
class IkStep:
    """Result of one step."""

    joints: np.ndarray  # (n,) [rad]
    pose: Pose  # of the tool at these joints
    reason: str = ''  # why it falls short of the target


def ik_step(
    kinematics: 'Kinematics', config: IkConfig, q: np.ndarray, target: Pose, seconds: float
) -> IkStep:
    """Return the joints (n,) [rad] after `seconds` on their way from `q` to a target pose.

    No joint exceeds its speed or leaves its limits; one that is beyond a limit moves no further,
    and is not forced back. The joints rest while the tool is at the target.
    """
    pose, jacobian = kinematics.pose_and_jacobian(q)
    if seconds <= 0:
        return IkStep(q, pose)
    error = ERROR_WEIGHTS * pose_difference(pose, target)
    move, causes = _move(kinematics, config, q, seconds, error, ERROR_WEIGHTS[:, None] * jacobian)
    reached = kinematics.pose(q + move)
    return IkStep(q + move, reached, _shortfall(reached, target, causes))


def _move(
    kinematics: 'Kinematics',
    config: IkConfig,
    q: np.ndarray,
    seconds: float,
    error: np.ndarray,
    jacobian: np.ndarray,
) -> tuple[np.ndarray, list[str]]:
    """Return the displacement (n,) of the joints [rad], and what may limit it."""
    limits = kinematics.limits.within(config.margin, config.speed)
    low, high = np.minimum(limits.lower - q, 0), np.maximum(limits.upper - q, 0)
    free, causes = np.ones(len(q), bool), []
    error = clip_norm(error, MAX_STEP)
    move, smallest = _solve(jacobian, error, config, _to_centre(limits, q))
    if smallest < config.singularity:
        causes.append(f'near a singularity, {smallest:.3f} is below {config.singularity}')
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
        move[free] = _solve(jacobian[:, free], rest, config)[0]
    if overspeed.max() > 1:
        fastest = int(overspeed.argmax())
        speed = limits.velocity[fastest]
        causes.append(f'{kinematics.joints[fastest]} is at its speed limit of {speed:.3f}')
    return move, causes


def _solve(
    jacobian: np.ndarray,
    error: np.ndarray,
    config: IkConfig,
    null_motion: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """Return the joint displacement (m,) that removes the error, and the smallest singular value.

    The projection of `null_motion` into the null space is added, in proportion to the motion.
    """
    left, values, right = np.linalg.svd(jacobian)
    row_space = right[: len(values)]
    gains = values / np.maximum(values, config.singularity) ** 2
    move = row_space.T @ (gains * (left[:, : len(values)].T @ error))
    null_space = right[len(values) :]
    if null_motion is not None and len(null_space):
        drift = null_space.T @ (null_space @ null_motion)
        move = move + clip_norm(drift, config.centring * float(np.linalg.norm(move)))
    return move, float(values[-1])


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
