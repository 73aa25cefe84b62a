"""Differential inverse kinematics: its limits hold whatever is asked, and it arrives."""

import re
from dataclasses import replace

import numpy as np
import pytest
from descriptions import ARMS, Described
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros import geometry
from robo_dopamine_ros.arms.differential_ik import ERROR_WEIGHTS, IkConfig, IkStep, ik_step
from robo_dopamine_ros.arms.joint_motion import JointMotion, at_rest
from robo_dopamine_ros.types import Pose

TICK = 0.02  # [s]
MOTION = IkConfig()
shares = st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7).map(np.array)
twists = st.lists(st.floats(-3.0, 3.0), min_size=6, max_size=6).map(np.array)
each_arm = pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)


def distance(start: Pose, goal: Pose) -> float:
    return float(np.linalg.norm(geometry.pose_difference(start, goal)))


def follow(
    arm: Described, q: np.ndarray, target: Pose, ticks: int, motion: IkConfig = MOTION
) -> list:
    """Go for the target; gives every step."""
    steps: list[IkStep] = []
    joints = at_rest(q)
    for _ in range(ticks):
        steps.append(ik_step(arm.kinematics, motion, joints, target, TICK, target))
        joints = steps[-1].motion
    return steps


def assert_bounded(before: JointMotion, after: JointMotion, seconds: float) -> None:
    step = after.positions - before.positions
    change = step / seconds - before.velocities
    assert (np.abs(step) <= MOTION.speed * seconds * 1.000001 + 1e-12).all()
    assert (np.abs(change) <= MOTION.acceleration * seconds * 1.000001 + 1e-9).all()


walks = st.lists(
    st.tuples(
        st.lists(st.floats(-1.5, 1.5), min_size=6, max_size=6).map(np.array),  # way to the target
        st.sampled_from([0.02, 0.02, 0.02, 0.005, 0.1, 0.25]),  # until the next step [s]
        st.booleans(),  # whether the target before is known
    ),
    min_size=1,
    max_size=25,
)


@each_arm
@settings(max_examples=120, deadline=None)
@given(share=shares, singular=st.booleans(), walk=walks)
def test_speed_acceleration_and_limits_hold_together(
    arm: Described, share: np.ndarray, singular: bool, walk: list
) -> None:
    """Whatever is asked of it, in whatever rhythm, near singularities too."""
    limits = arm.kinematics.limits.within(MOTION.margin, MOTION.speed)
    q = limits.lower + share[: len(arm.joints)] * (limits.upper - limits.lower)
    if singular:  # two axes of the wrist in line, or the elbow straight
        q[-2] = np.clip(0.01, limits.lower[-2], limits.upper[-2])
        q[2] = np.clip(0.01, limits.lower[2], limits.upper[2])
    motion, before = at_rest(q), None
    for way, seconds, known in walk:
        target = geometry.integrate_twist(arm.kinematics.pose(motion.positions), way, 0.1)
        done = ik_step(arm.kinematics, MOTION, motion, target, seconds, before)
        assert_bounded(motion, done.motion, seconds)
        assert (limits.lower - 1e-9 <= done.joints).all()
        assert (done.joints <= limits.upper + 1e-9).all()
        motion, before = done.motion, target if known else None


@each_arm
@settings(max_examples=30, deadline=None)
@given(twist=twists)
def test_it_stops_at_a_target_at_rest_and_does_not_swing(arm: Described, twist: np.ndarray) -> None:
    q = np.array(arm.home)
    target = geometry.integrate_twist(arm.kinematics.pose(q), twist, 0.05)
    steps = follow(arm, q, target, 400)
    gaps = [
        float(np.linalg.norm(ERROR_WEIGHTS * geometry.pose_difference(step.pose, target)))
        for step in steps
    ]
    assert gaps[-1] < 1e-3 or steps[-1].reason
    nearest = int(np.argmin(gaps))
    assert max(gaps[nearest:]) - gaps[nearest] < 5e-3
    assert np.abs(steps[-1].motion.velocities).max() < 0.05 or steps[-1].reason


