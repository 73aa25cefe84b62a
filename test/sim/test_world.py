"""The simulated arm holds still, follows its setpoint, and limits contact forces."""

import numpy as np
import pytest

from robo_dopamine_ros.sim.domain_randomization import (
    InsertionStart,
    StartDistribution,
    VisualRandomization,
    sample_start,
)
from robo_dopamine_ros.sim.quaternion import rotation_between, yaw_quaternion
from robo_dopamine_ros.sim.scene import Workpiece
from robo_dopamine_ros.sim.setpoint_filter import SetpointLimits
from robo_dopamine_ros.sim.world import World
from robo_dopamine_ros.types import Pose


def above(world: World, height: float, aside: float = 0.0, yaw: float = 0.0) -> None:
    """Put the tip `height` above the board, `aside` from the hole."""
    board = np.array([0.5, 0.0, 0.08])
    world.set_start(InsertionStart(board, 0.0, board + [aside, 0, height], yaw))


def test_it_holds_still(world: World) -> None:
    above(world, 0.1)
    before = world.tip
    for _ in range(100):
        world.step()
    assert np.abs(world.tip - before).max() < 1e-4
    assert np.abs(world.wrench).max() < 0.1


@pytest.mark.parametrize('yaw', [-0.8, 0.8])
def test_the_wrist_turns_where_it_should_and_settles(world: World, yaw: float) -> None:
    above(world, 0.1)
    for _ in range(200):
        world.setpoint.set_target(world.setpoint.position, yaw_quaternion(yaw))
        world.step()
    assert world.tip_yaw == pytest.approx(yaw, abs=0.02)
    assert np.abs(world.tip_twist).max() < 0.02


def test_the_tilted_wrist_comes_back(world: World) -> None:
    above(world, 0.1)
    upright_quat = world.tip_quaternion
    world.data.qpos[5] += 0.15
    world.data.qpos[6] -= 0.2
    for _ in range(200):
        world.setpoint.set_target(world.setpoint.position, upright_quat)
        world.step()
    assert np.linalg.norm(rotation_between(world.tip_quaternion, upright_quat)) < 0.02


def test_an_action_moves_by_a_centimetre(world: World) -> None:
    above(world, 0.12)
    before = world.tip
    for _ in range(4):
        world.apply_action(np.array([0.0, 1.0, 0.0, 0.0]))
    for _ in range(30):
        world.step()
    assert world.tip - before == pytest.approx([0, 0.04, 0], abs=0.001)


def test_a_pose_of_the_tool_is_reached_and_reported(world: World) -> None:
    above(world, 0.1)
    target = Pose(world.tool_pose.position + [0.01, -0.02, 0.02], world.tool_pose.orientation)
    for _ in range(150):
        world.set_tool_target(target)
        world.step()
    assert world.tool_pose.position == pytest.approx(target.position, abs=0.001)
    assert abs(world.tool_pose.orientation @ target.orientation) > 0.9999
    assert world.tool_pose.position[2] - world.tip[2] == pytest.approx(
        world.workpiece.tip_offset, abs=1e-4
    )


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_a_target_that_is_not_finite_is_refused(world: World, bad: float) -> None:
    with pytest.raises(ValueError, match='not a finite pose'):
        world.set_tool_target(Pose(np.array([bad, 0, 0.3]), np.array([1.0, 0, 0, 0])))


@pytest.mark.parametrize('aside', [0.03, 0.016])
def test_pressing_and_hitting_the_board_stay_below_a_bound(aside: float) -> None:
    every_step = World(setpoint_limits=SetpointLimits(period=0.002))
    above(every_step, 0.06, aside)
    peak = 0.0
    every_step.setpoint.set_target(every_step.tip - [0, 0, 0.1], every_step.tip_quaternion)
    for _ in range(1000):
        every_step.step()
        peak = max(peak, every_step.contact_force)
    assert 20 < every_step.contact_force < 45  # the spring pulls at most 40 N per axis
    assert peak < 100


def test_a_far_target_pulls_no_harder_than_a_near_one(world: World) -> None:
    above(world, 0.1)
    world.setpoint.set_target(world.tip + [0.1, 0.2, 0.0], world.tip_quaternion)
    for _ in range(100):
        world.step()
        assert (
            np.linalg.norm(world.setpoint.position - world.tip)
            < world.setpoint_limits.max_position_lead + 0.003
        )


def test_the_peg_fits_and_bottoms_out(world: World) -> None:
    above(world, 0.02)
    for _ in range(20):
        world.apply_action(np.array([0, 0, -0.5, 0]))
    assert world.grade == 'success'
    assert world.progress == 1.0
    assert world.tip_in_hole[2] > -world.workpiece.thickness - 0.001


def test_a_peg_that_is_turned_does_not_fit(world: World) -> None:
    above(world, 0.02, yaw=0.4)
    for _ in range(20):
        world.apply_action(np.array([0, 0, -0.5, 0]))
    assert world.grade == 'partial'
    assert world.tip_in_hole[2] > -0.002


def test_the_same_seed_gives_the_same_start_and_look() -> None:
    one, other = World(), World()
    for world in (one, other):
        world.reset(np.random.default_rng(3), StartDistribution(), VisualRandomization())
    assert (one.tip == other.tip).all()
    assert (one.model.mat_rgba == other.model.mat_rgba).all()
    assert (one.model.cam_pos == other.model.cam_pos).all()
    plain = World().model.mat_rgba
    other.reset(np.random.default_rng(4))
    assert (other.model.mat_rgba == plain).all()


def test_every_start_is_at_zero_progress_and_in_reach(world: World) -> None:
    for seed in range(40):
        world.set_start(sample_start(StartDistribution(), np.random.default_rng(seed)))
        assert world.progress == 0.0
        assert world.grade == 'failure'


def test_the_fingers_stop_at_the_peg(world: World) -> None:
    world.set_gripper(0.0)
    assert world.gripper_opening == pytest.approx(world.workpiece.peg_width / 0.08)
    world.set_gripper(2.0)
    assert world.gripper_opening == 1.0


@pytest.mark.parametrize(
    'wrong',
    [
        {'clearance': 0.0},
        {'peg_width': float('nan')},
        {'peg_width': 0.06},
        {'timestep': 0.01},
        {'stiffness': -1.0},
    ],
)
def test_an_invalid_workpiece_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).replace('peg_width', 'peg_width|hole')):
        Workpiece(**wrong)
