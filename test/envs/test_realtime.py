"""The real-time simulation keeps pace with the clock and resets with episodes."""

import numpy as np
import pytest

from robo_dopamine_ros.envs.realtime import RealtimeConfig, RealtimeSim
from robo_dopamine_ros.geometry import rotate_twist, rotate_vector
from robo_dopamine_ros.sim.world import World
from robo_dopamine_ros.types import Episode, Outcome, Phase, Pose


def episode(name: str, phase: Phase, outcome: Outcome = Outcome.NONE) -> Episode:
    return Episode(stamp=0, id=name, phase=phase, outcome=outcome)


def test_it_keeps_up_with_the_clock_and_slips_when_it_cannot(world: World) -> None:
    sim = RealtimeSim(world, RealtimeConfig(), now=100.0)
    sim.update(100.1)
    assert world.data.time == pytest.approx(0.1, abs=0.011)
    sim.update(105.0)
    assert world.data.time == pytest.approx(0.3, abs=0.021)
    assert sim.lost_time == pytest.approx(4.7, abs=0.05)


def test_a_command_is_followed(world: World) -> None:
    sim = RealtimeSim(world, RealtimeConfig(), now=0.0)
    goal = Pose(world.tool_pose.position + [0, 0, -0.03], world.tool_pose.orientation)
    sim.on_command(goal)
    for now in np.arange(0, 2, 0.02):
        sim.update(now)
    assert sim.state(5).pose.position == pytest.approx(goal.position, abs=0.002)
    assert sim.state(5).stamp == 5


def test_it_follows_the_stream_of_a_gate_without_jerks(world: World) -> None:
    sim, speed = RealtimeSim(world, RealtimeConfig(), now=0.0), 0.1
    sim.update(0.5)
    target, speeds, leads = world.tool_pose, [], []
    for tick in range(100):  # one second on, one second of holding, at 50 Hz
        step = speed * 0.02 if tick < 50 else 0.0
        target = Pose(target.position + [0, step, 0], target.orientation)
        sim.on_command(target)
        sim.update(0.5 + 0.02 * tick)
        state = sim.state(0)
        speeds.append(rotate_twist(state.twist, state.pose.orientation)[1])
        leads.append(np.linalg.norm(target.position - state.pose.position))
    assert speeds[20:50] == pytest.approx([speed] * 30, rel=0.1)
    assert np.abs(speeds[65:]).max() < 0.1 * speed
    assert max(leads) < 0.014


def test_the_hole_pose_and_the_wrench_on_the_tool_are_reported(world: World) -> None:
    sim = RealtimeSim(world, RealtimeConfig(), now=0.0)
    board = sim.hole_pose
    assert rotate_vector(np.array([0.0, 0.0, 1.0]), board.orientation) == pytest.approx([0, 0, 1])
    assert board.position[2] < world.tip[2]
    below = world.tool_pose.position + [0, 0, -0.2]
    below[:2] += 0.04  # beside the hole, into the board
    sim.on_command(Pose(below, world.tool_pose.orientation))
    sim.update(0.2)
    for now in np.arange(0.2, 6.0, 0.2):
        sim.update(now)
    at_the_tip, at_the_tool = world.wrench, sim.state(0).wrench
    assert at_the_tool[2] > 5.0, 'the board pushes up'
    assert at_the_tool[:3] == pytest.approx(at_the_tip[:3])
    arm = world.tip - world.tool_pose.position
    assert at_the_tool[3:] - at_the_tip[3:] == pytest.approx(np.cross(arm, at_the_tip[:3]))


def test_the_expert_waits_for_the_episode_and_stops_with_it(world: World) -> None:
    sim = RealtimeSim(world, RealtimeConfig(operator='scripted', style='demonstration'), now=0.0)
    start = world.tip
    now = 0.0

    def wait(seconds: float) -> None:
        nonlocal now
        for _ in range(round(seconds / 0.05)):
            now += 0.05
            sim.update(now)

    wait(1)
    assert world.tip == pytest.approx(start, abs=1e-4)
    sim.on_command(Pose(world.tool_pose.position + 0.1, world.tool_pose.orientation))
    wait(1)
    assert world.tip == pytest.approx(start, abs=1e-4), 'it drives itself'
    sim.on_episode(episode('a', Phase.RUNNING))
    wait(12)
    assert world.grade == 'success'
    sim.on_episode(episode('a', Phase.ENDED, Outcome.SUCCESS))
    wait(1)
    assert world.grade == 'success', 'the scene stays for a while'
    sim.on_episode(episode('a', Phase.ENDED, Outcome.SUCCESS))  # repeated as a heartbeat
    wait(2)
    assert world.progress == 0.0
    second = world.tip
    sim.on_episode(episode('a', Phase.ENDED, Outcome.SUCCESS))
    wait(3)
    sim.on_episode(episode('b', Phase.RUNNING))
    assert world.tip == pytest.approx(second, abs=1e-4), 'an unused scene is not reset'


def test_a_used_scene_is_cleared_for_the_next_episode(world: World) -> None:
    sim = RealtimeSim(world, RealtimeConfig(), now=0.0)
    sim.on_episode(episode('a', Phase.RUNNING))
    start = world.tip
    sim.on_episode(episode('b', Phase.RUNNING))
    assert np.abs(world.tip - start).max() > 0.001


def test_it_drives_over_and_over_when_told_to(world: World) -> None:
    config = RealtimeConfig(
        operator='scripted', style='demonstration', start='now', reset_delay=0.5
    )
    sim = RealtimeSim(world, config, now=0.0)
    grades = []
    for now in np.arange(0, 25, 0.1):
        sim.update(now)
        grades.append(world.grade)
    changes = [b for a, b in zip(grades, grades[1:], strict=False) if a != b]
    assert changes.count('success') >= 2


@pytest.mark.parametrize(
    'wrong',
    [{'operator': 'me'}, {'style': 'x'}, {'start': 'x'}, {'reset_delay': -1.0}, {'seed': -1}],
)
def test_an_invalid_config_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RealtimeConfig(**wrong)  # type: ignore[arg-type]
