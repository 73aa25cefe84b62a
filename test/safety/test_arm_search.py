"""The gate with each kind of arm keeps its laws: scenarios, a share of the random search, and more.

`bench/gate_search.py` searches much longer.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pinocchio as pin
import pytest
from arm_search import Found, search
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from search_arms import NAMES
from search_laws import LAWS, Laws
from search_rig import Tick
from search_scenarios import SCENARIOS, START, TURN, X
from search_script import Event, Script, make_setup

from robo_dopamine_ros.types import Mode, Pose


def setup_of(name: str) -> Any:
    """An arm with its gripper, whose links are checked where their shape is known."""
    gripper = 'joint' if name == 'piper' else 'command'
    return make_setup(name, gripper=gripper, binary=True, links=name != 'crisp')


@pytest.mark.parametrize('title', SCENARIOS)
@pytest.mark.parametrize('name', NAMES)
def test_a_scenario_breaks_no_law(name: str, title: str) -> None:
    script = Script(setup_of(name)).run([*START, *SCENARIOS[title]])
    assert not script.broken()
    assert any(tick.pose is not None for tick in script.ticks)


@pytest.mark.parametrize('name', NAMES)
def test_a_random_search_breaks_no_law(name: str) -> None:
    found = Found()
    for seed in range(8):
        search(name, seed, found)
    assert not found.examples
    assert found.moving > 200
    assert {mode.name for mode in Mode} <= set(found.modes)


SHARES = st.sampled_from([-4.0, -1.0, -0.3, 0.0, 0.0, 0.3, 1.0, 4.0])
TWISTS = st.none() | st.tuples(*[SHARES] * 6)
TICKS = st.integers(1, 25)
EVENTS = st.one_of(
    st.tuples(st.sampled_from(['human', 'human', 'policy', 'reset']), TWISTS, TICKS),
    st.tuples(st.just('phase'), st.sampled_from(['idle', 'resetting', 'running']), TICKS),
    st.tuples(
        st.sampled_from(['rearm', 'rearm', 'release', 'take_over', 'stop']), st.none(), TICKS
    ),
    st.tuples(st.sampled_from(['enable', 'lock', 'block', 'fault', 'wraps']), st.booleans(), TICKS),
    st.tuples(st.just('zone'), st.sampled_from([0, 1, 2, 77]), TICKS),
    st.tuples(
        st.just('silence'),
        st.sampled_from(['driver', 'human', 'enable', 'lock', 'zone', 'episode', 'stamps']),
        TICKS,
    ),
    st.tuples(st.just('pause'), st.sampled_from([1e-3, 0.05, 0.2, 0.249, 0.26, 2.0]), TICKS),
    st.tuples(st.just('push'), st.tuples(*[st.sampled_from([-0.5, 0, 0, 0.2])] * 7), TICKS),
    st.tuples(st.just('lag'), st.sampled_from([0.01, 0.1, 0.5]), TICKS),
    st.tuples(st.just('sag'), st.sampled_from([-0.05, 0.0, 0.02]), TICKS),
    st.tuples(st.sampled_from(['fingers', 'grip']), st.floats(0, 1), TICKS),
    st.tuples(st.just('clock'), st.sampled_from([-10.0, 0.1, 10.0]), TICKS),
)


@pytest.mark.parametrize('name', NAMES)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.reuse, Phase.generate),  # shrinking would take minutes
)
@given(events=st.lists(EVENTS, min_size=5, max_size=25), seed=st.integers(0, 99))
def test_no_sequence_of_events_breaks_a_law(name: str, events: list[Event], seed: int) -> None:
    setup = setup_of(name)
    shift = np.random.default_rng(seed).normal(0, 0.3, len(setup.start))
    moved = replace(setup, start=setup.start + 0.3 * shift)
    assert not Script(moved, seed, speed=0.1).run([*START, *events]).broken()


def shifted(tick: Tick, way: float, turn: float = 0.0) -> Tick:
    assert tick.pose is not None
    rotation = pin.exp3(np.array([0, 0, turn])) @ tick.pose.rotation
    return replace(tick, pose=pin.SE3(rotation, tick.pose.translation + [way, 0, 0]))


def turned(tick: Tick, joint: int, angle: float) -> Tick:
    assert tick.joints is not None
    joints = tick.joints.copy()
    joints[joint] += angle
    return replace(tick, joints=joints)


def decided(tick: Tick, **changes: Any) -> Tick:
    return replace(tick, control=replace(tick.control, **changes))


AWAY = Pose(np.ones(3), np.array([0.0, 0, 0, 1]))
MOVING, RESTING = 40, 140  # ticks in which a person moves the arm, and long after
SPOILT: dict[str, tuple[int, Callable[[Tick], Tick]]] = {  # law -> tick, and what breaks it
    'speed': (MOVING, lambda t: shifted(t, 0.001)),
    'angular speed': (MOVING, lambda t: shifted(t, 0, 0.1)),
    'begin': (15, lambda t: turned(t, 0, 1e-3)),
    'box': (MOVING, lambda t: shifted(t, 0.5)),
    'joint speed': (MOVING, lambda t: turned(t, 1, 0.03)),
    'joint acceleration': (MOVING, lambda t: turned(t, 1, 0.006)),
    'joint limits': (MOVING, lambda t: turned(t, 2, 3.0)),
    'still': (RESTING, lambda t: shifted(t, 0.012)),
    'gripper': (RESTING, lambda t: replace(t, fingers=(0.01,))),
    'unarmed': (3, lambda t: replace(t, fingers=(0.01,))),
    'finite': (MOVING, lambda t: replace(t, numbers=np.array([np.nan]))),
    'authority': (MOVING, lambda t: decided(t, mode=Mode.POLICY)),
    'latch': (MOVING, lambda t: replace(t, latched=True)),
    'rearm': (RESTING, lambda t: replace(t, refused_wrongly='the stop lock is locked')),
    'slow': (MOVING + 30, lambda t: t),
    'told': (MOVING, lambda t: decided(t, target=AWAY)),
    'links': (MOVING, lambda t: turned(t, 2, 1.2)),
}


@pytest.fixture(scope='module')
def lawful() -> Script:
    """A person moves the arm, lets go, and moves it again."""
    setup = make_setup('ur5e', links=True)
    script = Script(setup).run([*START, ('human', X, 60), ('human', None, 90), ('human', TURN, 9)])
    assert not script.broken()
    return script


def test_every_law_is_spoilt_once() -> None:
    assert {*SPOILT, 're-anchoring'} == set(LAWS)


@pytest.mark.parametrize('law', SPOILT)
def test_a_law_notices_what_breaks_it(law: str, lawful: Script) -> None:
    index, spoil = SPOILT[law]
    laws = Laws(lawful.laws.setup, lawful.limits, lawful.rig.settings)
    broken = []
    for i, tick in enumerate(lawful.ticks):
        known = replace(tick, slow=law == 'slow')
        broken += laws.check(spoil(known) if i == index else known)
    assert law in {violation.law for violation in broken}


def test_the_law_of_re_anchoring_notices_a_target_that_stays_where_it_was() -> None:
    """A person takes over an arm that lags behind, and commands nothing."""
    script = Script(make_setup('crisp')).run([*START, *SCENARIOS['taken over while it lags'][:5]])
    laws = Laws(script.laws.setup, script.limits, script.rig.settings)
    broken, before = [], script.ticks[-61]
    for i, tick in enumerate(script.ticks):
        stays = i >= len(script.ticks) - 60
        broken += laws.check(replace(tick, pose=before.pose) if stays else tick)
    assert 're-anchoring' in {violation.law for violation in broken}
