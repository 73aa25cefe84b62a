"""Properties of the reward: it telescopes and keeps the optimal policy."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.reward.shaping import RewardParameters, RewardShaper, discount, step_reward
from robo_dopamine_ros.types import SECOND, Outcome, Progress

ENDS = [outcome for outcome in Outcome if outcome is not Outcome.NONE]
TICK = SECOND // 10
READINGS = st.lists(
    st.tuples(
        st.integers(1, 5 * SECOND),  # [ns] since the reading before
        st.floats(0.0, 1.0),  # progress
        st.booleans(),  # valid
    ),
    min_size=1,
    max_size=30,
)


def test_one_step_by_hand():
    reward = step_reward(0, TICK, 0.4, 0.5, RewardParameters(gamma=0.98))
    assert reward.discount == pytest.approx(0.98)
    assert reward.shaping == reward.reward == pytest.approx(0.98 * 0.5 - 0.4)
    assert (reward.potential, reward.previous_potential, reward.success) == (0.5, 0.4, 0.0)
    assert (reward.terminated, reward.truncated) == (False, False)


@pytest.mark.parametrize(
    ('outcome', 'reward', 'terminated', 'truncated'),
    [
        (Outcome.SUCCESS, 1.0 - 0.9, True, False),
        (Outcome.FAILURE, -0.9, True, False),
        (Outcome.TIME_LIMIT, 0.98 * 0.9 - 0.9, False, True),
        (Outcome.ABORTED, 0.98 * 0.9 - 0.9, False, True),
    ],
)
def test_the_last_step_by_hand(outcome, reward, terminated, truncated):
    rewarder = RewardShaper()
    rewarder.reset('e1')
    assert rewarder.update(Progress(0, 'e1', 1, progress=0.9, confidence=0.7, valid=True)) is None
    last = rewarder.end(outcome, TICK)
    assert last.reward == pytest.approx(reward)
    assert (last.terminated, last.truncated) == (terminated, truncated)
    assert last.potential == (0.0 if terminated else 0.9)
    assert (last.episode, last.step, last.confidence) == ('e1', 2, 0.7)
    assert (last.previous_stamp, last.stamp) == (0, TICK)


def test_discount_follows_time_and_not_the_number_of_steps():
    parameters = RewardParameters(gamma=0.98, period=0.1)
    assert discount(0.1, parameters) == pytest.approx(0.98)
    assert discount(0.05, parameters) ** 2 == pytest.approx(0.98)
    assert discount(1.0, parameters) == pytest.approx(0.98**10)


def test_only_the_outcome_of_the_episode_manager_gives_success_reward():
    """A model that is sure of success earns nothing by itself; a person's word pays without it."""
    rewarder = RewardShaper()
    for i in range(5):
        sure = Progress(i * TICK, progress=1.0, valid=True, success_candidate=True)
        reward = rewarder.update(sure)
        assert reward is None or reward.success == 0.0
    assert rewarder.end(Outcome.FAILURE, 5 * TICK).success == 0.0
    rewarder.reset()
    overruled = rewarder.end(Outcome.SUCCESS, 5 * TICK)
    assert (overruled.success, overruled.reward) == (1.0, 1.0)


def test_other_episodes_old_stamps_and_later_readings_give_no_reward():
    rewarder = RewardShaper()
    rewarder.reset('e1')
    rewarder.update(Progress(TICK, 'e1', progress=0.2, valid=True))
    assert rewarder.update(Progress(2 * TICK, 'e0', progress=0.9, valid=True)) is None
    assert rewarder.update(Progress(TICK, 'e1', progress=0.9, valid=True)) is None
    assert rewarder.update(Progress(2 * TICK, 'e1', progress=0.9)) is None
    bridged = rewarder.update(Progress(3 * TICK, 'e1', progress=0.3, valid=True))
    assert (bridged.previous_stamp, bridged.stamp) == (TICK, 3 * TICK)
    assert bridged.discount == pytest.approx(0.98**2)
    late = rewarder.end(Outcome.SUCCESS, 2 * TICK)  # the word is older than the last reading
    assert (late.previous_stamp, late.stamp, late.discount) == (3 * TICK, 3 * TICK, 1.0)
    assert rewarder.end(Outcome.SUCCESS, 9 * TICK) is None
    assert rewarder.update(Progress(9 * TICK, 'e1', progress=0.9, valid=True)) is None


