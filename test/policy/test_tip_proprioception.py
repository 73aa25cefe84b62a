"""Proprioception of a live policy equals that of the simulator in training."""

from dataclasses import replace

import numpy as np
import pytest

from robo_dopamine_ros.envs import insertion
from robo_dopamine_ros.envs.insertion import InsertionEnv
from robo_dopamine_ros.geometry import rotate_twist, rotate_vector
from robo_dopamine_ros.policy.loop import PolicyLoopParameters
from robo_dopamine_ros.policy.observation import (
    PROPRIOCEPTION_SIZE,
    state_at_tip,
    tip_pose,
    tip_proprioception,
)
from robo_dopamine_ros.sim.quaternion import FLIP_X, multiply
from robo_dopamine_ros.sim.scene import BOARD_POSITION, Workpiece
from robo_dopamine_ros.sim.world import World
from robo_dopamine_ros.types import ArmState, Pose

DEFAULTS = PolicyLoopParameters()


def reported(world: World) -> ArmState:
    """The arm as the simulator's driver and the gate report it: the tool, in the base frame."""
    tool, force = world.tool_pose, world.wrench[:3]
    torque = world.wrench[3:] + np.cross(world.tip - tool.position, force)
    return ArmState(
        stamp=0,
        pose=tool,
        twist=rotate_twist(world.tool_twist, tool.orientation),
        joints=np.zeros(7),
        joint_velocities=np.zeros(7),
        joint_names=tuple('abcdefg'),
        gripper=0.0,
        wrench=np.concatenate([force, torque]),
    )


def goal(world: World) -> Pose:
    """The target of the tool that puts the tip at the controller's setpoint."""
    w, x, y, z = multiply(world.setpoint.quat, FLIP_X)
    orientation = np.array([x, y, z, w])
    lever = rotate_vector(np.array([0.0, 0.0, world.workpiece.tip_offset]), orientation)
    return Pose(world.setpoint.position - lever, orientation)


@pytest.mark.parametrize('seed', range(4))
def test_the_live_state_is_that_of_the_simulator(seed):
    sim, rng = InsertionEnv(images=False), np.random.default_rng(seed)
    sim.reset(seed=seed)
    for _ in range(25):
        action = np.append(rng.uniform(-1, 1, 2), [-0.6, rng.uniform(-1, 1)])
        seen = sim.step(action)[0]['state']
        world = sim.world
        told = tip_proprioception(
            reported(world), goal(world), np.array(DEFAULTS.origin), DEFAULTS.tip_offset
        )
        np.testing.assert_allclose(told, seen, atol=2e-4)
        arm = state_at_tip(reported(world), DEFAULTS.tip_offset)
        np.testing.assert_allclose(arm.twist, world.tip_twist, atol=1e-5)
        np.testing.assert_allclose(arm.wrench, world.wrench, atol=1e-3)


def test_what_holds_for_the_simulator_is_the_default():
    assert DEFAULTS.origin == BOARD_POSITION
    assert DEFAULTS.tip_offset == Workpiece().tip_offset
    assert len(insertion.STATE_NAMES) == PROPRIOCEPTION_SIZE


def test_unknown_forces_stay_unknown_and_without_a_target_there_is_no_lead():
    sim = InsertionEnv(images=False)
    sim.reset(seed=1)
    arm = replace(reported(sim.world), wrench=np.full(6, np.nan))
    told = tip_proprioception(arm, None, np.array(DEFAULTS.origin), DEFAULTS.tip_offset)
    assert np.isnan(state_at_tip(arm, 0.1).wrench).all()
    assert not told[-6:].any()


def test_a_tool_that_works_itself_has_no_reach():
    pose = Pose(np.ones(3), np.array([0.5, 0.5, 0.5, 0.5]))
    np.testing.assert_array_equal(tip_pose(pose, 0.0).position, pose.position)
