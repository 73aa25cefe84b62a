"""Steps are recorded in order, and what is reported as stored is stored."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_logs import SPEC, make_observation, make_twist

from robo_dopamine_ros.experience.schema import ExperienceError
from robo_dopamine_ros.experience.types import Step, StepId
from robo_dopamine_ros.experience.writer import ExperienceWriter, StepIngest
from robo_dopamine_ros.training.config import (
    RunDir,
    default_train_config,
    open_experience_writer,
    reopen_experience_writer,
    write_train_config,
)
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress, RecorderStatus

TICK = SECOND // 10
KEYS = 'SELECT epoch, sequence FROM steps JOIN actors ON actors.id = actor ORDER BY steps.id'
CONFIG = default_train_config('calql')


def step(number: int, epoch: int = 1, episode: str = 'e', **other) -> Step:
    begin, end = (make_observation(number + i, (number + i) * TICK + epoch) for i in (0, 1))
    key = StepId('live', epoch, number)
    given = {'id': key, 'episode': f'{episode}{epoch}', 'begin': begin, 'end': end}
    given |= {
        'mode': Mode.POLICY,
        'twist': make_twist(number),
        'gripper': 1.0,
        'gripper_before': 1.0,
    }
    return Step(**(given | other))


def ended(name: str, stamp: int = TICK) -> Episode:
    return Episode(name, phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=stamp)


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return made(tmp_path)


def made(path: Path) -> RunDir:
    """A run that has a store."""
    run_dir = RunDir(path)
    write_train_config(CONFIG, path)
    run_dir.checkpoint.touch()
    run_dir.weights.touch()
    open_experience_writer(run_dir, CONFIG, SPEC).close()
    return run_dir


def rows(run_dir: RunDir, query: str = KEYS) -> list[tuple]:
    with closing(sqlite3.connect(run_dir.database)) as db:
        return db.execute(query).fetchall()


def stored(ingest: StepIngest) -> tuple[int, int]:
    return ingest.status.epoch, ingest.status.sequence


def test_only_the_step_that_comes_next_is_taken(run_dir):
    ingest = StepIngest(lambda: reopen_experience_writer(run_dir))
    assert ingest.status == RecorderStatus(0)
    for number in (1, 0, 0, 2, 1, 2, 1):
        ingest.record(step(number), 0)
    assert rows(run_dir) == [(1, 0), (1, 1), (1, 2)]
    assert stored(ingest) == (1, 2)
    assert (ingest.early_steps, ingest.late_steps) == (2, 0)
    ingest.record(step(1, 9), 0)
    ingest.record(step(0, 9), 0)
    ingest.record(step(3), 0)
    assert stored(ingest) == (9, 0)
    assert (ingest.early_steps, ingest.late_steps) == (3, 1)
    ingest.close()


def test_a_policy_whose_clock_went_back_is_named(run_dir):
    ingest = StepIngest(lambda: reopen_experience_writer(run_dir))
    ingest.record(step(0, 9), 0)
    for number in range(19):
        ingest.record(step(number), 0)
    assert ingest.status.reason == ''
    ingest.record(step(19), 0)
    assert ingest.status == RecorderStatus(0, 9, 0, '', ingest.status.reason)
    assert 'set its clock right' in ingest.status.reason
    ingest.record(step(0, 10), 0)
    assert ingest.status == RecorderStatus(0, 10, 0)
    ingest.close()


CHANGES = st.lists(
    st.tuples(st.sampled_from(['send', 'lose', 'repeat', 'actor', 'recorder', 'end', 'read'])),
    max_size=50,
)


@settings(max_examples=40, deadline=None)
@given(CHANGES)
def test_whatever_is_lost_or_sent_again_every_step_is_there_once(tmp_path_factory, changes):
    run_dir = made(tmp_path_factory.mktemp('run'))
    ingest = StepIngest(lambda: reopen_experience_writer(run_dir))
    epoch, made_steps, acknowledged = 1, 0, []
    for now, (change,) in enumerate(changes):
        if change == 'actor':
            epoch, made_steps = epoch + 1, 0
        elif change == 'recorder':
            ingest.close()
            ingest = StepIngest(lambda: reopen_experience_writer(run_dir))
        elif change == 'end':
            ingest.record(ended(f'e{epoch}', now), now)
            assert ingest.status.ended_episode == f'e{epoch}'
        elif change == 'read':
            ingest.record(Progress(now + 1, f'e{epoch}', progress=0.5, valid=True), now)
        else:
            made_steps += change != 'repeat'
            first = ingest.status.sequence + 1 if ingest.status.epoch == epoch else 0
            again = range(0 if change == 'repeat' else first, made_steps)
            for number in () if change == 'lose' else again:
                ingest.record(step(number, epoch), now)
            if change == 'send':
                assert stored(ingest) == (epoch, made_steps - 1)
        if rows(run_dir):
            acknowledged.append(stored(ingest))
        assert not ingest.status.reason
    ingest.close()
    kept = rows(run_dir)
    assert kept == sorted(set(kept))
    for epoch, sequence in acknowledged:
        assert [(epoch, n) for n in range(sequence + 1)] == [k for k in kept if k[0] == epoch][
            : sequence + 1
        ]


def test_after_a_restart_it_says_what_was_kept_before(run_dir):
    ingest = StepIngest(lambda: reopen_experience_writer(run_dir))
    for event in (step(0), step(1), ended('e1'), step(0, 5)):
        ingest.record(event, 0)
    before = ingest.status
    ingest.close()
    again = StepIngest(lambda: reopen_experience_writer(run_dir))
    assert again.status == before == RecorderStatus(0, 5, 0, 'e1')
    again.close()


def test_a_full_disk_is_said_and_used_again_once_there_is_room(run_dir):
    limit = [200_000]
    ingest = StepIngest(lambda: reopen_experience_writer(run_dir, limit[0]))
    number = 0
    while not ingest.status.reason:
        ingest.record(step(number), 0)
        number += 1
    full = ingest.status
    assert full.sequence == number - 2
    assert 'database or disk is full; everything announced before is stored; free' in full.reason
    ingest.record(step(number - 1), SECOND)
    ingest.record(ended('e1'), SECOND)
    ingest.record(None, 9 * SECOND)
    ingest.record(step(number - 1), 9 * SECOND)
    assert ingest.status.sequence == full.sequence
    assert 'disk is full' in ingest.status.reason
    assert ingest.status.ended_episode == ''
    limit[0] = 0
    ingest.record(None, 12 * SECOND)
    assert ingest.status.reason == ''
    ingest.record(step(number - 1), 12 * SECOND)
    ingest.record(ended('e1'), 12 * SECOND)
    assert ingest.status == RecorderStatus(0, 1, number - 1, 'e1')
    ingest.close()
    assert rows(run_dir) == [(1, n) for n in range(number)]


def test_a_store_that_cannot_be_opened_again_is_tried_from_time_to_time(run_dir):
    limit = [200_000]
    ingest = StepIngest(lambda: reopen_experience_writer(run_dir, limit[0]))
    number = 0
    while not ingest.status.reason:
        ingest.record(step(number), 0)
        number += 1
    limit[0] = 0
    away = run_dir.database.rename(run_dir.path / 'away')
    ingest.record(None, 3 * SECOND)
    assert 'without experience.db it is no run' in ingest.status.reason
    away.rename(run_dir.database)
    ingest.record(None, 4 * SECOND)
    assert ingest.status.reason, 'it was tried a second ago'
    ingest.record(None, 6 * SECOND)
    ingest.record(step(number - 1), 6 * SECOND)
    assert ingest.status == RecorderStatus(0, 1, number - 1)
    ingest.close()


def test_frames_of_another_kind_are_refused_until_others_come(run_dir):
    ingest = StepIngest(lambda: reopen_experience_writer(run_dir))
    wide = make_observation(1, TICK + 1)
    wide = type(wide)(wide.stamp, np.zeros(4, np.float16), wide.state)
    ingest.record(step(0, end=wide), 0)
    assert 'observations of' in ingest.status.reason
    assert rows(run_dir) == []
    ingest.record(step(0, 2), 0)
    assert ingest.status == RecorderStatus(0, 2, 0)
    ingest.close()


def test_what_no_store_can_hold_is_a_fault_and_not_the_end(run_dir):
    ingest = StepIngest(lambda: reopen_experience_writer(run_dir))
    ingest.record(step(0, policy_version=2**64 - 1), 0)
    assert 'too large' in ingest.status.reason
    ingest.record(step(0), 3 * SECOND)
    assert ingest.status == RecorderStatus(0, 1, 0)
    ingest.close()


def test_a_store_of_another_is_not_opened(run_dir, tmp_path):
    with (
        reopen_experience_writer(run_dir),
        pytest.raises(
            ExperienceError, match='another process writes it; a database has one writer'
        ),
    ):
        StepIngest(lambda: reopen_experience_writer(run_dir))
    with pytest.raises(
        ExperienceError, match=r'without run\.json.* it is no run; `robo-dopamine train'
    ):
        StepIngest(lambda: reopen_experience_writer(RunDir(tmp_path / 'nowhere')))


def test_there_is_one_home_for_what_a_plan_pays(run_dir):
    with pytest.raises(ExperienceError, match=r'was made with .*gamma'):
        ExperienceWriter.open(run_dir.database, SPEC)
