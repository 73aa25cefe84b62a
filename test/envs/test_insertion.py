"""The Gymnasium environment keeps Gymnasium's contract."""

from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from robo_dopamine_ros.envs import insertion
from robo_dopamine_ros.envs.expert import ScriptedExpert, observe_world
from robo_dopamine_ros.envs.waypoint_plans import make_plan
from robo_dopamine_ros.types import VIEWS


@pytest.fixture(scope='module')
def seeing() -> Iterator[insertion.InsertionEnv]:
    made = insertion.InsertionEnv(size=(48, 32), render_mode='rgb_array')
    yield made
    made.close()


def test_gymnasium_accepts_it(seeing: insertion.InsertionEnv) -> None:
    check_env(seeing, skip_render_check=True)


def test_gymnasium_accepts_twists_without_pictures() -> None:
    check_env(insertion.InsertionEnv(images=False, action='twist', privileged=True))


def test_it_is_registered_with_a_time_limit() -> None:
    made = gymnasium.make(insertion.ENV_ID, images=False)
    made.reset(seed=1)
    ends = [made.step(np.zeros(4, np.float32))[2:4] for _ in range(120)]
    assert ends[-1] == (False, True)
    assert not any(terminated or truncated for terminated, truncated in ends[:-1])


def test_pictures_and_render(seeing: insertion.InsertionEnv) -> None:
    observation, info = seeing.reset(seed=0)
    assert {observation[view].shape for view in VIEWS} == {(32, 48, 3)}
    assert all(observation[view].std() > 10 for view in VIEWS)
    assert (seeing.render() == observation['front']).all()
    assert info['grade'] == 'failure'


def test_the_expert_succeeds_and_is_paid_once() -> None:
    made, paid = insertion.InsertionEnv(images=False), []
    for seed in range(8):
        made.reset(seed=seed)
        rng = np.random.default_rng(seed)
        expert = ScriptedExpert(make_plan('demonstration', rng), rng)
        for _ in range(120):
            _, reward, terminated, _, info = made.step(expert.act(observe_world(made.world)))
            if terminated:
                break
        paid.append(reward)
        assert terminated == info['is_success']
        assert reward == float(terminated)
    assert np.mean(paid) == 1.0


def test_twist_and_yaw_actions_agree() -> None:
    turn = np.array([0.3, -0.2, 0.1, 0.5], np.float32)
    tips = []
    for kind, action in (('xyz_yaw', turn), ('twist', np.array([*turn[:3], 0, 0, turn[3]]))):
        made = insertion.InsertionEnv(images=False, action=kind)
        made.reset(seed=3)
        for _ in range(5):
            made.step(action)
        tips.append([*made.world.tip, made.world.tip_yaw])
    assert tips[0] == pytest.approx(tips[1], abs=1e-6)


@pytest.mark.parametrize('action', [np.full(4, np.nan), np.zeros(3)])
def test_an_invalid_action_is_refused(action: np.ndarray) -> None:
    made = insertion.InsertionEnv(images=False)
    made.reset(seed=0)
    with pytest.raises(ValueError, match='and finite'):
        made.step(action)


def test_unknown_options_are_named() -> None:
    with pytest.raises(ValueError, match="action = 'joints'; it must be one of xyz_yaw, twist"):
        insertion.InsertionEnv(action='joints')
