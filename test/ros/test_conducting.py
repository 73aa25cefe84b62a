"""The conductor's rules: who may end an episode, and when time does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.ros.episodes import EpisodeParameters, Episodes
from robo_dopamine_ros.types import SECOND, Outcome, Phase, Progress

T0 = 50 * SECOND


def running(**parameters: object) -> Episodes:
    episodes = Episodes(EpisodeParameters(**parameters), 'run')
    assert episodes.start('insert the peg', T0) == ''
    return episodes


def reading(episodes: Episodes, candidate: bool = True) -> Progress:
    return Progress(stamp=T0, episode=episodes.episode.id, valid=True, success_candidate=candidate)


def test_a_person_ends_an_episode_at_once() -> None:
    episodes = running()
    assert episodes.end(Outcome.SUCCESS, 'Ada', T0 + SECOND) == ''
    ended = episodes.episode
    assert (ended.phase, ended.outcome, ended.decided_by) == (Phase.ENDED, Outcome.SUCCESS, 'Ada')
    assert ended.stamp == T0 + SECOND


def test_ids_and_indices_differ_and_the_task_stays() -> None:
    episodes = running()
    first = episodes.episode
    episodes.end(Outcome.FAILURE, 'Ada', T0)
    assert episodes.start('', T0 + SECOND) == ''
    second = episodes.episode
    assert (first.id, second.id) == ('run-0000', 'run-0001')
    assert (first.index, second.index) == (0, 1)
    assert second.task == 'insert the peg'
    assert (second.outcome, second.decided_by) == (Outcome.NONE, '')


def test_refusals_say_why() -> None:
    idle = Episodes(EpisodeParameters(), 'run')
    assert idle.end(Outcome.SUCCESS, 'Ada', T0) == 'no episode runs'
    assert idle.start('', T0) == 'no task; say what is to be done'
    episodes = running()
    assert episodes.start('another', T0) == 'episode run-0000 runs; end it first'
    assert episodes.end(Outcome.NONE, 'Ada', T0).startswith('outcome = NONE; it must be')
    episodes.end(Outcome.SUCCESS, 'Ada', T0)
    again = episodes.end(Outcome.FAILURE, 'Bob', T0)
    assert again == 'no episode runs; run-0000 has ended: SUCCESS by Ada'


def test_a_proposal_becomes_final_after_the_grace_time() -> None:
    episodes = running(accept_candidates=True, grace=1.0)
    episodes.hear(reading(episodes), T0)
    assert episodes.proposed
    episodes.hear(reading(episodes), T0 + SECOND // 2)
    assert not episodes.tick(T0 + SECOND - 1)
    assert episodes.tick(T0 + SECOND)
    assert (episodes.episode.outcome, episodes.episode.decided_by) == (Outcome.SUCCESS, 'grm')


def test_a_person_overrules_a_proposal() -> None:
    episodes = running(accept_candidates=True, grace=1.0)
    episodes.hear(reading(episodes), T0)
    assert episodes.end(Outcome.FAILURE, 'Ada', T0 + SECOND // 2) == ''
    assert not episodes.tick(T0 + 2 * SECOND)
    assert episodes.episode.outcome is Outcome.FAILURE


def test_a_withdrawn_proposal_counts_for_nothing() -> None:
    episodes = running(accept_candidates=True, grace=1.0)
    episodes.hear(reading(episodes), T0)
    episodes.hear(reading(episodes, candidate=False), T0 + SECOND // 2)
    assert not episodes.tick(T0 + SECOND)
    episodes.hear(reading(episodes), T0 + SECOND)
    assert not episodes.tick(T0 + 2 * SECOND - 1)
    assert episodes.tick(T0 + 2 * SECOND)


def test_proposals_are_shown_but_not_accepted_unless_asked() -> None:
    episodes = running(silence=0.0)
    episodes.hear(reading(episodes), T0)
    assert episodes.proposed
    assert not episodes.tick(T0 + 100 * SECOND)


def test_readings_of_another_episode_are_not_heard() -> None:
    episodes = running(accept_candidates=True, grace=0.0)
    episodes.hear(Progress(stamp=T0, episode='other', valid=True, success_candidate=True), T0)
    assert not episodes.tick(T0)


def test_time_cuts_off_and_silence_too() -> None:
    limited = running(time_limit=3.0)
    assert not limited.tick(T0 + 3 * SECOND - 1)
    assert limited.tick(T0 + 3 * SECOND)
    assert (limited.episode.outcome, limited.episode.decided_by) == (Outcome.TIME_LIMIT, 'clock')
    silent = running(silence=2.0)
    assert not silent.tick(T0 + 50 * SECOND), 'a model that never spoke is not waited for'
    silent.hear(reading(silent, candidate=False), T0 + 50 * SECOND)
    assert silent.tick(T0 + 52 * SECOND)
    assert silent.episode.outcome is Outcome.ABORTED


STEPS = st.lists(
    st.tuples(
        st.sampled_from(['start', 'end', 'hear', 'doubt', 'tick']),
        st.sampled_from(Outcome),
        st.integers(0, 3 * SECOND),
    ),
    max_size=40,
)


@given(STEPS)
def test_an_episode_ends_once_by_a_name_and_never_changes_its_mind(steps) -> None:
    episodes = Episodes(EpisodeParameters(task='t', accept_candidates=True, time_limit=10.0), 'run')
    now, ended = T0, {}
    for verb, outcome, wait in steps:
        now += wait
        if verb == 'start':
            episodes.start('', now)
        elif verb == 'end':
            episodes.end(outcome, 'Ada', now)
        elif verb == 'tick':
            episodes.tick(now)
        else:
            episodes.hear(reading(episodes, verb == 'hear'), now)
        episode = episodes.episode
        assert (episode.outcome is Outcome.NONE) == (episode.phase is not Phase.ENDED)
        assert bool(episode.decided_by) == (episode.phase is Phase.ENDED)
        if episode.phase is Phase.ENDED:
            assert ended.setdefault(episode.id, episode) == episode


@pytest.mark.parametrize('name', ['time_limit', 'grace', 'silence'])
def test_parameters_refuse_what_cannot_be(name: str) -> None:
    with pytest.raises(ValueError, match=f'{name} = nan s; it must be 0 or more'):
        EpisodeParameters(**{name: float('nan')})
