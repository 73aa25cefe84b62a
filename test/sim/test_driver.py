"""The simulated driver keeps time and keeps to episodes."""

import numpy as np
import pytest

from robo_dopamine_ros.geometry import rotated, rotated_twist
from robo_dopamine_ros.sim.driver import Conduct, Driver
from robo_dopamine_ros.sim.world import World
from robo_dopamine_ros.types import Episode, Outcome, Phase, Pose


def episode(name: str, phase: Phase, outcome: Outcome = Outcome.NONE) -> Episode:
    return Episode(stamp=0, id=name, phase=phase, outcome=outcome)


def test_it_keeps_up_with_the_clock_and_slips_when_it_cannot(world: World) -> None:
    driver = Driver(world, Conduct(), now=100.0)
    driver.update(100.1)
    assert world.data.time == pytest.approx(0.1, abs=0.011)
    driver.update(105.0)
    assert world.data.time == pytest.approx(0.3, abs=0.021)
    assert driver.slipped == pytest.approx(4.7, abs=0.05)


def test_a_command_is_followed(world: World) -> None:
    driver = Driver(world, Conduct(), now=0.0)
    goal = Pose(world.tool.position + [0, 0, -0.03], world.tool.orientation)
    driver.command(goal)
    for now in np.arange(0, 2, 0.02):
        driver.update(now)
    assert driver.state(5).pose.position == pytest.approx(goal.position, abs=0.002)
    assert driver.state(5).stamp == 5


def test_it_follows_the_stream_of_a_gate_without_jerks(world: World) -> None:
    driver, speed = Driver(world, Conduct(), now=0.0), 0.1
    driver.update(0.5)
    target, speeds, leads = world.tool, [], []
    for tick in range(100):  # one second on, one second of holding, at 50 Hz
        step = speed * 0.02 if tick < 50 else 0.0
        target = Pose(target.position + [0, step, 0], target.orientation)
        driver.command(target)
        driver.update(0.5 + 0.02 * tick)
        state = driver.state(0)
        speeds.append(rotated_twist(state.twist, state.pose.orientation)[1])
        leads.append(np.linalg.norm(target.position - state.pose.position))
    assert speeds[20:50] == pytest.approx([speed] * 30, rel=0.1)
    assert np.abs(speeds[65:]).max() < 0.1 * speed
    assert max(leads) < 0.014


def test_the_board_and_the_push_on_the_tool_are_told(world: World) -> None:
    driver = Driver(world, Conduct(), now=0.0)
    board = driver.board
    assert rotated(np.array([0.0, 0.0, 1.0]), board.orientation) == pytest.approx([0, 0, 1])
    assert board.position[2] < world.tip[2]
    below = world.tool.position + [0, 0, -0.2]
    below[:2] += 0.04  # beside the hole, into the board
    driver.command(Pose(below, world.tool.orientation))
    driver.update(0.2)
    for now in np.arange(0.2, 6.0, 0.2):
        driver.update(now)
    at_the_tip, at_the_tool = world.wrench, driver.state(0).wrench
    assert at_the_tool[2] > 5.0, 'the board pushes up'
    assert at_the_tool[:3] == pytest.approx(at_the_tip[:3])
    arm = world.tip - world.tool.position
    assert at_the_tool[3:] - at_the_tip[3:] == pytest.approx(np.cross(arm, at_the_tip[:3]))


def test_the_operator_waits_for_the_episode_and_stops_with_it(world: World) -> None:
    driver = Driver(world, Conduct(operator='scripted', style='demonstration'), now=0.0)
    start = world.tip
    now = 0.0

    def wait(seconds: float) -> None:
        nonlocal now
        for _ in range(round(seconds / 0.05)):
            now += 0.05
            driver.update(now)

    wait(1)
    assert world.tip == pytest.approx(start, abs=1e-4)
    driver.command(Pose(world.tool.position + 0.1, world.tool.orientation))
    wait(1)
    assert world.tip == pytest.approx(start, abs=1e-4), 'it drives itself'
    driver.note(episode('a', Phase.RUNNING))
    wait(12)
    assert world.grade == 'success'
    driver.note(episode('a', Phase.ENDED, Outcome.SUCCESS))
    wait(1)
    assert world.grade == 'success', 'the scene stays for a while'
    driver.note(episode('a', Phase.ENDED, Outcome.SUCCESS))  # said again, as a sign of life
    wait(2)
    assert world.progress == 0.0
    second = world.tip
    driver.note(episode('a', Phase.ENDED, Outcome.SUCCESS))
    wait(3)
    driver.note(episode('b', Phase.RUNNING))
    assert world.tip == pytest.approx(second, abs=1e-4), 'a fresh scene is used as it is'


def test_a_used_scene_is_cleared_for_the_next_episode(world: World) -> None:
    driver = Driver(world, Conduct(), now=0.0)
    driver.note(episode('a', Phase.RUNNING))
    start = world.tip
    driver.note(episode('b', Phase.RUNNING))
    assert np.abs(world.tip - start).max() > 0.001


def test_it_drives_over_and_over_when_told_to(world: World) -> None:
    conduct = Conduct(operator='scripted', style='demonstration', start='now', linger=0.5)
    driver = Driver(world, conduct, now=0.0)
    grades = []
    for now in np.arange(0, 25, 0.1):
        driver.update(now)
        grades.append(world.grade)
    changes = [b for a, b in zip(grades, grades[1:], strict=False) if a != b]
    assert changes.count('success') >= 2


@pytest.mark.parametrize(
    'wrong', [{'operator': 'me'}, {'style': 'x'}, {'start': 'x'}, {'linger': -1.0}, {'seed': -1}]
)
def test_conduct_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Conduct(**wrong)  # type: ignore[arg-type]
