"""Success rate over the last episodes."""

from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.episodes.stats import SuccessRate
from robo_dopamine_ros.types import Episode, Outcome, Phase


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.integers(1, 3)), max_size=40), st.data())
def test_every_episode_counts_once_and_the_last_twenty_make_the_rate(ends, data):
    success_rate, counted = SuccessRate(), []
    stop = data.draw(st.integers(0, len(ends)))
    for number, (outcome, repeats) in enumerate(ends):
        if number == stop:
            success_rate = SuccessRate(success_rate.state)
        success_rate.on_episode(Episode(f'e{number}', phase=Phase.RUNNING))
        for _ in range(repeats):
            success_rate.on_episode(Episode(f'e{number}', phase=Phase.ENDED, outcome=outcome))
        if outcome in (Outcome.SUCCESS, Outcome.FAILURE, Outcome.TIME_LIMIT):
            counted.append(outcome is Outcome.SUCCESS)
    assert success_rate.count == len(counted)
    if counted:
        assert success_rate.rate == sum(counted[-20:]) / len(counted[-20:])
    else:
        assert success_rate.rate != success_rate.rate
