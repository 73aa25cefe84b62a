"""Rotations and poses in ROS conventions: quaternions x, y, z, w; rotation vectors [rad]; braking.

Written in plain floats: for single vectors and quaternions that is ten times faster than SciPy.
"""

import math
from typing import Any

import numpy as np

from robo_dopamine_ros.types import Pose

IDENTITY_QUATERNION = np.array([0.0, 0.0, 0.0, 1.0])
QUATERNION_TOLERANCE = 0.01  # by which the length of a measured quaternion may differ from 1
Quaternion = tuple[float, float, float, float]


def rotate_vector(vector: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Express a vector (3,) of a frame with this orientation in the parent frame."""
    return _rotate(vector, _unit(orientation))


def rotate_vector_inverse(vector: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Express a vector (3,) of the parent frame in a frame with this orientation."""
    return _rotate(vector, _inverse(_unit(orientation)))


def apply_rotation(orientation: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Rotate an orientation by a rotation vector (3,) [rad] of the parent frame."""
    x, y, z = map(float, rotation)
    angle = math.hypot(x, y, z)
    scale = math.sin(angle / 2) / angle if angle else 0.5
    step = (x * scale, y * scale, z * scale, math.cos(angle / 2))
    return np.array(_unit(_product(step, _unit(orientation))))


def rotation_between(start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return the shortest rotation vector (3,) [rad], parent frame, from `start` to `goal`."""
    x, y, z, w = _product(_unit(goal), _inverse(_unit(start)))
    if w < 0:
        x, y, z, w = -x, -y, -z, -w
    half = math.hypot(x, y, z)
    scale = 2 * math.atan2(half, w) / half if half else 2.0
    return np.array((x * scale, y * scale, z * scale))


def integrate_twist(pose: Pose, twist: np.ndarray, seconds: float) -> Pose:
    """Move a pose with a twist (6,) [m/s, rad/s] of the parent frame for some time."""
    position = pose.position + twist[:3] * seconds
    return Pose(position, apply_rotation(pose.orientation, twist[3:] * seconds))


def pose_difference(start: Pose, goal: Pose) -> np.ndarray:
    """Return translation and rotation vector (6,) [m, rad], parent frame, from start to goal."""
    rotation = rotation_between(start.orientation, goal.orientation)
    return np.concatenate([goal.position - start.position, rotation])


def rotate_twist(twist: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Express a twist (6,) of a frame with this orientation in the parent frame, same point."""
    linear, angular = twist[:3], twist[3:]
    return np.concatenate([rotate_vector(linear, orientation), rotate_vector(angular, orientation)])


def vector_norm(vector: np.ndarray) -> float:
    """Euclidean norm of a vector."""
    return math.hypot(*vector.tolist())


def clip_norm(vector: np.ndarray, max_norm: float) -> np.ndarray:
    """Shorten a vector to `max_norm`, in its direction."""
    norm = vector_norm(vector)
    return vector if norm <= max_norm else vector * (max_norm / norm)


def limit_twist(twist: np.ndarray, speed: float, angular_speed: float) -> np.ndarray:
    """Limit both parts of a twist (6,) to these speeds [m/s, rad/s], each in its direction."""
    return np.concatenate([clip_norm(twist[:3], speed), clip_norm(twist[3:], angular_speed)])


def stoppable_speed(distance: Any, deceleration: float, seconds: float) -> Any:
    """Return the speed that ends within a distance when braked after one tick at it; 0 beyond.

    Distances are a number or an array, in any unit of length or angle; `seconds` is one tick.
    """
    lost = deceleration * seconds
    return np.sqrt(lost * lost + 2 * deceleration * np.maximum(distance, 0.0)) - lost


def _unit(orientation: np.ndarray | Quaternion) -> Quaternion:
    """Normalize a quaternion; ValueError for length 0."""
    x, y, z, w = map(float, orientation)
    norm = math.hypot(x, y, z, w)
    if norm == 0:
        raise ValueError('a quaternion of length 0 is no orientation')
    return x / norm, y / norm, z / norm, w / norm


def _inverse(q: Quaternion) -> Quaternion:
    x, y, z, w = q
    return -x, -y, -z, w


def _product(a: Quaternion, b: Quaternion) -> Quaternion:
    """Rotation by `b`, then by `a`."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def _rotate(vector: np.ndarray, q: Quaternion) -> np.ndarray:
    x, y, z = map(float, vector)
    rotated = _product(_product(q, (x, y, z, 0.0)), _inverse(q))
    return np.array(rotated[:3])
