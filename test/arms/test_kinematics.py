"""Forward kinematics of real arms against their published geometry, and the laws of Jacobians."""

from collections.abc import Callable

import numpy as np
import pytest
from descriptions import ARMS, Described
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros import geometry
from robo_dopamine_ros.arms.kinematics import Kinematics, KinematicsError

UR5E_DH = (  # d, a, alpha of each joint as the maker publishes them [m, rad]
    (0.1625, 0.0, np.pi / 2),
    (0.0, -0.425, 0.0),
    (0.0, -0.3922, 0.0),
    (0.1333, 0.0, np.pi / 2),
    (0.0997, 0.0, -np.pi / 2),
    (0.0996, 0.0, 0.0),
)
fractions = st.lists(st.floats(0.02, 0.98), min_size=7, max_size=7).map(np.array)
each_arm = pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)


def denavit_hartenberg(q: np.ndarray) -> np.ndarray:
    """Pose (4, 4) of the flange of a UR5e in its frame `base`."""
    whole = np.eye(4)
    for angle, (d, a, alpha) in zip(q, UR5E_DH, strict=True):
        c, s, ca, sa = np.cos(angle), np.sin(angle), np.cos(alpha), np.sin(alpha)
        whole = whole @ [
            [c, -s * ca, s * sa, a * c],
            [s, c * ca, -c * sa, a * s],
            [0.0, sa, ca, d],
            [0.0, 0.0, 0.0, 1.0],
        ]
    return whole


@settings(max_examples=50, deadline=None)
@given(fractions)
def test_ur_agrees_with_the_published_geometry(share: np.ndarray) -> None:
    arm = ARMS['ur5e']
    q = arm.within(share)
    expected = denavit_hartenberg(q)
    pose = arm.kinematics.pose(q)
    np.testing.assert_allclose(pose.position, expected[:3, 3], atol=1e-6)
    for axis in np.eye(3):
        found = geometry.rotate_vector(axis, pose.orientation)
        np.testing.assert_allclose(found, expected[:3, :3] @ axis, atol=1e-6)


@pytest.mark.parametrize(
    ('arm', 'q', 'position'),
    [
        ('piper', [0.0] * 6, [0.0561, 0.0, 0.2132]),
        ('fr3', [0, -np.pi / 4, 0, -3 * np.pi / 4, 0, np.pi / 2, np.pi / 4], [0.3069, 0.0, 0.5903]),
    ],
)
def test_known_postures(arm: str, q: list[float], position: list[float]) -> None:
    found = ARMS[arm].kinematics.pose(np.array(q)).position
    np.testing.assert_allclose(found, position, atol=1e-3)


@each_arm
@settings(max_examples=25, deadline=None)
@given(share=fractions)
def test_jacobian_is_the_derivative_of_the_pose(arm: Described, share: np.ndarray) -> None:
    q = arm.within(share)
    jacobian = arm.kinematics.pose_and_jacobian(q)[1]
    assert jacobian.shape == (6, len(q))
    step = 1e-6
    for joint, column in enumerate(jacobian.T):
        ahead, behind = (arm.kinematics.pose(q + s * step * np.eye(len(q))[joint]) for s in (1, -1))
        np.testing.assert_allclose(
            geometry.pose_difference(behind, ahead) / (2 * step), column, atol=1e-6
        )


def test_order_of_names_is_the_order_of_joints() -> None:
    arm = ARMS['piper']
    reversed_arm = Kinematics(arm.text, arm.joints[::-1], arm.base, arm.tool)
    q = arm.within(np.linspace(0.2, 0.8, 7))
    assert np.array_equal(reversed_arm.pose(q[::-1]).position, arm.kinematics.pose(q).position)
    jacobian = arm.kinematics.pose_and_jacobian(q)[1]
    assert np.array_equal(reversed_arm.pose_and_jacobian(q[::-1])[1], jacobian[:, ::-1])
    assert np.array_equal(reversed_arm.limits.upper, arm.kinematics.limits.upper[::-1])


def test_offset_leads_from_the_link_to_the_tool() -> None:
    arm = ARMS['piper']
    q = arm.within(np.linspace(0.2, 0.8, 7))
    offset = (0.0, 0.01, 0.2, 0.1, -0.2, 0.3)
    moved = Kinematics(arm.text, arm.joints, arm.base, arm.tool, offset).pose(q)
    link = arm.kinematics.pose(q)
    away = geometry.rotate_vector(np.array(offset[:3]), link.orientation)
    np.testing.assert_allclose(moved.position, link.position + away)
    x, y, z = (
        geometry.apply_rotation(geometry.IDENTITY_QUATERNION, turn) for turn in np.diag(offset[3:])
    )
    turns = (  # about the fixed axes x, y, z in this order
        geometry.rotate_vector(geometry.rotate_vector(geometry.rotate_vector(axis, x), y), z)
        for axis in np.eye(3)
    )
    for axis, turn in zip(np.eye(3), turns, strict=True):
        expected = geometry.rotate_vector(turn, link.orientation)
        np.testing.assert_allclose(
            geometry.rotate_vector(axis, moved.orientation), expected, atol=1e-12
        )


