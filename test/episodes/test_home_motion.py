"""The motion to the home pose: it arrives, within its speed limits, and lifts first."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.episodes.home_motion import (
    HomeMotion,
    HomePose,
    pose_distance,
    proportional_twist,
)
from robo_dopamine_ros.geometry import apply_rotation, integrate_twist
from robo_dopamine_ros.types import Pose

HOME = HomePose()
DT = 0.2  # [s]
OFFSETS = st.tuples(*[st.floats(-0.5, 0.5)] * 3)
ROTATIONS = st.tuples(*[st.floats(-1.5, 1.5)] * 3)


def pose(offset, rotation) -> Pose:
    goal = HOME.pose
    return Pose(
        goal.position + np.array(offset), apply_rotation(goal.orientation, np.array(rotation))
    )


@settings(max_examples=40, deadline=None)
@given(OFFSETS, ROTATIONS)
def test_it_arrives_within_the_limits(offset, rotation) -> None:
    here, motion = pose(offset, rotation), HomeMotion(HOME)
    for tick in range(100):
        twist = motion.update(here, tick * DT)
        assert np.linalg.norm(twist[:3]) <= HOME.speed + 1e-9
        assert np.linalg.norm(twist[3:]) <= HOME.angular_speed + 1e-9
        if motion.arrived:
            break
        here = integrate_twist(here, twist, DT)
    metres, radians = pose_distance(here, HOME.pose)
    assert motion.arrived
    assert metres <= HOME.position_tolerance
    assert radians <= HOME.orientation_tolerance


@given(OFFSETS, ROTATIONS)
def test_the_twist_reduces_the_distance(offset, rotation) -> None:
    here = pose(offset, rotation)
    there = integrate_twist(here, proportional_twist(here, HOME.pose, HOME), DT)
    for now, before in zip(
        pose_distance(there, HOME.pose), pose_distance(here, HOME.pose), strict=True
    ):
        assert now <= before + 1e-9


def test_it_lifts_first_but_not_above_the_home_pose() -> None:
    low = pose((0.1, 0.0, -0.3), (0.0, 0.0, 0.0))
    assert HomeMotion(HOME).update(low, 0.0) == pytest.approx([0, 0, HOME.speed, 0, 0, 0])
    high = pose((0.1, 0.0, 0.2), (0.0, 0.0, 0.0))
    assert HomeMotion(HOME).update(high, 0.0)[2] < 0


def test_it_has_arrived_after_the_settle_time() -> None:
    motion = HomeMotion(HOME)
    assert not motion.update(HOME.pose, 0.0).any()
    assert not motion.arrived
    motion.update(pose((0.1, 0.0, 0.0), (0.0, 0.0, 0.0)), 0.2)
    motion.update(HOME.pose, 0.3)
    motion.update(HOME.pose, 0.5)
    assert not motion.arrived
    motion.update(HOME.pose, 0.6)
    assert motion.arrived


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ({'position': (0.1, 0.2)}, r'position = \(0.1, 0.2\); it must be x, y, z'),
        ({'orientation': (1.0, 1.0, 0.0, 0.0)}, 'it must be a unit quaternion'),
        ({'speed': float('nan')}, 'speed = nan; it must be above 0'),
        ({'lift_height': -0.1}, 'lift_height = -0.1 m; it must be 0 or more'),
        ({'gripper': 2.0}, 'gripper = 2.0; it must be at most 1'),
    ],
)
def test_invalid_home_poses_are_refused(change, text) -> None:
    with pytest.raises(ValueError, match=text):
        replace(HOME, **change)
