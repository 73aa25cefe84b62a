"""The simulated person sees what the operator saw, and does one thing after another."""

import numpy as np
import pytest

from robo_dopamine_ros.sim.operator import Hand, Operator, Sight, seen, sight
from robo_dopamine_ros.sim.person import HELD, Doing, Person, Stage
from robo_dopamine_ros.sim.plans import Leg
from robo_dopamine_ros.sim.variation import Starts
from robo_dopamine_ros.sim.world import World
from robo_dopamine_ros.types import Pose

FAR = Sight(np.array([0.1, 0.0, 0.1]), 0.0, 0.0, 0.0)
DONE = Sight(np.array([0.0, 0.0, -0.025]), 0.0, 0.0, 0.0)


@pytest.mark.parametrize('seed', range(4))
def test_poses_and_a_force_show_what_the_world_knows(world: World, seed: int) -> None:
    world.reset(np.random.default_rng(seed), Starts(turn=1.5, yaw=1.0))
    for _ in range(20):
        world.advance()
    turn = world.start.turn
    hole = Pose(np.array(world.start.board), np.array([0, 0, np.sin(turn / 2), np.cos(turn / 2)]))
    told, known = seen(world.tool, hole, world.wrench[:3], world.piece.reach), sight(world)
    assert told.offset == pytest.approx(known.offset, abs=1e-6)
    assert (told.yaw, told.turn) == pytest.approx((known.yaw, known.turn), abs=1e-6)
    assert told.contact == pytest.approx(known.contact, abs=1e-6)


def person(judges: bool = False) -> Person:
    down = (Leg((0, 0, -0.025), within=0.002),)
    return Person(lambda: Operator(down, np.random.default_rng(0), Hand(0, 0, 0, 0)), judges)


def buttons(doings: list[Doing]) -> list[str]:
    """What was held, every change once."""
    told = ['+'.join(sorted(doing.down)) for doing in doings]
    return [b for a, b in zip(['?', *told], told, strict=False) if a != b]


def test_nobody_touches_the_device_before_it_is_time() -> None:
    idle = person().update(0.0, FAR, True, True)
    assert (idle.down, np.any(idle.twist)) == (frozenset(), False)


def test_it_drives_with_the_dead_man_held_lets_go_and_hands_back() -> None:
    someone = person()
    someone.begin()
    first = someone.update(0.0, FAR, True, True)
    assert first.down == HELD
    assert first.twist[0] < -0.01
    assert first.twist[2] < -0.01
    doings = [someone.update(now, DONE, True, True) for now in np.arange(0.1, 3.0, 0.05)]
    assert buttons(doings) == ['dead_man', '', 'release', '']
    assert someone.stage is Stage.IDLE


def test_it_lets_go_while_the_gate_does_not_listen() -> None:
    someone = person()
    someone.begin()
    held = [bool(someone.update(0.2 * i, FAR, i != 1, True).down) for i in range(3)]
    assert held == [True, False, True]
    assert not someone.update(0.6, None, True, True).down, 'blind'


def test_who_is_not_heeded_holds_the_dead_man_anew_and_moves_nothing() -> None:
    someone = person()
    someone.begin()
    doings = [someone.update(now, FAR, True, False) for now in np.arange(0.0, 2.0, 0.05)]
    assert buttons(doings) == ['', 'dead_man', '', 'dead_man']
    assert not any(np.any(doing.twist) for doing in doings)
    assert np.any(someone.update(2.0, FAR, True, True).twist)


def test_ten_decisions_a_second_whatever_the_rate_of_the_gamepad() -> None:
    decisions: list[float] = []

    class Counting(Operator):
        def act(self, sight: Sight) -> np.ndarray:
            decisions.append(0.0)
            return np.zeros(4)

    someone = Person(lambda: Counting((Leg((0, 0, 0)),), np.random.default_rng(0)), False)
    someone.begin()
    for now in np.arange(100.0, 102.0, 0.025):
        someone.update(now, FAR, True, True)
    assert len(decisions) == pytest.approx(20, abs=1)


@pytest.mark.parametrize(('last', 'word'), [(DONE, 'success'), (FAR, 'failure')])
def test_a_judge_says_how_it_ended(last: Sight, word: str) -> None:
    someone = person(judges=True)
    someone.begin()
    doings = [someone.update(-0.1, FAR, True, True)]
    doings += [someone.update(now, last, True, True) for now in np.arange(0.0, 12.0, 0.05)]
    assert buttons(doings) == ['dead_man', '', word, '', 'release', '']


def test_it_hands_back_when_told_to() -> None:
    someone = person()
    someone.begin()
    someone.update(0.0, FAR, True, True)
    someone.finish(0.1)
    doings = [someone.update(now, FAR, True, True) for now in np.arange(0.1, 2.0, 0.05)]
    assert buttons(doings) == ['', 'release', '']
    someone.finish(3.0)
    assert someone.stage is Stage.IDLE
