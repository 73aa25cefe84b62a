"""The arm holds still, follows, and touches gently."""

import numpy as np
import pytest

from robo_dopamine_ros.sim.rotation import turn_between, upright
from robo_dopamine_ros.sim.scene import Workpiece
from robo_dopamine_ros.sim.setpoint import Reins
from robo_dopamine_ros.sim.variation import Looks, Start, Starts, draw
from robo_dopamine_ros.sim.world import World
from robo_dopamine_ros.types import Pose


def above(world: World, height: float, aside: float = 0.0, yaw: float = 0.0) -> None:
    """Put the tip `height` above the board, `aside` from the hole."""
    board = np.array([0.5, 0.0, 0.08])
    world.place(Start(board, 0.0, board + [aside, 0, height], yaw))


def test_it_holds_still(world: World) -> None:
    above(world, 0.1)
    before = world.tip
    for _ in range(100):
        world.advance()
    assert np.abs(world.tip - before).max() < 1e-4
    assert np.abs(world.wrench).max() < 0.1


@pytest.mark.parametrize('yaw', [-0.8, 0.8])
def test_the_wrist_turns_where_it_should_and_settles(world: World, yaw: float) -> None:
    above(world, 0.1)
    for _ in range(200):
        world.setpoint.aim(world.setpoint.position, upright(yaw))
        world.advance()
    assert world.yaw == pytest.approx(yaw, abs=0.02)
    assert np.abs(world.twist).max() < 0.02


def test_the_tilted_wrist_comes_back(world: World) -> None:
    above(world, 0.1)
    upright_quat = world.quat
    world.data.qpos[5] += 0.15
    world.data.qpos[6] -= 0.2
    for _ in range(200):
        world.setpoint.aim(world.setpoint.position, upright_quat)
        world.advance()
    assert np.linalg.norm(turn_between(world.quat, upright_quat)) < 0.02


def test_an_action_moves_by_a_centimetre(world: World) -> None:
    above(world, 0.12)
    before = world.tip
    for _ in range(4):
        world.act(np.array([0.0, 1.0, 0.0, 0.0]))
    for _ in range(30):
        world.advance()
    assert world.tip - before == pytest.approx([0, 0.04, 0], abs=0.001)


def test_a_pose_of_the_tool_is_reached_and_reported(world: World) -> None:
    above(world, 0.1)
    wish = Pose(world.tool.position + [0.01, -0.02, 0.02], world.tool.orientation)
    for _ in range(150):
        world.aim_tool(wish)
        world.advance()
    assert world.tool.position == pytest.approx(wish.position, abs=0.001)
    assert abs(world.tool.orientation @ wish.orientation) > 0.9999
    assert world.tool.position[2] - world.tip[2] == pytest.approx(world.piece.reach, abs=1e-4)


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_a_target_that_is_not_finite_is_refused(world: World, bad: float) -> None:
    with pytest.raises(ValueError, match='not a finite pose'):
        world.aim_tool(Pose(np.array([bad, 0, 0.3]), np.array([1.0, 0, 0, 0])))


@pytest.mark.parametrize('aside', [0.03, 0.016])
def test_pressing_and_hitting_the_board_stay_below_a_bound(aside: float) -> None:
    every_step = World(reins=Reins(period=0.002))
    above(every_step, 0.06, aside)
    peak = 0.0
    every_step.setpoint.aim(every_step.tip - [0, 0, 0.1], every_step.quat)
    for _ in range(1000):
        every_step.advance()
        peak = max(peak, every_step.contact)
    assert 20 < every_step.contact < 45  # the spring pulls at most 40 N per axis
    assert peak < 100


def test_a_far_target_pulls_no_harder_than_a_near_one(world: World) -> None:
    above(world, 0.1)
    world.setpoint.aim(world.tip + [0.1, 0.2, 0.0], world.quat)
    for _ in range(100):
        world.advance()
        assert np.linalg.norm(world.setpoint.position - world.tip) < world.reins.leash + 0.003


def test_the_peg_fits_and_bottoms_out(world: World) -> None:
    above(world, 0.02)
    for _ in range(20):
        world.act(np.array([0, 0, -0.5, 0]))
    assert world.grade == 'success'
    assert world.progress == 1.0
    assert world.offset[2] > -world.piece.thickness - 0.001


def test_a_peg_that_is_turned_does_not_fit(world: World) -> None:
    above(world, 0.02, yaw=0.4)
    for _ in range(20):
        world.act(np.array([0, 0, -0.5, 0]))
    assert world.grade == 'partial'
    assert world.offset[2] > -0.002


def test_the_same_seed_gives_the_same_start_and_look() -> None:
    one, other = World(), World()
    for world in (one, other):
        world.reset(np.random.default_rng(3), Starts(), Looks())
    assert (one.tip == other.tip).all()
    assert (one.model.mat_rgba == other.model.mat_rgba).all()
    assert (one.model.cam_pos == other.model.cam_pos).all()
    plain = World().model.mat_rgba
    other.reset(np.random.default_rng(4))
    assert (other.model.mat_rgba == plain).all()


def test_every_start_is_at_zero_progress_and_in_reach(world: World) -> None:
    for seed in range(40):
        world.place(draw(Starts(), np.random.default_rng(seed)))
        assert world.progress == 0.0
        assert world.grade == 'failure'


def test_the_fingers_stop_at_the_peg(world: World) -> None:
    world.grip(0.0)
    assert world.opening == pytest.approx(world.piece.peg / 0.08)
    world.grip(2.0)
    assert world.opening == 1.0


@pytest.mark.parametrize(
    'wrong',
    [
        {'clearance': 0.0},
        {'peg': float('nan')},
        {'peg': 0.06},
        {'timestep': 0.01},
        {'stiffness': -1.0},
    ],
)
def test_a_workpiece_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).replace('peg', 'peg|hole')):
        Workpiece(**wrong)
