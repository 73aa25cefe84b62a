"""Joints on their way to a target keep the tool within the limits of the gate."""

import numpy as np
import pytest
from descriptions import ARMS, Described
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.arms.differential_ik import IkConfig, ik_step
from robo_dopamine_ros.arms.joint_motion import at_rest
from robo_dopamine_ros.arms.tool_limits import ToolLimits
from robo_dopamine_ros.geometry import integrate_twist, pose_difference, vector_norm

TICK = 0.02  # [s]


@pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS.keys())
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), speed=st.floats(0.02, 0.3))
def test_a_far_target_is_approached_within_the_speeds_and_the_box(
    arm: Described, seed: int, speed: float
) -> None:
    rng = np.random.default_rng(seed)
    limits = arm.kinematics.limits
    low, high = np.maximum(limits.lower, -3), np.minimum(limits.upper, 3)
    motion = at_rest(rng.uniform(low, high))
    pose = arm.kinematics.pose(motion.positions)
    tool = ToolLimits(
        speed,
        5 * speed,
        tuple(pose.position - rng.uniform(0, 0.1, 3)),
        tuple(pose.position + rng.uniform(0, 0.1, 3)),
    )
    target = integrate_twist(pose, rng.normal(0, 0.2, 6), 1.0)
    for _ in range(60):
        step = ik_step(arm.kinematics, IkConfig(), motion, target, TICK, target, tool)
        way = pose_difference(pose, step.pose)
        assert vector_norm(way[:3]) <= 1.01 * speed * TICK + 1e-9
        assert vector_norm(way[3:]) <= 1.01 * 5 * speed * TICK + 1e-9
        assert (step.pose.position >= np.array(tool.low) - 1e-3).all()
        assert (step.pose.position <= np.array(tool.high) + 1e-3).all()
        motion, pose = step.motion, step.pose


def test_a_tool_outside_the_box_goes_no_farther_out() -> None:
    limits = ToolLimits(low=(0.0, 0.0, 0.0), high=(1.0, 1.0, 1.0))
    outwards, inwards = np.array([0.1, 0, 0, 0, 0, 0]), np.array([-0.1, 0, 0, 0, 0, 0])
    place = np.array([1.2, 0.5, 0.5])
    assert limits.share(outwards, place, TICK) < 0.01
    assert limits.share(inwards, place, TICK) == 1
    assert ToolLimits().share(1e9 * outwards, place, TICK) == 1
