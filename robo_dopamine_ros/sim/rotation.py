"""Rotations as MuJoCo writes them: unit quaternions w, x, y, z, and rotation vectors [rad]."""

import mujoco
import numpy as np

FLIP = np.array([0.0, 1.0, 0.0, 0.0])  # half a turn about x: z up to z down and back


def upright(yaw: float) -> np.ndarray:
    """Quaternion of a turn about z [rad]."""
    return np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])


def times(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Product of two quaternions: `second` in the frame of `first`."""
    out = np.zeros(4)
    mujoco.mju_mulQuat(out, first, second)
    return out


def turned(quat: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Quaternion turned by a rotation vector in the base frame."""
    angle = float(np.sqrt(turn @ turn))
    by = np.array([1.0, 0, 0, 0])
    if angle > 0:
        mujoco.mju_axisAngle2Quat(by, turn / angle, angle)
    return times(by, quat)


def turn_between(start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Rotation vector in the base frame that turns `start` into `goal`, the short way."""
    back, turn = np.zeros(4), np.zeros(3)
    mujoco.mju_negQuat(back, start)
    mujoco.mju_quat2Vel(turn, times(goal, back), 1.0)
    return turn


def rotated(vector: np.ndarray, quat: np.ndarray) -> np.ndarray:
    """Vector (3,) of a frame with this orientation, seen from the base frame."""
    out = np.zeros(3)
    mujoco.mju_rotVecQuat(out, vector, quat)
    return out


def clipped(vector: np.ndarray, length: float) -> np.ndarray:
    """Vector no longer than `length`."""
    norm = float(np.sqrt(vector @ vector))
    return vector if norm <= length else vector * (length / norm)
