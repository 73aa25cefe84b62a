"""Rotations and poses as ROS writes them: quaternions x, y, z, w, rotation vectors [rad]."""

import numpy as np
from scipy.spatial.transform import Rotation

from robo_dopamine_ros.types import Pose

IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])


def rotated(vector: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Vector (3,) of a frame with this orientation, seen from the frame's parent."""
    return Rotation.from_quat(orientation).apply(vector)


def unrotated(vector: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Vector (3,) of the parent, seen from a frame with this orientation."""
    return Rotation.from_quat(orientation).inv().apply(vector)


def turned(orientation: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Orientation turned by a rotation vector in the parent frame."""
    return (Rotation.from_rotvec(turn) * Rotation.from_quat(orientation)).as_quat()


def turn_between(start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Rotation vector (3,) in the parent frame that turns `start` into `goal`, the short way."""
    return (Rotation.from_quat(goal) * Rotation.from_quat(start).inv()).as_rotvec()


def moved(pose: Pose, twist: np.ndarray, seconds: float) -> Pose:
    """Pose after following a twist (6,) [m/s, rad/s] of the parent frame for some time."""
    return Pose(pose.position + twist[:3] * seconds, turned(pose.orientation, twist[3:] * seconds))


def between(start: Pose, goal: Pose) -> np.ndarray:
    """Step and turn (6,) [m, rad] in the parent frame that lead from `start` to `goal`."""
    turn = turn_between(start.orientation, goal.orientation)
    return np.concatenate([goal.position - start.position, turn])


def rotated_twist(twist: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Twist (6,) of a frame with this orientation, seen from the parent at the same point."""
    return np.concatenate([rotated(twist[:3], orientation), rotated(twist[3:], orientation)])


def clipped(vector: np.ndarray, length: float) -> np.ndarray:
    """Vector in its direction, no longer than `length`."""
    norm = float(np.linalg.norm(vector))
    return vector if norm <= length else vector * (length / norm)
