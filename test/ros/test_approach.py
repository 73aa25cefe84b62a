"""The way to the start: it gets there, never faster than allowed, and up before across."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.geometry import moved, turned
from robo_dopamine_ros.ros.approach import Approach, StartPose, distance, towards
from robo_dopamine_ros.types import Pose

START = StartPose()
DT = 0.2  # [s]
PLACES = st.tuples(*[st.floats(-0.5, 0.5)] * 3)
TURNS = st.tuples(*[st.floats(-1.5, 1.5)] * 3)


def pose(place, turn) -> Pose:
    goal = START.pose
    return Pose(goal.position + np.array(place), turned(goal.orientation, np.array(turn)))


@settings(max_examples=40, deadline=None)
@given(PLACES, TURNS)
def test_it_arrives_within_the_limits(place, turn) -> None:
    here, approach = pose(place, turn), Approach(START)
    for tick in range(100):
        twist = approach.update(here, tick * DT)
        assert np.linalg.norm(twist[:3]) <= START.speed + 1e-9
        assert np.linalg.norm(twist[3:]) <= START.turning + 1e-9
        if approach.arrived:
            break
        here = moved(here, twist, DT)
    metres, radians = distance(here, START.pose)
    assert approach.arrived
    assert metres <= START.tolerance
    assert radians <= START.tolerance_turn


@given(PLACES, TURNS)
def test_the_farther_the_faster_and_always_nearer(place, turn) -> None:
    here = pose(place, turn)
    there = moved(here, towards(here, START.pose, START), DT)
    for now, before in zip(distance(there, START.pose), distance(here, START.pose), strict=True):
        assert now <= before + 1e-9


def test_it_rises_first_but_not_above_the_start() -> None:
    low = pose((0.1, 0.0, -0.3), (0.0, 0.0, 0.0))
    assert Approach(START).update(low, 0.0) == pytest.approx([0, 0, START.speed, 0, 0, 0])
    high = pose((0.1, 0.0, 0.2), (0.0, 0.0, 0.0))
    assert Approach(START).update(high, 0.0)[2] < 0


def test_to_be_there_it_must_stay() -> None:
    approach = Approach(START)
    assert not approach.update(START.pose, 0.0).any()
    assert not approach.arrived
    approach.update(pose((0.1, 0.0, 0.0), (0.0, 0.0, 0.0)), 0.2)
    approach.update(START.pose, 0.3)
    approach.update(START.pose, 0.5)
    assert not approach.arrived
    approach.update(START.pose, 0.6)
    assert approach.arrived


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ({'position': (0.1, 0.2)}, r'position = \(0.1, 0.2\); it must be x, y, z'),
        ({'orientation': (1.0, 1.0, 0.0, 0.0)}, 'it must be a unit quaternion'),
        ({'speed': float('nan')}, 'speed = nan; it must be above 0'),
        ({'rise': -0.1}, 'rise = -0.1 m; it must be 0 or more'),
        ({'gripper': 2.0}, 'gripper = 2.0; it must be at most 1'),
    ],
)
def test_strange_starts_are_refused(change, text) -> None:
    with pytest.raises(ValueError, match=text):
        replace(START, **change)