@each_arm
@settings(max_examples=150, deadline=None)
@given(share=shares, twist=twists, seconds=st.sampled_from([0.0, 1e-4, 0.01, 0.02, 0.25]))
def test_no_target_breaks_a_limit(
    arm: Described, share: np.ndarray, twist: np.ndarray, seconds: float
) -> None:
    limits = arm.kinematics.limits.within(MOTION.margin, MOTION.speed)
    q = limits.lower + share[: len(arm.joints)] * (limits.upper - limits.lower)
    target = geometry.integrate_twist(arm.kinematics.pose(q), twist, 1.0)
    done = ik_step(arm.kinematics, MOTION, at_rest(q), target, seconds)
    assert np.isfinite(done.joints).all()
    assert (np.abs(done.joints - q) <= limits.velocity * seconds + 1e-12).all()
    assert (limits.lower - 1e-12 <= done.joints).all()
    assert (done.joints <= limits.upper + 1e-12).all()
    assert distance(arm.kinematics.pose(done.joints), done.pose) < 1e-9


@each_arm
@settings(max_examples=50, deadline=None)
@given(share=shares)
def test_it_rests_where_it_should_be(arm: Described, share: np.ndarray) -> None:
    q = arm.within(share)  # at and beyond its limits too, which are no reason to move
    done = ik_step(arm.kinematics, MOTION, at_rest(q), arm.kinematics.pose(q), TICK)
    np.testing.assert_allclose(done.joints, q, atol=1e-9)
    assert done.reason == ''


@each_arm
@settings(max_examples=30, deadline=None)
@given(twist=twists)
def test_it_arrives(arm: Described, twist: np.ndarray) -> None:
    q = np.array(arm.home)
    target = geometry.integrate_twist(arm.kinematics.pose(q), twist, 0.01)
    steps = follow(arm, q, target, 40)
    assert distance(steps[-1].pose, target) < 1e-6
    assert steps[-1].reason == ''


def test_joints_that_are_too_slow_say_so_and_keep_the_direction() -> None:
    arm, slow = ARMS['ur5e'], IkConfig(speed=0.1, acceleration=1000.0)
    q = np.array(arm.home)
    start = arm.kinematics.pose(q)
    target = geometry.integrate_twist(start, np.array([0.05, 0.02, -0.03, 0, 0, 0]), 1.0)
    done = ik_step(arm.kinematics, slow, at_rest(q), target, TICK)
    made, asked = (geometry.pose_difference(start, pose)[:3] for pose in (done.pose, target))
    assert np.abs(done.joints - q).max() == pytest.approx(0.1 * TICK)
    assert made @ asked == pytest.approx(np.linalg.norm(made) * np.linalg.norm(asked), rel=1e-3)
    assert done.reason.endswith('short of the target: elbow_joint is at its speed limit of 0.100')


def test_a_joint_at_its_limit_stays_there_and_is_named() -> None:
    arm = ARMS['piper']
    q = np.array(arm.home)
    target = geometry.integrate_twist(arm.kinematics.pose(q), np.array([0, 0, 0, 0, 0, 1.0]), 2.5)
    last = follow(arm, q, target, 400)[-1]
    upper = arm.kinematics.limits.upper - MOTION.margin
    ended = np.flatnonzero(upper - last.joints < 1e-6)
    assert len(ended)
    for i in ended:
        assert f'{arm.joints[i]} is at its limit of {upper[i]:.3f}' in last.reason


