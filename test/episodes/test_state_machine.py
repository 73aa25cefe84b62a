"""The state machine of episodes: who may end an episode, time-outs, automatic start."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.episodes.config import EpisodeParameters
from robo_dopamine_ros.episodes.state_machine import EpisodeStateMachine
from robo_dopamine_ros.types import SECOND, Instant, Outcome, Phase, Progress, RecorderStatus

T0 = 50 * SECOND  # steady time
AHEAD = 900 * SECOND  # of ROS time against it


def at(now: int) -> Instant:
    """The instant at a steady time [ns]."""
    return Instant(now, now + AHEAD)


def running(**parameters: object) -> EpisodeStateMachine:
    episodes = EpisodeStateMachine(EpisodeParameters(**parameters), 'run')
    assert episodes.start('insert the peg', at(T0)) == ''
    return episodes


def reading(episodes: EpisodeStateMachine, candidate: bool = True) -> Progress:
    return Progress(stamp=T0, episode=episodes.episode.id, valid=True, success_candidate=candidate)


def test_a_person_ends_an_episode_at_once() -> None:
    episodes = running()
    assert episodes.end(Outcome.SUCCESS, 'Ada', at(T0 + SECOND)) == ''
    ended = episodes.episode
    assert (ended.phase, ended.outcome, ended.decided_by) == (Phase.ENDED, Outcome.SUCCESS, 'Ada')
    assert ended.stamp == at(T0 + SECOND).stamp


def test_ids_and_indices_differ_and_the_task_stays() -> None:
    episodes = running()
    first = episodes.episode
    episodes.end(Outcome.FAILURE, 'Ada', at(T0))
    assert episodes.start('', at(T0 + SECOND)) == ''
    second = episodes.episode
    assert (first.id, second.id) == ('run-0000', 'run-0001')
    assert (first.index, second.index) == (0, 1)
    assert second.task == 'insert the peg'
    assert (second.outcome, second.decided_by) == (Outcome.NONE, '')


def test_refusals_give_the_reason() -> None:
    idle = EpisodeStateMachine(EpisodeParameters(), 'run')
    assert idle.end(Outcome.SUCCESS, 'Ada', at(T0)) == 'no episode runs'
    assert idle.start('', at(T0)) == 'no task; say what is to be done'
    episodes = running()
    assert episodes.start('another', at(T0)) == 'episode run-0000 runs; end it first'
    assert episodes.end(Outcome.NONE, 'Ada', at(T0)).startswith('outcome = NONE; it must be')
    episodes.end(Outcome.SUCCESS, 'Ada', at(T0))
    again = episodes.end(Outcome.FAILURE, 'Bob', at(T0))
    assert again == 'no episode runs; run-0000 has ended: SUCCESS by Ada'


def test_a_candidate_becomes_final_after_the_grace_period() -> None:
    episodes = running(accept_candidates=True, grace_period=1.0)
    episodes.on_progress(reading(episodes), at(T0))
    assert episodes.success_candidate
    episodes.on_progress(reading(episodes), at(T0 + SECOND // 2))
    assert not episodes.tick(at(T0 + SECOND - 1))
    assert episodes.tick(at(T0 + SECOND))
    assert (episodes.episode.outcome, episodes.episode.decided_by) == (Outcome.SUCCESS, 'grm')


def test_a_person_overrules_a_candidate() -> None:
    episodes = running(accept_candidates=True, grace_period=1.0)
    episodes.on_progress(reading(episodes), at(T0))
    assert episodes.end(Outcome.FAILURE, 'Ada', at(T0 + SECOND // 2)) == ''
    assert not episodes.tick(at(T0 + 2 * SECOND))
    assert episodes.episode.outcome is Outcome.FAILURE


def test_a_withdrawn_candidate_starts_the_grace_period_again() -> None:
    episodes = running(accept_candidates=True, grace_period=1.0)
    episodes.on_progress(reading(episodes), at(T0))
    episodes.on_progress(reading(episodes, candidate=False), at(T0 + SECOND // 2))
    assert not episodes.tick(at(T0 + SECOND))
    episodes.on_progress(reading(episodes), at(T0 + SECOND))
    assert not episodes.tick(at(T0 + 2 * SECOND - 1))
    assert episodes.tick(at(T0 + 2 * SECOND))


def test_candidates_are_not_accepted_by_default() -> None:
    episodes = running(reward_timeout=0.0)
    episodes.on_progress(reading(episodes), at(T0))
    assert episodes.success_candidate
    assert not episodes.tick(at(T0 + 100 * SECOND))


def test_readings_of_another_episode_are_ignored() -> None:
    episodes = running(accept_candidates=True, grace_period=0.0)
    episodes.on_progress(
        Progress(stamp=T0, episode='other', valid=True, success_candidate=True), at(T0)
    )
    assert not episodes.tick(at(T0))


def test_time_limit_and_reward_timeout() -> None:
    limited = running(time_limit=3.0)
    assert not limited.tick(at(T0 + 3 * SECOND - 1))
    assert limited.tick(at(T0 + 3 * SECOND))
    assert (limited.episode.outcome, limited.episode.decided_by) == (Outcome.TIME_LIMIT, 'clock')
    silent = running(reward_timeout=2.0)
    assert not silent.tick(at(T0 + 50 * SECOND)), 'a model that never spoke is not waited for'
    silent.on_progress(reading(silent, candidate=False), at(T0 + 50 * SECOND))
    assert silent.tick(at(T0 + 52 * SECOND))
    assert silent.episode.outcome is Outcome.ABORTED
    assert silent.start('', at(T0 + 60 * SECOND)) == 'the reward model is silent'
    silent.on_progress(Progress(stamp=T0, reason='no episode runs'), at(T0 + 60 * SECOND))
    assert silent.start('', at(T0 + 60 * SECOND)) == ''
    assert not silent.tick(at(T0 + 62 * SECOND - 1))
    assert silent.tick(at(T0 + 62 * SECOND)), 'it was heard once, and never in this episode'
    assert silent.episode.decided_by == 'silence of the reward model'


def test_the_grace_period_extends_the_time_limit() -> None:
    episodes = running(accept_candidates=True, grace_period=1.0, time_limit=3.0, reward_timeout=0.0)
    episodes.on_progress(reading(episodes), at(T0 + 5 * SECOND // 2))
    assert not episodes.tick(at(T0 + 3 * SECOND))
    assert episodes.end(Outcome.FAILURE, 'Ada', at(T0 + 3 * SECOND)) == ''
    late = running(accept_candidates=True, grace_period=1.0, time_limit=3.0, reward_timeout=0.0)
    late.on_progress(reading(late), at(T0 + 5 * SECOND // 2))
    late.on_progress(reading(late, candidate=False), at(T0 + 3 * SECOND))
    assert late.tick(at(T0 + 3 * SECOND))
    assert late.episode.outcome is Outcome.TIME_LIMIT


def test_a_restart_of_the_reward_model_aborts() -> None:
    episodes = running()
    heard = replace(reading(episodes, False), step=7)
    assert not episodes.on_progress(heard, at(T0))
    assert not episodes.on_progress(replace(heard, valid=False, step=0), at(T0)), (
        'no reading, no step'
    )
    assert episodes.on_progress(replace(heard, step=1), at(T0))
    assert episodes.episode.decided_by == 'restart of the reward model'


def test_an_episode_runs_once_its_reset_is_done() -> None:
    episodes = EpisodeStateMachine(
        EpisodeParameters(task='t', time_limit=1.0), 'run', needs_reset=True
    )
    assert episodes.start('', at(T0)) == ''
    assert episodes.episode.phase is Phase.RESETTING
    assert episodes.start('', at(T0 + 5 * SECOND)) == 'episode run-0000 begins after its reset'
    refused = episodes.end(Outcome.SUCCESS, 'Ada', at(T0))
    assert refused == 'outcome = SUCCESS; an episode that does not run yet can be ABORTED only'
    assert not episodes.tick(at(T0 + 9 * SECOND)), 'the time limit is that of the task'
    assert episodes.reset_done(at(T0 + 9 * SECOND)) == ''
    assert (episodes.episode.phase, episodes.episode.id) == (Phase.RUNNING, 'run-0000')
    assert episodes.reset_done(at(T0 + 9 * SECOND)) == 'no episode waits for its reset'
    assert episodes.tick(at(T0 + 10 * SECOND))


def test_a_second_start_confirms_a_manual_reset_but_not_at_once() -> None:
    episodes = EpisodeStateMachine(
        EpisodeParameters(task='t'), 'run', needs_reset=True, manual_reset=True
    )
    episodes.start('', at(T0))
    assert 'begins after its reset' in episodes.start('', at(T0 + SECOND // 2))
    assert episodes.start('', at(T0 + SECOND)) == ''
    assert episodes.running
    assert episodes.episode.index == 0


def test_a_latched_gate_aborts_and_blocks_the_start() -> None:
    episodes = running()
    assert not episodes.on_control(False, 'nobody acts', at(T0))
    assert episodes.on_control(True, 'stop service', at(T0))
    ended = episodes.episode
    assert (ended.outcome, ended.decided_by) == (Outcome.ABORTED, 'gate: stop service')
    assert not episodes.on_control(True, 'stop service', at(T0)), 'it changes nothing twice'
    assert (
        episodes.start('', at(T0))
        == 'the gate is latched: stop service; rearm it first (robo-dopamine rearm)'
    )
    episodes.on_control(False, '', at(T0))
    assert episodes.start('', at(T0)) == ''


def test_a_silent_gate_aborts() -> None:
    episodes = running(reward_timeout=0.0)
    assert not episodes.tick(at(T0 + 50 * SECOND)), 'where there is no gate, none is missed'
    episodes.on_control(False, '', at(T0 + 50 * SECOND))
    assert not episodes.tick(at(T0 + 51 * SECOND - 1))
    assert episodes.tick(at(T0 + 51 * SECOND))
    assert episodes.episode.decided_by == 'gate: silent'


def automatic(**parameters: object) -> EpisodeStateMachine:
    return running(auto_start=True, interval=2.0, reward_timeout=0.0, **parameters)


def test_the_next_episode_starts_automatically_after_the_interval() -> None:
    episodes = automatic(rollouts=2)
    episodes.end(Outcome.FAILURE, 'Ada', at(T0))
    assert not episodes.tick(at(T0 + 2 * SECOND - 1))
    assert episodes.tick(at(T0 + 2 * SECOND))
    assert (episodes.episode.index, episodes.running) == (1, True)
    episodes.end(Outcome.SUCCESS, 'Ada', at(T0 + 3 * SECOND))
    assert not episodes.tick(at(T0 + 90 * SECOND)), 'two were wanted'
    assert episodes.status == 'ended: success by Ada; all 2 episodes are done'
    assert episodes.start('', at(T0 + 90 * SECOND)) == '', 'but a person may want another'
    episodes.end(Outcome.SUCCESS, 'Ada', at(T0 + 91 * SECOND))
    assert not episodes.tick(at(T0 + 95 * SECOND))


def test_a_resumed_run_continues_the_count() -> None:
    episodes = automatic(first_index=7, rollouts=9)
    assert (episodes.episode.index, episodes.episode.id) == (7, 'run-0007')
    episodes.end(Outcome.FAILURE, 'Ada', at(T0))
    assert episodes.tick(at(T0 + 2 * SECOND))
    assert episodes.episode.index == 8
    assert episodes.stats.started == 2
    episodes.end(Outcome.FAILURE, 'Ada', at(T0 + 3 * SECOND))
    assert not episodes.tick(at(T0 + 90 * SECOND))
    assert episodes.next_episode == 'all 9 episodes are done'


def test_after_an_abort_a_person_allows_the_next() -> None:
    episodes = automatic()
    episodes.on_control(True, 'arm fault', at(T0))
    episodes.on_control(False, '', at(T0 + SECOND))
    episodes.on_control(False, '', at(T0 + 5 * SECOND // 2))
    assert not episodes.tick(at(T0 + 3 * SECOND))
    assert 'no next episode by itself: ' in episodes.status
    assert episodes.next_episode == 'none by itself: run-0000 was aborted by gate: arm fault'
    assert episodes.pause(False) == ''
    assert episodes.next_episode == 'the next begins by itself'
    episodes.on_control(False, '', at(T0 + 3 * SECOND))
    assert episodes.tick(at(T0 + 3 * SECOND))


def test_the_gate_must_be_rearmed_before_the_next() -> None:
    episodes = automatic()
    episodes.on_control(True, 'arm fault', at(T0))
    assert episodes.status == 'ended: aborted by gate: arm fault; the gate is latched'
    assert (
        episodes.pause(False)
        == 'the gate is latched: arm fault; rearm it first (robo-dopamine rearm)'
    )
    episodes.on_control(False, '', at(T0 + SECOND // 2))
    assert not episodes.tick(at(T0 + 9 * SECOND)), 'to rearm is not to go on'


def test_the_first_automatic_episode_needs_a_person() -> None:
    episodes = EpisodeStateMachine(
        EpisodeParameters(task='t', auto_start=True, reward_timeout=0.0), 'run'
    )
    assert not episodes.tick(at(T0))
    assert episodes.next_episode == 'none by itself: nobody has begun the first'
    episodes.pause(False)
    assert episodes.tick(at(T0))
    assert episodes.next_episode == 'run-0000 is running'
    asked = EpisodeStateMachine(EpisodeParameters(task='t'), 'run')
    asked.pause(False)
    assert not asked.tick(at(T0))
    assert asked.next_episode == 'start_episode begins the next'


def test_a_latch_between_episodes_blocks_the_automatic_start() -> None:
    episodes = automatic()
    episodes.end(Outcome.SUCCESS, 'Ada', at(T0))
    episodes.on_control(True, 'stop', at(T0 + SECOND))
    episodes.on_control(False, '', at(T0 + 2 * SECOND))
    assert not episodes.tick(at(T0 + 5 * SECOND // 2))


def test_no_episode_starts_while_paused() -> None:
    episodes = automatic()
    episodes.pause(True)
    assert episodes.running, 'the one that runs does so on'
    episodes.end(Outcome.SUCCESS, 'Ada', at(T0))
    assert not episodes.tick(at(T0 + 60 * SECOND))
    assert episodes.start('', at(T0)) == 'paused; call pause with false first'
    episodes.pause(False)
    assert episodes.tick(at(T0 + 60 * SECOND))


def with_recorder(**parameters: object) -> EpisodeStateMachine:
    limits = EpisodeParameters(
        task='t', auto_start=True, interval=1.0, require_recorder=True, **parameters
    )
    return EpisodeStateMachine(limits, 'run')


def store(episodes: EpisodeStateMachine, now: int, reason: str = '') -> bool:
    return episodes.on_recorder_status(
        RecorderStatus(now, ended_episode=episodes.episode.id, reason=reason), at(now)
    )


def test_no_episode_starts_without_a_required_recorder() -> None:
    episodes = with_recorder()
    assert episodes.start('', at(T0)) == 'the recorder is silent'
    nobody = 'no next episode by itself: nobody has begun the first'
    assert episodes.status == f'idle; the recorder is silent; {nobody}'
    store(episodes, T0, 'the disk is full')
    assert episodes.start('', at(T0)) == 'the recorder can store nothing: the disk is full'
    store(episodes, T0)
    assert episodes.start('', at(T0)) == ''


def test_the_next_waits_until_the_end_is_stored() -> None:
    episodes = with_recorder()
    store(episodes, T0)
    episodes.start('', at(T0))
    episodes.end(Outcome.SUCCESS, 'Ada', at(T0))
    assert not episodes.tick(at(T0 + SECOND))
    refused = episodes.start('', at(T0 + SECOND))
    assert refused == 'the recorder has not yet stored the end of run-0000'
    store(episodes, T0 + SECOND)
    assert episodes.tick(at(T0 + SECOND))
    assert episodes.episode.id == 'run-0001'


def test_a_lost_recorder_aborts_and_the_series_continues_once_it_is_back() -> None:
    episodes = with_recorder(reward_timeout=0.0)
    store(episodes, T0)
    episodes.start('', at(T0))
    assert not episodes.tick(at(T0 + 2 * SECOND - 1))
    assert episodes.tick(at(T0 + 2 * SECOND))
    ended = episodes.episode
    assert (ended.outcome, ended.decided_by) == (Outcome.ABORTED, 'recorder: silent')
    assert not episodes.auto_start_blocked
    assert not episodes.tick(at(T0 + 60 * SECOND)), 'nobody would record it'
    assert not store(episodes, T0 + 60 * SECOND)
    assert episodes.tick(at(T0 + 60 * SECOND))
    assert store(episodes, T0 + 61 * SECOND, 'read-only')
    assert episodes.episode.decided_by == 'recorder: read-only'
    assert not episodes.tick(at(T0 + 62 * SECOND))
    store(episodes, T0 + 62 * SECOND)
    assert episodes.tick(at(T0 + 62 * SECOND))


def publish_reading(episodes: EpisodeStateMachine, now: int) -> bool:
    """Publish a reading, as the reward node does between episodes too."""
    return episodes.on_progress(replace(reading(episodes, False), stamp=now), at(now))


def reward_model_lost() -> tuple[EpisodeStateMachine, int]:
    """A state machine whose reward model is lost, and when that was detected."""
    episodes = running(auto_start=True, interval=1.0, reward_timeout=2.0)
    publish_reading(episodes, T0)
    assert episodes.tick(at(T0 + 2 * SECOND))
    assert episodes.episode.decided_by == 'silence of the reward model'
    return episodes, T0 + 2 * SECOND


def test_a_lost_reward_model_aborts_and_the_series_continues_once_it_is_back() -> None:
    episodes, now = reward_model_lost()
    assert not episodes.auto_start_blocked
    assert not episodes.tick(at(now + 60 * SECOND)), 'nobody would watch it'
    assert episodes.next_episode == 'the reward model is silent'
    publish_reading(episodes, now + 60 * SECOND)
    assert episodes.tick(at(now + 60 * SECOND))
    assert episodes.running


def test_a_restart_in_the_middle_does_not_end_the_series() -> None:
    episodes = running(auto_start=True, interval=1.0)
    episodes.on_progress(replace(reading(episodes, False), step=7), at(T0))
    assert episodes.on_progress(replace(reading(episodes, False), step=1), at(T0))
    assert episodes.episode.decided_by == 'restart of the reward model'
    assert episodes.tick(at(T0 + SECOND))


def test_consecutive_losses_need_a_person() -> None:
    episodes, now = reward_model_lost()
    for lost in (2, 3):
        publish_reading(episodes, now + SECOND)
        assert episodes.tick(at(now + SECOND)), 'it speaks'
        now += 3 * SECOND
        assert episodes.tick(at(now)), f'loss {lost}'
    assert episodes.auto_start_blocked == 'silence of the reward model, 3 episodes in a row'
    publish_reading(episodes, now + 9 * SECOND)
    assert not episodes.tick(at(now + 9 * SECOND))
    episodes.pause(False)
    assert episodes.tick(at(now + 9 * SECOND))


def test_separate_losses_need_nobody() -> None:
    episodes, now = reward_model_lost()
    for _ in range(6):
        publish_reading(episodes, now + SECOND)
        assert episodes.tick(at(now + SECOND))
        now += SECOND
        if episodes.episode.index % 2:
            episodes.end(Outcome.FAILURE, 'Ada', at(now))
        else:
            now += 2 * SECOND
            assert episodes.tick(at(now))
    assert not episodes.auto_start_blocked


def test_a_latch_blocks_the_series_without_a_recorder_too() -> None:
    episodes = with_recorder()
    store(episodes, T0)
    episodes.start('', at(T0))
    episodes.on_control(True, 'stop', at(T0))
    store(episodes, T0, 'the disk is full')
    episodes.on_control(False, '', at(T0))
    store(episodes, T0 + SECOND)
    episodes.on_control(False, '', at(T0 + SECOND))
    assert not episodes.tick(at(T0 + SECOND))
    assert episodes.auto_start_blocked == 'run-0000 was aborted by gate: stop'


def test_a_recorder_that_is_not_required_is_ignored() -> None:
    episodes = running(reward_timeout=0.0)
    assert not episodes.on_recorder_status(RecorderStatus(T0, reason='the disk is full'), at(T0))
    assert not episodes.tick(at(T0 + 60 * SECOND))


VERBS = [
    'start',
    'end',
    'ready',
    'candidate',
    'reading',
    'restart',
    'tick',
    'latch',
    'rearm',
    'pause',
    'go',
]
VERBS += ['stored', 'full']
STEPS = st.lists(
    st.tuples(st.sampled_from(VERBS), st.sampled_from(Outcome), st.integers(0, 3 * SECOND)),
    max_size=60,
)


def step(episodes: EpisodeStateMachine, verb: str, outcome: Outcome, now: int) -> None:
    if verb == 'start':
        episodes.start('', at(now))
    elif verb == 'end':
        episodes.end(outcome, 'Ada', at(now))
    elif verb == 'ready':
        episodes.reset_done(at(now))
    elif verb == 'tick':
        episodes.tick(at(now))
    elif verb in ('latch', 'rearm'):
        episodes.on_control(verb == 'latch', 'why', at(now))
    elif verb in ('stored', 'full'):
        store(episodes, now, '' if verb == 'stored' else 'full')
    elif verb in ('pause', 'go'):
        episodes.pause(verb == 'pause')
    else:
        number = 0 if verb == 'restart' else 5
        episodes.on_progress(replace(reading(episodes, verb == 'candidate'), step=number), at(now))


@given(STEPS, st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_invariants_hold_for_any_sequence_of_events(steps, auto, resets, asks, needed) -> None:
    limits = EpisodeParameters(
        task='t', accept_candidates=True, time_limit=10.0, auto_start=auto, require_recorder=needed
    )
    episodes = EpisodeStateMachine(limits, 'run', resets, asks)
    now, ended, latched, seen, told = T0, {}, False, [], None
    for verb, outcome, wait in steps:
        now, before = now + wait, episodes.episode
        meant = episodes.running and verb == 'end' and outcome is not Outcome.NONE
        step(episodes, verb, outcome, now)
        episode = episodes.episode
        latched = verb == 'latch' or (latched and verb not in ('rearm', 'tick'))
        if verb in ('stored', 'full'):
            told = (verb, before.id)
        if meant:
            assert (episode.outcome, episode.decided_by) == (outcome, 'Ada')
        if episode.id != before.id:
            assert before.phase in (Phase.IDLE, Phase.ENDED), 'two episodes at once'
            assert not latched
            if needed:
                assert told == ('stored', before.id), 'it would not be recorded'
            seen.append(episode.index)
        assert (episode.outcome is Outcome.NONE) == (episode.phase is not Phase.ENDED)
        assert bool(episode.decided_by) == (episode.phase is Phase.ENDED)
        if episode.phase is Phase.ENDED:
            assert ended.setdefault(episode.id, episode) == episode, 'it changed its mind'
    stats = episodes.stats
    assert seen == list(range(stats.started))
    assert sum(stats.outcomes.values()) == sum(stats.deciders.values()) == len(ended)
    assert stats.started - len(ended) == (episodes.running or episodes.resetting)
    assert list(stats.recent) == [e.outcome for e in ended.values()][-20:]


@given(st.integers(0, SECOND - 1), st.sampled_from([Outcome.FAILURE, Outcome.ABORTED]))
def test_a_person_always_wins_within_the_grace_period(wait: int, outcome: Outcome) -> None:
    episodes = running(accept_candidates=True, grace_period=1.0, time_limit=0.5)
    episodes.on_progress(reading(episodes), at(T0))
    for moment in range(0, wait, SECOND // 20):
        assert not episodes.tick(at(T0 + moment))
    assert episodes.end(outcome, 'Ada', at(T0 + wait)) == ''
    assert not episodes.tick(at(T0 + 9 * SECOND))
    assert (episodes.episode.outcome, episodes.episode.decided_by) == (outcome, 'Ada')


def test_diagnostic_values() -> None:
    episodes = running()
    episodes.on_control(True, 'stop', at(T0))
    values = episodes.stats.diagnostic_values()
    (last,) = json.loads(str(values.pop('last 20 episodes')))
    assert (last['id'], last['outcome']) == ('run-0000', 'aborted')
    assert last['decided_by'] == 'gate: stop'
    assert {k: v for k, v in values.items() if v} == {
        'episodes begun': 1,
        'episodes ended': 1,
        'aborted': 1,
        'decided by gate': 1,
        'aborted, last 20': 1,
    }


@pytest.mark.parametrize('name', ['first_index', 'rollouts'])
def test_negative_counts_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f'{name} = -1; it must be 0 or more'):
        EpisodeParameters(**{name: -1})


@pytest.mark.parametrize('name', ['time_limit', 'grace_period', 'reward_timeout', 'interval'])
def test_invalid_times_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f'{name} = nan s; it must be 0 or more'):
        EpisodeParameters(**{name: float('nan')})
