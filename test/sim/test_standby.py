"""When a task counts as stalled, and what one who stands by does about it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.sim.arena import Bystander
from robo_dopamine_ros.sim.operator import Hand, Operator, Sight
from robo_dopamine_ros.sim.person import HELD, Doing, Person, Stage
from robo_dopamine_ros.sim.plans import Leg
from robo_dopamine_ros.sim.stall import Stall
from robo_dopamine_ros.sim.standby import Standby, StandbyParameters
from robo_dopamine_ros.sim.world import World

TICK = 0.025  # [s]
FIRST, AGAIN = (
    (-0.119370, 0.287200, -0.111481, -0.403633),
    (-0.242420, 0.349079, -0.091476, -0.363739),
)


@given(
    st.lists(st.floats(0, 1), max_size=60),
    st.integers(0, 12),
    st.integers(1, 12),
    st.sets(st.integers(0, 59)),
)
def test_steps_since_the_task_came_closer_are_counted(
    values: list[float], grace: int, patience: int, excused: set[int]
) -> None:
    stall = Stall(grace, patience)
    best, since = -1.0, 0
    for number, value in enumerate(values, start=1):
        best, since = (value, 0) if value > best + 0.02 else (best, since + 1)
        assert stall.update(value, number) == (number > grace and since >= patience)
        if number in excused:
            stall.excuse(number)
            since = 0


def test_the_bystander_of_practice_draws_what_he_always_drew(world: World) -> None:
    world.reset(np.random.default_rng(1))
    person = Bystander(world, np.random.default_rng(2), until=1)
    person.begin(0)
    wishes = [person.wish() for _ in range(40)]  # the world stands still all the while
    drove = [number for number, wish in enumerate(wishes) if wish is not None]
    assert drove == [*range(10, 25), *range(32, 40)]
    for number, drawn in ((10, FIRST), (32, AGAIN)):
        assert np.array(wishes[number], float).tolist() == pytest.approx(drawn, abs=2e-6)
    person.begin(1)
    assert not any(person.wish() is not None for _ in range(40)), 'only in the first rollouts'


def at(height: float) -> Sight:
    return Sight(np.array([0.0, 0.0, height]), 0.0, 0.0, 0.0)


class Scene:
    """A person who stands by, a gate that follows them at once, and a peg that stands still."""

    def __init__(self, **given: float) -> None:
        legs = (Leg((0, 0, 0.1), patience=10_000, within=0.0001),)
        self.person = Person(lambda: Operator(legs, np.random.default_rng(0), Hand()), False)
        self.standby = Standby(self.person, StandbyParameters(**given))  # type: ignore[arg-type]
        self.now, self.mine = 100.0, False

    def live(self, seconds: float, height: float = 0.05, heeded: bool = True) -> list[Doing]:
        """What the hands do all the while."""
        doings = []
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            self.standby.update(at(height), self.mine, self.now)
            doings.append(self.person.update(self.now, at(height), True, self.mine))
            self.mine = heeded and doings[-1].down == HELD
        return doings


def held(doings: list[Doing]) -> float:
    """For how long the dead-man was held [s]."""
    return TICK * sum(doing.down == HELD for doing in doings)


def test_he_takes_over_for_a_burst_when_the_task_stalls_and_hands_back() -> None:
    scene = Scene()
    scene.standby.begin(0, scene.now)
    assert held(scene.live(0.9)) == 0, 'nobody is helped so early'
    doings = scene.live(2.5)
    assert held(doings) == pytest.approx(1.5, abs=0.2)
    assert doings[-1].down == frozenset()
    assert any(doing.down == {'release'} for doing in doings)
    assert scene.person.stage is Stage.IDLE
    assert (scene.standby.times, scene.standby.total) == (1, 1)
    scene.live(2.5)
    assert scene.standby.times == 2, 'it stalls again'


def test_a_task_that_comes_closer_is_left_alone() -> None:
    scene = Scene()
    scene.standby.begin(0, scene.now)
    for height in np.linspace(0.16, 0.0, 20):
        assert held(scene.live(0.3, float(height))) == 0


@pytest.mark.parametrize(('index', 'helps'), [(0, True), (4, True), (5, False), (60, False)])
def test_he_stands_by_in_the_first_episodes_alone(index: int, helps: bool) -> None:
    scene = Scene(until=5)
    scene.standby.begin(index, scene.now)
    assert scene.standby.present == helps
    assert (held(scene.live(3.0)) > 0) == helps


def test_between_episodes_he_keeps_his_hands_off() -> None:
    scene = Scene()
    assert held(scene.live(3.0)) == 0
    scene.standby.begin(0, scene.now)
    scene.live(1.5)
    scene.standby.finish(scene.now)
    doings = scene.live(3.0)
    assert held(doings) == 0
    assert any(doing.down == {'release'} for doing in doings), 'what he took he hands back'


def test_who_is_not_heeded_keeps_asking_and_it_does_not_count() -> None:
    scene = Scene()
    scene.standby.begin(0, scene.now)
    scene.live(5.0, heeded=False)
    assert scene.person.stage is Stage.DRIVING
    assert scene.standby.times == 0


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ({'until': -1}, 'until = -1; it must be 0 or more'),
        ({'burst': float('nan')}, 'burst = nan s; it must lie in 0..60 s'),
        ({'hole': 0.0}, 'hole = 0.0 m; it must be above 0 and below 0.06 m'),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        StandbyParameters(**given)  # type: ignore[arg-type]
