"""A person's outcome may be corrected for a while; nothing is final before, one thing is after."""

from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.episodes.config import EpisodeParameters
from robo_dopamine_ros.episodes.state_machine import EpisodeStateMachine
from robo_dopamine_ros.types import SECOND, Instant, Outcome, Phase

T0 = 50 * SECOND
TIME = 3.0  # [s] for corrections


def at(seconds: float) -> Instant:
    steady = T0 + round(seconds * SECOND)
    return Instant(steady, steady + 900 * SECOND)


def running(**parameters: object) -> EpisodeStateMachine:
    episodes = EpisodeStateMachine(
        EpisodeParameters(**{'correction_time': TIME, **parameters}), 'run'
    )
    assert episodes.start('insert', at(0.0)) == ''
    return episodes


def test_a_success_pressed_by_mistake_is_corrected() -> None:
    episodes = running()
    assert episodes.claim(Outcome.SUCCESS, 'Ada', at(1.0)) == ''
    ended = episodes.episode
    assert (ended.phase, ended.outcome, ended.decided) == (Phase.ENDED, Outcome.NONE, False)
    assert episodes.status == 'ended: success by Ada, can be corrected for 3 s'
    assert episodes.stats.outcomes.total() == 0
    assert episodes.claim(Outcome.FAILURE, 'Bob', at(2.0)) == ''
    assert not episodes.tick(at(3.9))
    assert episodes.tick(at(4.0))
    final = episodes.episode
    assert (final.outcome, final.decided_by, final.stamp) == (Outcome.FAILURE, 'Bob', ended.stamp)
    assert episodes.stats.outcomes == {Outcome.FAILURE: 1}
    assert 'has ended: FAILURE by Bob' in episodes.claim(Outcome.SUCCESS, 'Ada', at(5.0))


def test_without_a_correction_time_an_outcome_is_final_at_once() -> None:
    episodes = running(correction_time=0.0)
    assert episodes.claim(Outcome.SUCCESS, 'Ada', at(1.0)) == ''
    assert episodes.episode.decided


def test_an_abort_is_final_at_once_and_withdraws_a_success() -> None:
    episodes = running()
    episodes.claim(Outcome.SUCCESS, 'Ada', at(1.0))
    episodes.claim(Outcome.ABORTED, 'Ada', at(1.5))
    assert episodes.tick(at(1.5))
    assert episodes.episode.outcome is Outcome.ABORTED
    other = running()
    other.claim(Outcome.ABORTED, 'Ada', at(1.0))
    assert other.episode.outcome is Outcome.ABORTED


def test_the_next_start_makes_it_final() -> None:
    episodes = running()
    episodes.claim(Outcome.SUCCESS, 'Ada', at(1.0))
    assert episodes.start('', at(1.2)) == ''
    assert episodes.stats.outcomes == {Outcome.SUCCESS: 1}
    assert episodes.episode.index == 1


def test_the_next_episode_waits_for_the_correction_time() -> None:
    episodes = running(auto_start=True, interval=0.5)
    episodes.claim(Outcome.SUCCESS, 'Ada', at(1.0))
    assert not episodes.tick(at(3.9))
    assert episodes.tick(at(4.0))
    assert (episodes.episode.index, episodes.episode.outcome) == (0, Outcome.SUCCESS)
    assert episodes.tick(at(4.0))
    assert (episodes.episode.index, episodes.running) == (1, True)


def test_the_model_decides_for_good() -> None:
    episodes = running(time_limit=2.0)
    assert episodes.tick(at(2.0))
    assert episodes.episode.decided


GIVEN = st.tuples(st.floats(0.0, 6.0), st.sampled_from(list(Outcome)))


@given(st.lists(GIVEN, max_size=8))
def test_an_episode_has_one_final_outcome_the_last_that_was_given_in_time(
    given: list[tuple[float, Outcome]],
) -> None:
    episodes, now, finals, claimed = running(time_limit=0.0), 0.0, [], Outcome.NONE

    def note() -> None:
        if episodes.episode.decided and episodes.episode not in finals:
            finals.append(episodes.episode)

    for wait, outcome in [*given, (TIME, Outcome.NONE)]:
        for _ in range(round(wait * 20)):
            now += 0.05
            episodes.tick(at(now))
            note()
        in_time = not finals and outcome is not Outcome.NONE
        claimed = outcome if in_time else claimed
        assert (episodes.claim(outcome, 'Ada', at(now)) == '') is in_time
        note()
    assert [final.outcome for final in finals] == ([claimed] if claimed else [])
    assert episodes.stats.outcomes.total() == len(finals)