def test_a_joint_beyond_its_limit_goes_no_further() -> None:
    arm = ARMS['piper']
    q = np.array(arm.home)
    q[1] = beyond = arm.kinematics.limits.upper[1] + 0.1
    start = arm.kinematics.pose(q)
    jacobian = arm.kinematics.pose_and_jacobian(q)[1]
    out, back = (geometry.integrate_twist(start, way * jacobian[:, 1], 0.1) for way in (1, -1))
    rest = at_rest(q)
    assert ik_step(arm.kinematics, MOTION, rest, out, TICK).joints[1] <= beyond
    assert ik_step(arm.kinematics, MOTION, rest, back, TICK).joints[1] < beyond


@pytest.mark.parametrize('sideways', [0.0, 0.02])
def test_through_a_singularity_in_bounds(sideways: float) -> None:
    """The wrist of a UR passes the posture in which two of its axes are one."""
    arm = ARMS['ur5e']
    q = np.array([0.3, -1.6, 1.9, -1.9, -0.25, 0.2])
    start, end = (arm.kinematics.pose(q + np.array([0, 0, 0, 0, s, 0])) for s in (0, 0.5))
    way = geometry.pose_difference(start, end) + np.array([0, sideways, 0, 0, 0, 0])
    ticks = 120
    reasons, worst, motion, before = [], 0.0, at_rest(q), start
    for tick in range(ticks + 100):
        target = geometry.integrate_twist(start, way, min(1.0, tick / ticks))
        done = ik_step(arm.kinematics, MOTION, motion, target, TICK, before)
        assert_bounded(motion, done.motion, TICK)
        motion, before = done.motion, target
        reasons.append(done.reason)
        worst = max(worst, float(np.linalg.norm(geometry.pose_difference(done.pose, target)[:3])))
    assert distance(done.pose, target) < 1e-3
    assert worst < 0.03
    assert any('near a singularity' in reason for reason in reasons) or worst < 1e-3


@each_arm
def test_out_of_reach_it_comes_to_rest(arm: Described) -> None:
    q = np.array(arm.home)
    start = arm.kinematics.pose(q)
    target = replace(start, position=start.position + np.array([2.0, 0.0, 0.3]))
    steps = follow(arm, q, target, 1500)
    gaps = [float(np.linalg.norm(geometry.pose_difference(s.pose, target)[:3])) for s in steps]
    assert gaps[-1] < gaps[0] - 0.05
    assert np.abs(steps[-1].joints - steps[-50].joints).max() < 0.02
    assert 'short of the target' in steps[-1].reason


def test_a_seventh_joint_leaves_its_limits_and_the_tool_does_not_notice() -> None:
    arm = ARMS['fr3']
    q = np.array(arm.home)
    start = arm.kinematics.pose(q)
    limits = arm.kinematics.limits
    ends = {}
    for centring in (0.0, 0.3):
        joints, before = at_rest(q), start
        for tick in range(500):
            phase = 2 * np.pi * tick / 125
            away = np.array([0.05 * np.sin(phase), 0.05 * (1 - np.cos(phase)), 0, 0, 0, 0])
            target = geometry.integrate_twist(start, away, 1.0)
            config = IkConfig(centring=centring)
            done = ik_step(arm.kinematics, config, joints, target, TICK, before)
            joints, before = done.motion, target
            assert distance(done.pose, target) < 2e-3
        middle = (limits.lower + limits.upper) / 2
        ends[centring] = float(np.linalg.norm(joints.positions - middle))
    assert ends[0.3] < ends[0.0] - 0.03


@pytest.mark.parametrize(
    ('wrong', 'words'),
    [
        ({'speed': 0.0}, 'speed = 0.0; it must be above 0'),
        ({'singularity': float('nan')}, 'singularity = nan; it must be above 0'),
        ({'acceleration': 0.0}, 'acceleration = 0.0; it must be above 0'),
        ({'margin': -0.1}, 'margin = -0.1; it must be 0 or more'),
        ({'centring': 1.5}, 'centring = 1.5; it must lie in 0..1'),
    ],
)
def test_wrong_parameters(wrong: dict, words: str) -> None:
    with pytest.raises(ValueError, match=f'^{re.escape(words)}$'):
        IkConfig(**wrong)
