"""The conductor's rules: who may end an episode, and when time does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.ros.episodes import EpisodeParameters, Episodes
from robo_dopamine_ros.types import SECOND, Kept, Outcome, Phase, Progress

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
    assert silent.start('', T0 + 60 * SECOND) == 'the reward model is silent'
    silent.hear(Progress(stamp=T0, reason='no episode runs'), T0 + 60 * SECOND)
    assert silent.start('', T0 + 60 * SECOND) == ''
    assert not silent.tick(T0 + 62 * SECOND - 1)
    assert silent.tick(T0 + 62 * SECOND), 'it was heard once, and never in this episode'
    assert silent.episode.decided_by == 'silence of the reward model'


def test_a_proposal_has_its_grace_beyond_the_time_limit() -> None:
    episodes = running(accept_candidates=True, grace=1.0, time_limit=3.0, silence=0.0)
    episodes.hear(reading(episodes), T0 + 5 * SECOND // 2)
    assert not episodes.tick(T0 + 3 * SECOND)
    assert episodes.end(Outcome.FAILURE, 'Ada', T0 + 3 * SECOND) == ''
    late = running(accept_candidates=True, grace=1.0, time_limit=3.0, silence=0.0)
    late.hear(reading(late), T0 + 5 * SECOND // 2)
    late.hear(reading(late, candidate=False), T0 + 3 * SECOND)
    assert late.tick(T0 + 3 * SECOND)
    assert late.episode.outcome is Outcome.TIME_LIMIT


def test_a_model_that_begins_anew_ends_the_episode() -> None:
    episodes = running()
    heard = replace(reading(episodes, False), step=7)
    assert not episodes.hear(heard, T0)
    assert not episodes.hear(replace(heard, valid=False, step=0), T0), 'no reading, no step'
    assert episodes.hear(replace(heard, step=1), T0)
    assert episodes.episode.decided_by == 'restart of the reward model'


def test_an_episode_runs_once_its_reset_is_done() -> None:
    episodes = Episodes(EpisodeParameters(task='t', time_limit=1.0), 'run', resets=True)
    assert episodes.start('', T0) == ''
    assert episodes.episode.phase is Phase.RESETTING
    assert episodes.start('', T0 + 5 * SECOND) == 'episode run-0000 begins after its reset'
    refused = episodes.end(Outcome.SUCCESS, 'Ada', T0)
    assert refused == 'outcome = SUCCESS; an episode that does not run yet can be ABORTED only'
    assert not episodes.tick(T0 + 9 * SECOND), 'the time limit is that of the task'
    assert episodes.ready(T0 + 9 * SECOND) == ''
    assert (episodes.episode.phase, episodes.episode.id) == (Phase.RUNNING, 'run-0000')
    assert episodes.ready(T0 + 9 * SECOND) == 'no episode waits for its reset'
    assert episodes.tick(T0 + 10 * SECOND)


def test_a_person_confirms_by_asking_again_but_not_at_once() -> None:
    episodes = Episodes(EpisodeParameters(task='t'), 'run', resets=True, asks=True)
    episodes.start('', T0)
    assert 'begins after its reset' in episodes.start('', T0 + SECOND // 2)
    assert episodes.start('', T0 + SECOND) == ''
    assert episodes.running
    assert episodes.episode.index == 0


def test_a_latched_gate_aborts_and_lets_none_begin() -> None:
    episodes = running()
    assert not episodes.hear_gate(False, 'nobody acts', T0)
    assert episodes.hear_gate(True, 'stop service', T0)
    ended = episodes.episode
    assert (ended.outcome, ended.decided_by) == (Outcome.ABORTED, 'gate: stop service')
    assert not episodes.hear_gate(True, 'stop service', T0), 'it changes nothing twice'
    assert episodes.start('', T0) == 'the gate is latched: stop service; rearm it first'
    episodes.hear_gate(False, '', T0)
    assert episodes.start('', T0) == ''


def test_a_gate_that_falls_silent_aborts() -> None:
    episodes = running(silence=0.0)
    assert not episodes.tick(T0 + 50 * SECOND), 'where there is no gate, none is missed'
    episodes.hear_gate(False, '', T0 + 50 * SECOND)
    assert not episodes.tick(T0 + 51 * SECOND - 1)
    assert episodes.tick(T0 + 51 * SECOND)
    assert episodes.episode.decided_by == 'gate: silent'


def automatic(**parameters: object) -> Episodes:
    return running(auto=True, interval=2.0, silence=0.0, **parameters)


def test_the_next_begins_by_itself_after_the_interval() -> None:
    episodes = automatic(rollouts=2)
    episodes.end(Outcome.FAILURE, 'Ada', T0)
    assert not episodes.tick(T0 + 2 * SECOND - 1)
    assert episodes.tick(T0 + 2 * SECOND)
    assert (episodes.episode.index, episodes.running) == (1, True)
    episodes.end(Outcome.SUCCESS, 'Ada', T0 + 3 * SECOND)
    assert not episodes.tick(T0 + 90 * SECOND), 'two were wanted'
    assert episodes.words == 'ended: success by Ada; all 2 episodes are done'
    assert episodes.start('', T0 + 90 * SECOND) == '', 'but a person may want another'
    episodes.end(Outcome.SUCCESS, 'Ada', T0 + 91 * SECOND)
    assert not episodes.tick(T0 + 95 * SECOND)


def test_a_run_that_goes_on_counts_the_episodes_before() -> None:
    episodes = automatic(first=7, rollouts=9)
    assert (episodes.episode.index, episodes.episode.id) == (7, 'run-0007')
    episodes.end(Outcome.FAILURE, 'Ada', T0)
    assert episodes.tick(T0 + 2 * SECOND)
    assert episodes.episode.index == 8
    assert episodes.tally.begun == 2
    episodes.end(Outcome.FAILURE, 'Ada', T0 + 3 * SECOND)
    assert not episodes.tick(T0 + 90 * SECOND)
    assert episodes.prospect == 'all 9 episodes are done'


def test_after_an_abort_a_person_lets_them_go_on() -> None:
    episodes = automatic()
    episodes.hear_gate(True, 'arm fault', T0)
    episodes.hear_gate(False, '', T0 + SECOND)
    episodes.hear_gate(False, '', T0 + 5 * SECOND // 2)
    assert not episodes.tick(T0 + 3 * SECOND)
    assert 'no next episode by itself: ' in episodes.words
    assert episodes.prospect == 'none by itself: run-0000 was aborted by gate: arm fault'
    assert episodes.pause(False) == ''
    assert episodes.prospect == 'the next begins by itself'
    episodes.hear_gate(False, '', T0 + 3 * SECOND)
    assert episodes.tick(T0 + 3 * SECOND)


def test_who_lets_them_go_on_rearms_first() -> None:
    episodes = automatic()
    episodes.hear_gate(True, 'arm fault', T0)
    assert episodes.words == 'ended: aborted by gate: arm fault; the gate is latched'
    assert episodes.pause(False) == 'the gate is latched: arm fault; rearm it first'
    episodes.hear_gate(False, '', T0 + SECOND // 2)
    assert not episodes.tick(T0 + 9 * SECOND), 'to rearm is not to go on'


def test_the_first_begins_once_a_person_lets_them_go_on() -> None:
    episodes = Episodes(EpisodeParameters(task='t', auto=True, silence=0.0), 'run')
    assert not episodes.tick(T0)
    assert episodes.prospect == 'none by itself: nobody has begun the first'
    episodes.pause(False)
    assert episodes.tick(T0)
    assert episodes.prospect == 'run-0000 is running'
    asked = Episodes(EpisodeParameters(task='t'), 'run')
    asked.pause(False)
    assert not asked.tick(T0)
    assert asked.prospect == 'start_episode begins the next'


def test_a_latch_between_episodes_stops_them_too() -> None:
    episodes = automatic()
    episodes.end(Outcome.SUCCESS, 'Ada', T0)
    episodes.hear_gate(True, 'stop', T0 + SECOND)
    episodes.hear_gate(False, '', T0 + 2 * SECOND)
    assert not episodes.tick(T0 + 5 * SECOND // 2)


def test_paused_none_begins() -> None:
    episodes = automatic()
    episodes.pause(True)
    assert episodes.running, 'the one that runs does so on'
    episodes.end(Outcome.SUCCESS, 'Ada', T0)
    assert not episodes.tick(T0 + 60 * SECOND)
    assert episodes.start('', T0) == 'paused; call pause with false first'
    episodes.pause(False)
    assert episodes.tick(T0 + 60 * SECOND)


def recorded(**parameters: object) -> Episodes:
    limits = EpisodeParameters(task='t', auto=True, interval=1.0, recorded=True, **parameters)
    return Episodes(limits, 'run')


def keep(episodes: Episodes, now: int, reason: str = '') -> bool:
    return episodes.hear_recorder(Kept(now, ended=episodes.episode.id, reason=reason), now)


def test_none_begins_without_a_recorder_and_a_person_is_told() -> None:
    episodes = recorded()
    assert episodes.start('', T0) == 'the recorder is silent'
    nobody = 'no next episode by itself: nobody has begun the first'
    assert episodes.words == f'idle; the recorder is silent; {nobody}'
    keep(episodes, T0, 'the disk is full')
    assert episodes.start('', T0) == 'the recorder keeps nothing: the disk is full'
    keep(episodes, T0)
    assert episodes.start('', T0) == ''


def test_the_next_waits_until_the_end_is_kept() -> None:
    episodes = recorded()
    keep(episodes, T0)
    episodes.start('', T0)
    episodes.end(Outcome.SUCCESS, 'Ada', T0)
    assert not episodes.tick(T0 + SECOND)
    refused = episodes.start('', T0 + SECOND)
    assert refused == 'the recorder has not yet kept how run-0000 ended'
    keep(episodes, T0 + SECOND)
    assert episodes.tick(T0 + SECOND)
    assert episodes.episode.id == 'run-0001'


def test_a_recorder_that_is_lost_aborts_and_the_series_goes_on_once_it_is_back() -> None:
    episodes = recorded(silence=0.0)
    keep(episodes, T0)
    episodes.start('', T0)
    assert not episodes.tick(T0 + 2 * SECOND - 1)
    assert episodes.tick(T0 + 2 * SECOND)
    ended = episodes.episode
    assert (ended.outcome, ended.decided_by) == (Outcome.ABORTED, 'recorder: silent')
    assert not episodes.halted
    assert not episodes.tick(T0 + 60 * SECOND), 'nobody would record it'
    assert not keep(episodes, T0 + 60 * SECOND)
    assert episodes.tick(T0 + 60 * SECOND)
    assert keep(episodes, T0 + 61 * SECOND, 'read-only')
    assert episodes.episode.decided_by == 'recorder: read-only'
    assert not episodes.tick(T0 + 62 * SECOND)
    keep(episodes, T0 + 62 * SECOND)
    assert episodes.tick(T0 + 62 * SECOND)


def speak(episodes: Episodes, now: int) -> bool:
    """Say something, as the reward node does at every look, between episodes too."""
    return episodes.hear(replace(reading(episodes, False), stamp=now), now)


def silenced() -> tuple[Episodes, int]:
    """One that the reward model left, and when that was seen."""
    episodes = running(auto=True, interval=1.0, silence=2.0)
    speak(episodes, T0)
    assert episodes.tick(T0 + 2 * SECOND)
    assert episodes.episode.decided_by == 'silence of the reward model'
    return episodes, T0 + 2 * SECOND


def test_a_reward_model_that_is_lost_aborts_and_the_series_goes_on_once_it_is_back() -> None:
    episodes, now = silenced()
    assert not episodes.halted
    assert not episodes.tick(now + 60 * SECOND), 'nobody would watch it'
    assert episodes.prospect == 'the reward model is silent'
    speak(episodes, now + 60 * SECOND)
    assert episodes.tick(now + 60 * SECOND)
    assert episodes.running


def test_one_that_begins_anew_in_the_middle_does_not_end_the_series() -> None:
    episodes = running(auto=True, interval=1.0)
    episodes.hear(replace(reading(episodes, False), step=7), T0)
    assert episodes.hear(replace(reading(episodes, False), step=1), T0)
    assert episodes.episode.decided_by == 'restart of the reward model'
    assert episodes.tick(T0 + SECOND)


def test_episode_after_episode_without_a_reward_model_needs_a_person() -> None:
    episodes, now = silenced()
    for lost in (2, 3):
        speak(episodes, now + SECOND)
        assert episodes.tick(now + SECOND), 'it speaks'
        now += 3 * SECOND
        assert episodes.tick(now), f'loss {lost}'
    assert episodes.halted == 'silence of the reward model, 3 episodes in a row'
    speak(episodes, now + 9 * SECOND)
    assert not episodes.tick(now + 9 * SECOND)
    episodes.pause(False)
    assert episodes.tick(now + 9 * SECOND)


def test_losses_that_do_not_follow_one_another_need_nobody() -> None:
    episodes, now = silenced()
    for _ in range(6):
        speak(episodes, now + SECOND)
        assert episodes.tick(now + SECOND)
        now += SECOND
        if episodes.episode.index % 2:
            episodes.end(Outcome.FAILURE, 'Ada', now)
        else:
            now += 2 * SECOND
            assert episodes.tick(now)
    assert not episodes.halted


def test_what_else_halts_a_series_does_so_without_a_recorder_too() -> None:
    episodes = recorded()
    keep(episodes, T0)
    episodes.start('', T0)
    episodes.hear_gate(True, 'stop', T0)
    keep(episodes, T0, 'the disk is full')
    episodes.hear_gate(False, '', T0)
    keep(episodes, T0 + SECOND)
    episodes.hear_gate(False, '', T0 + SECOND)
    assert not episodes.tick(T0 + SECOND)
    assert episodes.halted == 'run-0000 was aborted by gate: stop'


def test_where_episodes_need_no_recorder_its_word_is_no_matter() -> None:
    episodes = running(silence=0.0)
    assert not episodes.hear_recorder(Kept(T0, reason='the disk is full'), T0)
    assert not episodes.tick(T0 + 60 * SECOND)


VERBS = ['start', 'end', 'ready', 'hear', 'doubt', 'anew', 'tick', 'latch', 'rearm', 'pause', 'go']
VERBS += ['keep', 'full']
STEPS = st.lists(
    st.tuples(st.sampled_from(VERBS), st.sampled_from(Outcome), st.integers(0, 3 * SECOND)),
    max_size=60,
)


def step(episodes: Episodes, verb: str, outcome: Outcome, now: int) -> None:
    if verb == 'start':
        episodes.start('', now)
    elif verb == 'end':
        episodes.end(outcome, 'Ada', now)
    elif verb == 'ready':
        episodes.ready(now)
    elif verb == 'tick':
        episodes.tick(now)
    elif verb in ('latch', 'rearm'):
        episodes.hear_gate(verb == 'latch', 'why', now)
    elif verb in ('keep', 'full'):
        keep(episodes, now, '' if verb == 'keep' else 'full')
    elif verb in ('pause', 'go'):
        episodes.pause(verb == 'pause')
    else:
        number = 0 if verb == 'anew' else 5
        episodes.hear(replace(reading(episodes, verb == 'hear'), step=number), now)


@given(STEPS, st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_whatever_happens_episodes_keep_their_laws(steps, auto, resets, asks, needed) -> None:
    limits = EpisodeParameters(
        task='t', accept_candidates=True, time_limit=10.0, auto=auto, recorded=needed
    )
    episodes = Episodes(limits, 'run', resets, asks)
    now, ended, latched, seen, told = T0, {}, False, [], None
    for verb, outcome, wait in steps:
        now, before = now + wait, episodes.episode
        meant = episodes.running and verb == 'end' and outcome is not Outcome.NONE
        step(episodes, verb, outcome, now)
        episode = episodes.episode
        latched = verb == 'latch' or (latched and verb not in ('rearm', 'tick'))
        if verb in ('keep', 'full'):
            told = (verb, before.id)
        if meant:
            assert (episode.outcome, episode.decided_by) == (outcome, 'Ada')
        if episode.id != before.id:
            assert before.phase in (Phase.IDLE, Phase.ENDED), 'two episodes at once'
            assert not latched
            if needed:
                assert told == ('keep', before.id), 'it would not be recorded'
            seen.append(episode.index)
        assert (episode.outcome is Outcome.NONE) == (episode.phase is not Phase.ENDED)
        assert bool(episode.decided_by) == (episode.phase is Phase.ENDED)
        if episode.phase is Phase.ENDED:
            assert ended.setdefault(episode.id, episode) == episode, 'it changed its mind'
    tally = episodes.tally
    assert seen == list(range(tally.begun))
    assert sum(tally.outcomes.values()) == sum(tally.deciders.values()) == len(ended)
    assert tally.begun - len(ended) == (episodes.running or episodes.resetting)
    assert list(tally.recent) == [e.outcome for e in ended.values()][-20:]


@given(st.integers(0, SECOND - 1), st.sampled_from([Outcome.FAILURE, Outcome.ABORTED]))
def test_within_the_grace_a_person_always_wins(wait: int, outcome: Outcome) -> None:
    episodes = running(accept_candidates=True, grace=1.0, time_limit=0.5)
    episodes.hear(reading(episodes), T0)
    for moment in range(0, wait, SECOND // 20):
        assert not episodes.tick(T0 + moment)
    assert episodes.end(outcome, 'Ada', T0 + wait) == ''
    assert not episodes.tick(T0 + 9 * SECOND)
    assert (episodes.episode.outcome, episodes.episode.decided_by) == (outcome, 'Ada')


def test_counts_are_told_in_words() -> None:
    episodes = running()
    episodes.hear_gate(True, 'stop', T0)
    assert {k: v for k, v in episodes.tally.values().items() if v} == {
        'episodes begun': 1,
        'episodes ended': 1,
        'aborted': 1,
        'decided by gate': 1,
        'aborted, last 20': 1,
    }


@pytest.mark.parametrize('name', ['first', 'rollouts'])
def test_counts_are_not_below_none(name: str) -> None:
    with pytest.raises(ValueError, match=f'{name} = -1; it must be 0 or more'):
        EpisodeParameters(**{name: -1})


@pytest.mark.parametrize('name', ['time_limit', 'grace', 'silence', 'interval'])
def test_parameters_refuse_what_cannot_be(name: str) -> None:
    with pytest.raises(ValueError, match=f'{name} = nan s; it must be 0 or more'):
        EpisodeParameters(**{name: float('nan')})
