"""Rotations against SciPy's, and the laws they must keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from robo_dopamine_ros import geometry
from robo_dopamine_ros.types import Pose

numbers = st.floats(-3, 3, allow_subnormal=False)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)
quaternions = (
    st.tuples(numbers, numbers, numbers, numbers)
    .map(np.array)
    .filter(lambda q: np.linalg.norm(q) > 0.1)
)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two unit quaternions are one orientation."""
    return bool(np.allclose(a * np.sign(a @ b), b, atol=1e-9))


@given(vectors, quaternions)
def test_vectors_are_seen_from_other_frames_as_scipy_sees_them(v, q) -> None:
    assert geometry.rotate_vector(v, q) == pytest.approx(Rotation.from_quat(q).apply(v))
    assert geometry.rotate_vector_inverse(geometry.rotate_vector(v, q), q) == pytest.approx(v)


@given(quaternions, vectors)
def test_turning_is_scipys(q, turn) -> None:
    expected = (Rotation.from_rotvec(turn) * Rotation.from_quat(q)).as_quat()
    assert same(geometry.apply_rotation(q, turn), expected)


@given(quaternions, quaternions)
def test_the_turn_between_leads_there_the_short_way(start, goal) -> None:
    turn = geometry.rotation_between(start, goal)
    assert np.linalg.norm(turn) <= np.pi + 1e-9
    assert same(geometry.apply_rotation(start, turn), goal / np.linalg.norm(goal))


@given(vectors, vectors, quaternions, st.floats(0.001, 0.2))
def test_what_lies_between_two_poses_is_what_moved_one_to_the_other(v, w, q, seconds) -> None:
    start = Pose(v, q / np.linalg.norm(q))
    twist = np.concatenate([w, v])
    assert geometry.pose_difference(
        start, geometry.integrate_twist(start, twist, seconds)
    ) == pytest.approx(twist * seconds, abs=1e-9)


def test_no_orientation() -> None:
    with pytest.raises(ValueError, match='length 0'):
        geometry.rotate_vector(np.ones(3), np.zeros(4))
