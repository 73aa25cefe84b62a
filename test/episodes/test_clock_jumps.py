"""Limits of episodes hold whatever ROS time does: it stands still, goes back, and leaps ahead."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from robo_dopamine_ros.episodes.config import EpisodeParameters
from robo_dopamine_ros.episodes.state_machine import EpisodeStateMachine
from robo_dopamine_ros.types import SECOND, Instant, Outcome, Phase, Progress, RecorderStatus

HOUR = 3600 * SECOND
STAMPS = st.integers(0, 4_000_000_000 * SECOND)  # ROS time, as it happens to be
TICK = SECOND // 20
EVENTS = ('reading', 'candidate', 'gate', 'recorder', 'end', 'start', 'reset', 'nothing')
LIMITS = EpisodeParameters(
    task='t', time_limit=5.0, accept_candidates=True, reward_timeout=1.0, auto_start=True,
    interval=0.5, require_recorder=True,
)  # fmt: skip


def apply(machine: EpisodeStateMachine, event: str, now: Instant) -> None:
    """One event, and the tick that follows it."""
    reading = Progress(stamp=now.stamp, episode=machine.episode.id, valid=True, step=1)
    if event in ('reading', 'candidate'):
        machine.on_progress(replace(reading, success_candidate=event == 'candidate'), now)
    elif event == 'gate':
        machine.on_control(False, '', now)
    elif event == 'recorder':
        stored = RecorderStatus(now.stamp, ended_episode=machine.episode.id)
        machine.on_recorder_status(stored, now)
    elif event == 'end':
        machine.end(Outcome.FAILURE, 'Ada', now)
    elif event == 'start':
        machine.start('', now)
    elif event == 'reset':
        machine.reset_done(now)
    machine.tick(now)


@given(
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 2 * SECOND)), max_size=40),
    st.booleans(),
    st.data(),
)
def test_ros_time_changes_stamps_only(
    events: list[tuple[str, int]], resets: bool, data: DataObject
) -> None:
    machines = [EpisodeStateMachine(LIMITS, 'run', needs_reset=resets) for _ in range(2)]
    steady = 0
    for event, wait in events:
        steady += wait
        stamps = HOUR + steady, data.draw(STAMPS)
        for machine, stamp in zip(machines, stamps, strict=True):
            before = machine.episode
            apply(machine, event, Instant(steady, stamp))
            if machine.episode != before:
                assert machine.episode.stamp == stamp
        told, wild = machines
        assert replace(told.episode, stamp=0) == replace(wild.episode, stamp=0)
        assert (told.status, told.next_episode) == (wild.status, wild.next_episode)


@given(st.data(), st.sampled_from(['time limit', 'gate', 'reward model', 'recorder', 'candidate']))
def test_what_is_overdue_ends_the_episode_at_any_ros_time(data: DataObject, limit: str) -> None:
    """Everything but one thing goes on; the episode ends when that is overdue, never later."""
    machine = EpisodeStateMachine(LIMITS, 'run')
    apply(machine, 'recorder', Instant(0, data.draw(STAMPS)))
    assert machine.start('t', Instant(0, data.draw(STAMPS))) == ''
    began = data.draw(STAMPS)
    alive = {'gate', 'reading', 'recorder'}
    alive -= {'gate', 'reading', 'recorder'} & {limit, 'reading' if limit == 'reward model' else ''}
    for event in ('gate', 'reading', 'recorder'):
        apply(machine, event, Instant(0, began))
    if limit == 'candidate':
        alive = alive - {'reading'} | {'candidate'}
    due = {'time limit': 5.0, 'gate': 1.0, 'reward model': 1.0, 'recorder': 2.0, 'candidate': 1.05}
    for tick in range(1, 101):
        for event in sorted(alive):
            apply(machine, event, Instant(tick * TICK, data.draw(st.just(began) | STAMPS)))
        if machine.episode.phase is Phase.ENDED:
            break
    assert machine.episode.phase is Phase.ENDED
    assert tick * TICK == round(due[limit] * SECOND)
    named = {'time limit': 'clock', 'gate': 'gate: silent', 'recorder': 'recorder: silent',
             'reward model': 'silence of the reward model', 'candidate': 'grm'}  # fmt: skip
    assert machine.episode.decided_by == named[limit]