@given(READINGS, st.integers(0, 5 * SECOND), st.sampled_from(ENDS), st.floats(0.9, 1.0))
def test_shaping_telescopes_over_any_episode_and_any_gaps(readings, wait, outcome, gamma):
    parameters = RewardParameters(gamma=gamma)
    rewarder = RewardShaper(parameters)
    stamp, rewards, first, last = 0, [], None, None
    for step, progress, valid in readings:
        stamp += step
        reading = Progress(stamp, progress=progress, valid=valid)
        rewards.append(rewarder.update(reading))
        first, last = (first or reading, reading) if valid else (first, last)
    rewards = [r for r in (*rewards, rewarder.end(outcome, stamp + wait)) if r is not None]
    assume(first is not None)
    factor, total = 1.0, 0.0
    for previous, reward in zip([None, *rewards], rewards, strict=False):
        assert previous is None or previous.stamp == reward.previous_stamp
        assert previous is None or previous.potential == reward.previous_potential
        assert 0.0 <= reward.potential <= 1.0
        total += factor * reward.shaping
        factor *= reward.discount
    elapsed = (stamp + wait - first.stamp) / SECOND
    assert factor == pytest.approx(gamma ** (elapsed / 0.1), rel=1e-9)
    left = 0.0 if outcome.terminal else factor * last.progress
    assert total == pytest.approx(left - first.progress, abs=1e-9)


class World:
    """A random small MDP: steps take their own time, some end the task, some are cut off."""

    def __init__(self, rng, states=5, actions=3):
        self.next = rng.dirichlet(np.full(states, 0.4), (states, actions))  # P(s' | s, a)
        self.time = rng.integers(1, 8, (states, actions)) * TICK // 2  # [ns]
        kinds = [Outcome.NONE, Outcome.NONE, Outcome.SUCCESS, Outcome.FAILURE, Outcome.TIME_LIMIT]
        self.outcome = rng.choice(
            len(kinds), (states, actions, states), p=[0.3, 0.3, 0.1, 0.1, 0.2]
        )
        self.kinds = kinds
        self.potential = rng.random(states)

    def values(self, parameters, shaped):
        """Q by value iteration on what the reward functions say; truncation bootstraps."""
        states, actions = self.time.shape
        reward, goes_on = np.zeros(self.outcome.shape), np.zeros(self.outcome.shape)
        for s, a, n in np.ndindex(*self.outcome.shape):
            step = step_reward(
                0,
                int(self.time[s, a]),
                self.potential[s],
                self.potential[n],
                parameters,
                self.kinds[self.outcome[s, a, n]],
            )
            reward[s, a, n] = step.reward if shaped else step.success
            goes_on[s, a, n] = 0.0 if step.terminated else step.discount
        q = np.zeros((states, actions))
        for _ in range(3000):
            target = (self.next * (reward + goes_on * q.max(1))).sum(2)
            if np.abs(target - q).max() < 1e-13:
                break
            q = target
        return q


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.8, 0.98))
def test_shaping_keeps_the_optimal_policy_of_random_mdps(seed, gamma):
    world = World(np.random.default_rng(seed))
    parameters = RewardParameters(gamma=gamma)
    plain, shaped = world.values(parameters, False), world.values(parameters, True)
    assert shaped == pytest.approx(plain - world.potential[:, None], abs=1e-9)
    best = plain >= plain.max(1, keepdims=True) - 1e-8
    assert (best == (shaped >= shaped.max(1, keepdims=True) - 1e-8)).all()


def test_a_terminal_potential_would_change_the_policy():
    """Why the rule is there: with Phi kept at the end, failing early at high progress pays."""
    parameters = RewardParameters()
    fails = step_reward(0, TICK, 0.0, 0.9, parameters, Outcome.FAILURE)
    assert fails.reward == 0.0
    kept = step_reward(0, TICK, 0.0, 0.9, parameters)
    assert kept.reward > 0.8


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        ({'gamma': 0.0}, r'gamma = 0\.0; it must be above 0 and at most 1'),
        ({'gamma': math.nan}, 'gamma = nan'),
        ({'period': 0.0}, r'period = 0\.0 s; it must be above 0'),
        ({'success': -1.0}, r'success = -1\.0; it must be 0 or more'),
    ],
)
def test_wrong_parameters_are_named(wrong, text):
    with pytest.raises(ValueError, match=text):
        RewardParameters(**wrong)


def test_negative_step_durations_are_refused():
    with pytest.raises(ValueError, match=r'dt = -1\.0 s; a step cannot take negative time'):
        step_reward(SECOND, 0, 0.1, 0.2, RewardParameters())


def test_an_episode_ends_with_a_named_outcome():
    with pytest.raises(ValueError, match='outcome = NONE'):
        RewardShaper().end(Outcome.NONE, 0)
