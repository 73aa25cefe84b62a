"""Return bounds: their recursion, their ends, and what shaping does to them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.learning.returns import TERMINAL_VALUE, monte_carlo_returns, worst_case_value
from robo_dopamine_ros.reward.shaping import RewardParameters, step_reward
from robo_dopamine_ros.types import SECOND, Outcome

PARAMETERS = RewardParameters(gamma=0.97)
SEGMENTS = st.lists(
    st.tuples(st.integers(1, 3 * SECOND), st.floats(0.0, 1.0)), min_size=1, max_size=40
)
ENDS = [Outcome.SUCCESS, Outcome.FAILURE, Outcome.TIME_LIMIT, Outcome.NONE]


def steps_of(segment, first, outcome):
    """The rewards that shaping pays along a segment of (time, potential after it)."""
    stamp, potential, steps = 0, first, []
    for number, (time, following) in enumerate(segment, 1):
        end = outcome if number == len(segment) else Outcome.NONE
        steps.append(step_reward(stamp, stamp + time, potential, following, PARAMETERS, end))
        stamp, potential = stamp + time, following
    return steps


@given(segment=SEGMENTS, first=st.floats(0.0, 1.0), outcome=st.sampled_from(ENDS))
@settings(deadline=None)
def test_shaping_moves_every_bound_by_the_potential(segment, first, outcome):
    """On any steps of any length, whether the task ended or the segment was only cut."""
    steps = steps_of(segment, first, outcome)
    discounts = np.array([step.discount for step in steps])
    after = TERMINAL_VALUE if outcome.terminal else worst_case_value(segment[-1][1])
    shaped = monte_carlo_returns(np.array([step.reward for step in steps]), discounts, after)
    plain = monte_carlo_returns(np.array([step.success for step in steps]), discounts, 0.0)
    potentials = np.array([step.previous_potential for step in steps])
    np.testing.assert_allclose(shaped, plain - potentials, atol=1e-9)


def test_the_sum_by_hand():
    found = monte_carlo_returns(
        np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.25, 0.1]), TERMINAL_VALUE
    )
    np.testing.assert_allclose(found, [1 + 0.5 * (2 + 0.25 * 3), 2 + 0.25 * 3, 3])
    cut = monte_carlo_returns(np.array([1.0, 2.0]), np.array([0.5, 0.25]), -4.0)
    np.testing.assert_allclose(cut, [1 + 0.5 * (2 - 1), 1.0])


@pytest.mark.parametrize('steps', [1, 7, 200])
def test_a_segment_of_nothing_but_cost_has_the_bound_of_cal_ql(steps):
    rewards, discounts = np.full(steps, -1.0), np.full(steps, 0.99)
    found = monte_carlo_returns(
        rewards, discounts, worst_case_value(0.0, reward=-1.0, discount=0.99)
    )
    np.testing.assert_allclose(found, -1.0 / (1 - 0.99), rtol=1e-9)


def test_a_cut_never_promises_more_than_went_on():
    """The bound of a cut segment is at most that of the same segment seen to its end."""
    steps = steps_of([(SECOND // 10, p) for p in (0.2, 0.4, 0.1, 0.8, 0.9)], 0.1, Outcome.SUCCESS)
    rewards = np.array([step.reward for step in steps])
    discounts = np.array([step.discount for step in steps])
    whole = monte_carlo_returns(rewards, discounts, TERMINAL_VALUE)
    for cut in range(1, len(steps)):
        part = monte_carlo_returns(
            rewards[:cut], discounts[:cut], worst_case_value(steps[cut].previous_potential)
        )
        assert (part <= whole[:cut] + 1e-12).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r'rewards \(3,\) and discounts \(2,\)'):
        monte_carlo_returns(np.zeros(3), np.zeros(2), TERMINAL_VALUE)
    with pytest.raises(ValueError, match='discount = 1.0; it must be at least 0 and below 1'):
        worst_case_value(0.0, reward=-1.0, discount=1.0)
