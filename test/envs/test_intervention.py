"""Detection of stalls, and the interventions of the scripted operator."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.envs.expert import ExpertNoise, ExpertObservation, ScriptedExpert
from robo_dopamine_ros.envs.scripted_operator import (
    DEAD_MAN_HELD,
    InterventionConfig,
    OperatorInput,
    OperatorState,
    ScriptedIntervention,
    ScriptedOperator,
    StallDetector,
)
from robo_dopamine_ros.envs.waypoint_plans import Waypoint
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
def test_steps_without_progress_are_counted(
    values: list[float], grace: int, stall_steps: int, restarts: set[int]
) -> None:
    stall = StallDetector(grace, stall_steps)
    best, since = -1.0, 0
    for number, value in enumerate(values, start=1):
        best, since = (value, 0) if value > best + 0.02 else (best, since + 1)
        assert stall.update(value, number) == (number > grace and since >= stall_steps)
        if number in restarts:
            stall.restart(number)
            since = 0


def test_scripted_interventions_are_reproducible(world: World) -> None:
    world.reset(np.random.default_rng(1))
    intervention = ScriptedIntervention(world, np.random.default_rng(2), rollouts=1)
    intervention.reset(0)
    actions = [intervention.act() for _ in range(40)]  # the world stands still
    intervened = [step for step, action in enumerate(actions) if action is not None]
    assert intervened == [*range(10, 25), *range(32, 40)]
    for step, drawn in ((10, FIRST), (32, AGAIN)):
        assert np.array(actions[step], float).tolist() == pytest.approx(drawn, abs=2e-6)
    intervention.reset(1)
    assert not any(intervention.act() is not None for _ in range(40)), 'only in the first rollouts'


def at(height: float) -> ExpertObservation:
    return ExpertObservation(np.array([0.0, 0.0, height]), 0.0, 0.0, 0.0)


class Scene:
    """An operator, a gate that follows it at once, and a peg that stands still."""

    def __init__(self, **given: float) -> None:
        plan = (Waypoint((0, 0, 0.1), max_steps=10_000, tolerance=0.0001),)
        self.operator = ScriptedOperator(
            lambda: ScriptedExpert(plan, np.random.default_rng(0), ExpertNoise()),
            intervention=InterventionConfig(**given),  # type: ignore[arg-type]
        )
        self.now, self.in_control = 100.0, False

    def run(
        self, seconds: float, height: float = 0.05, followed: bool = True
    ) -> list[OperatorInput]:
        """Update the operator for a while; returns its inputs."""
        inputs = []
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            inputs.append(self.operator.update(self.now, at(height), True, self.in_control))
            self.in_control = followed and inputs[-1].buttons == DEAD_MAN_HELD
        return inputs


def held(inputs: list[OperatorInput]) -> float:
    """Time for which the dead-man was held [s]."""
    return TICK * sum(one.buttons == DEAD_MAN_HELD for one in inputs)


def test_it_intervenes_for_a_while_when_the_task_stalls_and_hands_back() -> None:
    scene = Scene()
    scene.operator.on_episode_start(0, scene.now)
    assert held(scene.run(0.9)) == 0, 'no intervention in the grace period'
    inputs = scene.run(2.5)
    assert held(inputs) == pytest.approx(1.5, abs=0.2)
    assert inputs[-1].buttons == frozenset()
    assert any(one.buttons == {'release'} for one in inputs)
    assert scene.operator.state is OperatorState.IDLE
    assert (scene.operator.interventions, scene.operator.total_interventions) == (1, 1)
    scene.run(2.5)
    assert scene.operator.interventions == 2, 'it stalls again'


def test_it_does_not_intervene_while_the_task_progresses() -> None:
    scene = Scene()
    scene.operator.on_episode_start(0, scene.now)
    for height in np.linspace(0.16, 0.0, 20):
        assert held(scene.run(0.3, float(height))) == 0


@pytest.mark.parametrize(('index', 'intervenes'), [(0, True), (4, True), (5, False), (60, False)])
def test_it_intervenes_in_the_first_episodes_alone(index: int, intervenes: bool) -> None:
    scene = Scene(episodes=5)
    scene.operator.on_episode_start(index, scene.now)
    assert scene.operator.monitoring == intervenes
    assert (held(scene.run(3.0)) > 0) == intervenes


def test_it_does_not_intervene_between_episodes() -> None:
    scene = Scene()
    assert held(scene.run(3.0)) == 0
    scene.operator.on_episode_start(0, scene.now)
    scene.run(1.5)
    scene.operator.on_episode_end(scene.now)
    inputs = scene.run(3.0)
    assert held(inputs) == 0
    assert any(one.buttons == {'release'} for one in inputs), 'it hands back'


def test_without_control_it_keeps_trying_and_counts_no_intervention() -> None:
    scene = Scene()
    scene.operator.on_episode_start(0, scene.now)
    scene.run(5.0, followed=False)
    assert scene.operator.state is OperatorState.DRIVING
    assert scene.operator.interventions == 0


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ({'episodes': -1}, 'episodes = -1; it must be 0 or more'),
        ({'duration': float('nan')}, 'duration = nan s; it must lie in 0..60 s'),
        ({'hole_width': 0.0}, 'hole_width = 0.0 m; it must be above 0 and below 0.06 m'),
    ],
)
def test_an_invalid_config_is_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InterventionConfig(**given)  # type: ignore[arg-type]