def test_limits_come_from_the_description() -> None:
    limits = ARMS['piper'].kinematics.limits
    assert (limits.lower[1], limits.upper[1], limits.velocity[1]) == (0.0, 3.14, 5.0)
    inner = limits.within(0.1, 1.5)
    assert (inner.lower[1], inner.upper[1], inner.velocity[1]) == (0.1, 3.04, 1.5)
    narrow = limits.within(2.0, 9.0)
    assert narrow.lower[1] == narrow.upper[1] == 1.57  # a margin never turns limits around
    assert narrow.velocity[1] == 5.0


ENDLESS = """
<robot name="turntable">
  <link name="world"/><link name="rail"/><link name="table"/><link name="plate"/>
  <joint name="slide" type="prismatic">
    <parent link="world"/><child link="rail"/><axis xyz="1 0 0"/>
    <limit lower="-1" upper="1" velocity="0" effort="1"/>
  </joint>
  <joint name="spin" type="continuous">
    <parent link="rail"/><child link="table"/><axis xyz="0 0 1"/>
  </joint>
  <joint name="fixed" type="fixed">
    <parent link="table"/><child link="plate"/><origin xyz="0.5 0 0"/>
  </joint>
</robot>
"""


def test_endless_and_sliding_joints() -> None:
    kinematics = Kinematics(ENDLESS, ('spin', 'slide'), 'world', 'plate')
    np.testing.assert_allclose(kinematics.limits.upper, [np.inf, 1.0])
    np.testing.assert_allclose(kinematics.limits.velocity, [np.inf, np.inf])
    assert np.array_equal(kinematics.limits.within(0.1, 1.0).lower, [-np.inf, -0.9])
    for turns in (0, 3):
        q = np.array([np.pi / 2 + turns * 2 * np.pi, 0.3])
        np.testing.assert_allclose(kinematics.pose(q).position, [0.3, 0.5, 0.0], atol=1e-12)
        expected = [[-0.5, 1], [0, 0], [0, 0], [0, 0], [0, 0], [1, 0]]
        np.testing.assert_allclose(kinematics.pose_and_jacobian(q)[1], expected, atol=1e-12)


def test_what_carries_the_base_does_not_matter() -> None:
    kinematics = Kinematics(ENDLESS, ('spin',), 'rail', 'plate')
    np.testing.assert_allclose(kinematics.pose(np.array([np.pi])).position, [-0.5, 0, 0], atol=1e-9)


UR5E = ARMS['ur5e']
REFUSALS: dict[str, tuple[Callable[[], Kinematics], str]] = {
    'no such link': (
        lambda: Kinematics(UR5E.text, UR5E.joints, 'base', 'tcp'),
        'the URDF has no link tcp; there are world, base_link, base, ',
    ),
    'a joint too few': (
        lambda: Kinematics(ENDLESS, ('spin',), 'world', 'plate'),
        'joints = spin; from world to plate they must be slide, spin',
    ),
    'no joint between': (
        lambda: Kinematics(ENDLESS, (), 'table', 'plate'),
        'from table to plate they must be some, there are none',
    ),
    'the wrong way round': (
        lambda: Kinematics(ENDLESS, ('slide', 'spin'), 'plate', 'world'),
        'plate does not carry world: it moves with slide, spin',
    ),
    'no URDF': (
        lambda: Kinematics('<sdf version="1.9"/>', (), 'a', 'b'),
        'robot_description is no URDF, it begins with: <sdf version="1.9"/>',
    ),
    'an offset of the position only': (
        lambda: Kinematics(UR5E.text, UR5E.joints, 'base', 'tool0', (0.0, 0.0, 0.1)),
        'offset = (0.0, 0.0, 0.1); it must be x y z, roll pitch yaw [m, rad]',
    ),
}


@pytest.mark.parametrize('case', REFUSALS)
def test_refused_by_name(case: str) -> None:
    make, words = REFUSALS[case]
    with pytest.raises(KinematicsError) as refused:
        make()
    assert words in str(refused.value)


def test_wrong_number_of_joints() -> None:
    with pytest.raises(ValueError, match='5 joints given; there are 6'):
        UR5E.kinematics.pose(np.zeros(5))
