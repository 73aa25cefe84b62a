"""The scripted operator observes by poses, drives, presses buttons and hands back."""

import numpy as np
import pytest

from robo_dopamine_ros.envs.expert import (
    ExpertNoise,
    ExpertObservation,
    ScriptedExpert,
    observe_poses,
    observe_world,
)
from robo_dopamine_ros.envs.scripted_operator import (
    DEAD_MAN_HELD,
    OperatorInput,
    OperatorState,
    ScriptedOperator,
)
from robo_dopamine_ros.envs.waypoint_plans import Waypoint
from robo_dopamine_ros.sim.domain_randomization import StartDistribution
from robo_dopamine_ros.sim.world import World
from robo_dopamine_ros.types import Pose

FAR = ExpertObservation(np.array([0.1, 0.0, 0.1]), 0.0, 0.0, 0.0)
DONE = ExpertObservation(np.array([0.0, 0.0, -0.025]), 0.0, 0.0, 0.0)


@pytest.mark.parametrize('seed', range(4))
def test_poses_and_a_force_give_the_observation_of_the_world(world: World, seed: int) -> None:
    world.reset(np.random.default_rng(seed), StartDistribution(board_yaw=1.5, peg_yaw=1.0))
    for _ in range(20):
        world.step()
    yaw = world.start.board_yaw
    hole = Pose(np.array(world.start.board), np.array([0, 0, np.sin(yaw / 2), np.cos(yaw / 2)]))
    by_poses, by_world = (
        observe_poses(world.tool_pose, hole, world.wrench[:3], world.workpiece.tip_offset),
        observe_world(world),
    )
    assert by_poses.offset == pytest.approx(by_world.offset, abs=1e-6)
    assert (by_poses.yaw, by_poses.hole_yaw) == pytest.approx(
        (by_world.yaw, by_world.hole_yaw), abs=1e-6
    )
    assert by_poses.contact_force == pytest.approx(by_world.contact_force, abs=1e-6)


def make_operator(reports_outcome: bool = False) -> ScriptedOperator:
    down = (Waypoint((0, 0, -0.025), tolerance=0.002),)
    return ScriptedOperator(
        lambda: ScriptedExpert(down, np.random.default_rng(0), ExpertNoise(0, 0, 0, 0)),
        reports_outcome,
    )


def presses(inputs: list[OperatorInput]) -> list[str]:
    """What was held, every change once."""
    held = ['+'.join(sorted(one.buttons)) for one in inputs]
    return [b for a, b in zip(['?', *held], held, strict=False) if a != b]


def test_the_device_is_untouched_before_the_start() -> None:
    idle = make_operator().update(0.0, FAR, True, True)
    assert (idle.buttons, np.any(idle.twist)) == (frozenset(), False)


def test_it_drives_with_the_dead_man_held_then_releases_and_hands_back() -> None:
    operator = make_operator()
    operator.start()
    first = operator.update(0.0, FAR, True, True)
    assert first.buttons == DEAD_MAN_HELD
    assert first.twist[0] < -0.01
    assert first.twist[2] < -0.01
    inputs = [operator.update(now, DONE, True, True) for now in np.arange(0.1, 3.0, 0.05)]
    assert presses(inputs) == ['dead_man', '', 'release', '']
    assert operator.state is OperatorState.IDLE


def test_it_releases_the_dead_man_while_the_gate_is_latched() -> None:
    operator = make_operator()
    operator.start()
    held = [bool(operator.update(0.2 * i, FAR, i != 1, True).buttons) for i in range(3)]
    assert held == [True, False, True]
    assert not operator.update(0.6, None, True, True).buttons, 'no observation'


def test_without_control_it_presses_the_dead_man_again_and_commands_no_motion() -> None:
    operator = make_operator()
    operator.start()
    inputs = [operator.update(now, FAR, True, False) for now in np.arange(0.0, 2.0, 0.05)]
    assert presses(inputs) == ['', 'dead_man', '', 'dead_man']
    assert not any(np.any(one.twist) for one in inputs)
    assert np.any(operator.update(2.0, FAR, True, True).twist)


def test_the_expert_acts_at_ten_hertz_at_any_rate_of_the_gamepad() -> None:
    actions: list[float] = []

    class Counting(ScriptedExpert):
        def act(self, observation: ExpertObservation) -> np.ndarray:
            actions.append(0.0)
            return np.zeros(4)

    operator = ScriptedOperator(
        lambda: Counting((Waypoint((0, 0, 0)),), np.random.default_rng(0)), False
    )
    operator.start()
    for now in np.arange(100.0, 102.0, 0.025):
        operator.update(now, FAR, True, True)
    assert len(actions) == pytest.approx(20, abs=1)


@pytest.mark.parametrize(('last', 'outcome'), [(DONE, 'success'), (FAR, 'failure')])
def test_it_reports_the_outcome(last: ExpertObservation, outcome: str) -> None:
    operator = make_operator(reports_outcome=True)
    operator.start()
    inputs = [operator.update(-0.1, FAR, True, True)]
    inputs += [operator.update(now, last, True, True) for now in np.arange(0.0, 12.0, 0.05)]
    assert presses(inputs) == ['dead_man', '', outcome, '', 'release', '']


def test_it_hands_back_on_release() -> None:
    operator = make_operator()
    operator.start()
    operator.update(0.0, FAR, True, True)
    operator.release(0.1)
    inputs = [operator.update(now, FAR, True, True) for now in np.arange(0.1, 2.0, 0.05)]
    assert presses(inputs) == ['', 'release', '']
    operator.release(3.0)
    assert operator.state is OperatorState.IDLE
