"""Rotations in MuJoCo's convention: unit quaternions w, x, y, z, and rotation vectors [rad].

`geometry` has the same functions for the x, y, z, w of ROS.
"""

import mujoco
import numpy as np

FLIP_X = np.array([0.0, 1.0, 0.0, 0.0])  # half a turn about x: z up to z down and back


def yaw_quaternion(yaw: float) -> np.ndarray:
    """Quaternion of a rotation about z [rad]."""
    return np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])


def multiply(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Product of two quaternions: `second` is expressed in the frame of `first`."""
    out = np.zeros(4)
    mujoco.mju_mulQuat(out, first, second)
    return out


def apply_rotation(quat: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Rotate a quaternion by a rotation vector of the base frame."""
    angle = float(np.sqrt(turn @ turn))
    by = np.array([1.0, 0, 0, 0])
    if angle > 0:
        mujoco.mju_axisAngle2Quat(by, turn / angle, angle)
    return multiply(by, quat)


def rotation_between(start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Shortest rotation vector, in the base frame, from `start` to `goal`."""
    back, turn = np.zeros(4), np.zeros(3)
    mujoco.mju_negQuat(back, start)
    mujoco.mju_quat2Vel(turn, multiply(goal, back), 1.0)
    return turn


def rotate_vector(vector: np.ndarray, quat: np.ndarray) -> np.ndarray:
    """Transform a vector (3,) from a frame of this orientation into the base frame."""
    out = np.zeros(3)
    mujoco.mju_rotVecQuat(out, vector, quat)
    return out


def clip_norm(vector: np.ndarray, length: float) -> np.ndarray:
    """Scale a vector down to at most `length`."""
    norm = float(np.sqrt(vector @ vector))
    return vector if norm <= length else vector * (length / norm)
