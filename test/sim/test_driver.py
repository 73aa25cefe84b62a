"""The simulated driver keeps time and keeps to episodes."""

import numpy as np
import pytest

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
    wait(2)
    assert world.progress == 0.0
    second = world.tip
    driver.note(episode('b', Phase.RUNNING))
    assert (world.tip == second).all(), 'a fresh scene is used as it is'


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
