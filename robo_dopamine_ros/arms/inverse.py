"""Differential inverse kinematics: one bounded step of the joints towards a pose of the tool.

Least squares by the singular values of the Jacobian, damped only in directions that are almost
lost, as Chiaverini, Siciliano and Egeland (1994) filter them.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.geometry import between, clipped
from robo_dopamine_ros.types import Pose

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.kinematics import JointLimits, Kinematics

REACH = 0.2  # a turn counts as much as the way it moves a point this far from the tool [m]
WEIGHTS = np.array([1.0, 1.0, 1.0, REACH, REACH, REACH])
NEAR = 5e-4  # weighted distance at which the tool is there [m]
STRIDE = 8e-3  # weighted way of the tool at most; longer, and joints chatter at a singularity [m]


@dataclass(frozen=True)
class JointMotion:
    """How the joints may move towards a target of the tool."""

    speed: float = 1.0  # of each joint at most, where the URDF does not allow less [rad/s]
    margin: float = 0.05  # kept from the joint limits of the URDF [rad]
    singularity: float = 0.04  # singular value below which a direction is damped [m/rad]
    centring: float = 0.3  # how much of its motion a seventh joint uses to leave its limits, 0..1
    lead: float = 0.25  # of a joint sent before it is measured, beyond which it is stuck [rad]

    def __post_init__(self) -> None:
        for name in ('speed', 'singularity', 'lead'):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be above 0')
        if not 0 <= self.margin < math.inf:
            raise ValueError(f'margin = {self.margin}; it must be 0 or more')
        if not 0 <= self.centring <= 1:
            raise ValueError(f'centring = {self.centring}; it must lie in 0..1')


@dataclass(frozen=True)
class Step:
    """Where the joints go next."""

    joints: np.ndarray  # (n,) [rad]
    pose: Pose  # of the tool when they are there
    reason: str = ''  # why that is short of the target


def step(
    kinematics: 'Kinematics', motion: JointMotion, q: np.ndarray, target: Pose, seconds: float
) -> Step:
    """Give the joints after `seconds` on their way from `q` to the target.

    No joint is faster than it may be. None leaves its limits; one that is beyond them goes no
    further, and is not made to return. All rest while the tool is where it should be.
    """
    pose, jacobian = kinematics.pose_and_jacobian(q)
    if seconds <= 0:
        return Step(q, pose)
    error, jacobian = WEIGHTS * between(pose, target), WEIGHTS[:, None] * jacobian
    move, causes = _move(kinematics, motion, q, seconds, error, jacobian)
    reached = kinematics.pose(q + move)
    return Step(q + move, reached, _shortfall(reached, target, causes))


def _move(
    kinematics: 'Kinematics',
    motion: JointMotion,
    q: np.ndarray,
    seconds: float,
    error: np.ndarray,
    jacobian: np.ndarray,
) -> tuple[np.ndarray, list[str]]:
    """Give the way of every joint, and what may keep it short of what was asked."""
    limits = kinematics.limits.within(motion.margin, motion.speed)
    low, high = np.minimum(limits.lower - q, 0), np.maximum(limits.upper - q, 0)
    free, causes = np.ones(len(q), bool), []
    error = clipped(error, STRIDE)
    move, smallest = _solution(jacobian, error, motion, _to_the_middle(limits, q))
    if smallest < motion.singularity:
        causes.append(f'near a singularity, {smallest:.3f} is below {motion.singularity}')
    while True:
        haste = np.abs(move) / (limits.velocity * seconds)
        move = move / max(1.0, haste.max())  # all of them: the tool keeps its direction
        stuck = free & ((move < low) | (move > high))
        for i in np.flatnonzero(stuck):
            edge = (limits.lower if move[i] < low[i] else limits.upper)[i]
            causes.append(f'{kinematics.joints[i]} is at its limit of {edge:.3f}')
        move, free = np.clip(move, low, high), free & ~stuck
        if not stuck.any() or not free.any():
            break
        rest = error - jacobian[:, ~free] @ move[~free]
        move[free] = _solution(jacobian[:, free], rest, motion)[0]
    if haste.max() > 1:
        fastest = int(haste.argmax())
        speed = limits.velocity[fastest]
        causes.append(f'{kinematics.joints[fastest]} is at its speed limit of {speed:.3f}')
    return move, causes


def _solution(
    jacobian: np.ndarray, error: np.ndarray, motion: JointMotion, pull: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Give the joints' way (m,) that undoes the error, and the smallest singular value.

    Joints that can move while the tool rests are drawn along `pull`, in proportion to the motion.
    """
    left, values, right = np.linalg.svd(jacobian)
    ways = right[: len(values)]
    gains = values / np.maximum(values, motion.singularity) ** 2
    move = ways.T @ (gains * (left[:, : len(values)].T @ error))
    idle = right[len(values) :]
    if pull is not None and len(idle):
        drift = idle.T @ (idle @ pull)
        move = move + clipped(drift, motion.centring * float(np.linalg.norm(move)))
    return move, float(values[-1])


def _to_the_middle(limits: 'JointLimits', q: np.ndarray) -> np.ndarray:
    """Give the way of every joint to the middle of its limits; none where it has no limits."""
    ways, bound = np.zeros_like(q), np.isfinite(limits.upper - limits.lower)
    ways[bound] = (limits.lower[bound] + limits.upper[bound]) / 2 - q[bound]
    return ways


def _shortfall(reached: Pose, target: Pose, causes: list[str]) -> str:
    gap = between(reached, target)
    if np.linalg.norm(WEIGHTS * gap) < NEAR:
        return ''
    way, turn = (float(np.linalg.norm(part)) for part in (gap[:3], gap[3:]))
    short = f'{1e3 * way:.1f} mm and {math.degrees(turn):.1f} deg short of the target'
    return f'{short}: {", ".join(causes)}' if causes else short
