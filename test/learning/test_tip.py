"""What a live policy is told of the arm is what the simulator told it in the trainer."""

from dataclasses import replace

import numpy as np
import pytest

from robo_dopamine_ros.geometry import rotated, rotated_twist
from robo_dopamine_ros.learning.performing import PerformerParameters
from robo_dopamine_ros.learning.tip import STATE, at_tip, beyond, tip_state
from robo_dopamine_ros.sim import env
from robo_dopamine_ros.sim.env import PegInsertion
from robo_dopamine_ros.sim.rotation import FLIP, times
from robo_dopamine_ros.sim.scene import BOARD, Workpiece
from robo_dopamine_ros.sim.world import World
from robo_dopamine_ros.types import ArmState, Pose

DEFAULTS = PerformerParameters()


def reported(world: World) -> ArmState:
    """The arm as the simulator's driver and the gate report it: the tool, in the base frame."""
    tool, force = world.tool, world.wrench[:3]
    torque = world.wrench[3:] + np.cross(world.tip - tool.position, force)
    return ArmState(
        stamp=0,
        pose=tool,
        twist=rotated_twist(world.tool_twist, tool.orientation),
        joints=np.zeros(7),
        joint_velocities=np.zeros(7),
        joint_names=tuple('abcdefg'),
        gripper=0.0,
        wrench=np.concatenate([force, torque]),
    )


def goal(world: World) -> Pose:
    """The target of the tool that puts the tip at the controller's setpoint."""
    w, x, y, z = times(world.setpoint.quat, FLIP)
    orientation = np.array([x, y, z, w])
    lever = rotated(np.array([0.0, 0.0, world.piece.reach]), orientation)
    return Pose(world.setpoint.position - lever, orientation)


@pytest.mark.parametrize('seed', range(4))
def test_the_live_state_is_that_of_the_simulator(seed):
    sim, rng = PegInsertion(images=False), np.random.default_rng(seed)
    sim.reset(seed=seed)
    for _ in range(25):
        action = np.append(rng.uniform(-1, 1, 2), [-0.6, rng.uniform(-1, 1)])
        seen = sim.step(action)[0]['state']
        world = sim.world
        told = tip_state(reported(world), goal(world), np.array(DEFAULTS.origin), DEFAULTS.reach)
        np.testing.assert_allclose(told, seen, atol=2e-4)
        arm = at_tip(reported(world), DEFAULTS.reach)
        np.testing.assert_allclose(arm.twist, world.twist, atol=1e-5)
        np.testing.assert_allclose(arm.wrench, world.wrench, atol=1e-3)


def test_what_holds_for_the_simulator_is_the_default():
    assert DEFAULTS.origin == BOARD
    assert DEFAULTS.reach == Workpiece().reach
    assert len(env.STATE) == STATE


def test_unknown_forces_stay_unknown_and_without_a_target_there_is_no_lead():
    sim = PegInsertion(images=False)
    sim.reset(seed=1)
    arm = replace(reported(sim.world), wrench=np.full(6, np.nan))
    told = tip_state(arm, None, np.array(DEFAULTS.origin), DEFAULTS.reach)
    assert np.isnan(at_tip(arm, 0.1).wrench).all()
    assert not told[-6:].any()


def test_a_tool_that_works_itself_has_no_reach():
    pose = Pose(np.ones(3), np.array([0.5, 0.5, 0.5, 0.5]))
    np.testing.assert_array_equal(beyond(pose, 0.0).position, pose.position)
