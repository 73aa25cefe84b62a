"""What a cell tells is taken in order, and what is said to be kept is."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from days import SIZES, frame, twist
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.learning.experience import Experience
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.intake import Intake, open_experience, reopen_experience
from robo_dopamine_ros.learning.plan import default_plan, write_plan
from robo_dopamine_ros.learning.schema import StoreError
from robo_dopamine_ros.learning.steps import Key, Step
from robo_dopamine_ros.types import SECOND, Episode, Kept, Mode, Outcome, Phase, Progress

TICK = SECOND // 10
KEYS = 'SELECT epoch, sequence FROM steps JOIN actors ON actors.id = actor ORDER BY steps.id'
PLAN = default_plan('calql')


def step(number: int, epoch: int = 1, episode: str = 'e', **other) -> Step:
    begin, end = (frame(number + i, (number + i) * TICK + epoch) for i in (0, 1))
    key = Key('live', epoch, number)
    given = {'key': key, 'episode': f'{episode}{epoch}', 'begin': begin, 'end': end}
    given |= {'mode': Mode.POLICY, 'twist': twist(number), 'gripper': 1.0, 'gripper_before': 1.0}
    return Step(**(given | other))


def word(name: str, stamp: int = TICK) -> Episode:
    return Episode(name, phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=stamp)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return made(tmp_path)


def made(path: Path) -> Folder:
    """A run that has a store."""
    folder = Folder(path)
    write_plan(PLAN, path)
    folder.checkpoint.touch()
    folder.weights.touch()
    open_experience(folder, PLAN, SIZES).close()
    return folder


def rows(folder: Folder, query: str = KEYS) -> list[tuple]:
    with closing(sqlite3.connect(folder.store)) as db:
        return db.execute(query).fetchall()


def said(intake: Intake) -> tuple[int, int]:
    return intake.kept.epoch, intake.kept.sequence


def test_only_the_step_that_comes_next_is_taken(folder):
    intake = Intake(lambda: reopen_experience(folder))
    assert intake.kept == Kept(0)
    for number in (1, 0, 0, 2, 1, 2, 1):
        intake.take(step(number), 0)
    assert rows(folder) == [(1, 0), (1, 1), (1, 2)]
    assert said(intake) == (1, 2)
    assert (intake.early, intake.late) == (2, 0)
    intake.take(step(1, 9), 0)
    intake.take(step(0, 9), 0)
    intake.take(step(3), 0)
    assert said(intake) == (9, 0)
    assert (intake.early, intake.late) == (3, 1)
    intake.close()


def test_a_policy_whose_clock_went_back_is_named(folder):
    intake = Intake(lambda: reopen_experience(folder))
    intake.take(step(0, 9), 0)
    for number in range(19):
        intake.take(step(number), 0)
    assert intake.kept.reason == ''
    intake.take(step(19), 0)
    assert intake.kept == Kept(0, 9, 0, '', intake.kept.reason)
    assert 'set its clock right' in intake.kept.reason
    intake.take(step(0, 10), 0)
    assert intake.kept == Kept(0, 10, 0)
    intake.close()


CHANGES = st.lists(
    st.tuples(st.sampled_from(['send', 'lose', 'repeat', 'actor', 'recorder', 'end', 'read'])),
    max_size=50,
)


@settings(max_examples=40, deadline=None)
@given(CHANGES)
def test_whatever_is_lost_or_sent_again_every_step_is_there_once(tmp_path_factory, changes):
    folder = made(tmp_path_factory.mktemp('run'))
    intake = Intake(lambda: reopen_experience(folder))
    epoch, made_steps, acknowledged = 1, 0, []
    for now, (change,) in enumerate(changes):
        if change == 'actor':
            epoch, made_steps = epoch + 1, 0
        elif change == 'recorder':
            intake.close()
            intake = Intake(lambda: reopen_experience(folder))
        elif change == 'end':
            intake.take(word(f'e{epoch}', now), now)
            assert intake.kept.ended == f'e{epoch}'
        elif change == 'read':
            intake.take(Progress(now + 1, f'e{epoch}', progress=0.5, valid=True), now)
        else:
            made_steps += change != 'repeat'
            first = intake.kept.sequence + 1 if intake.kept.epoch == epoch else 0
            again = range(0 if change == 'repeat' else first, made_steps)
            for number in () if change == 'lose' else again:
                intake.take(step(number, epoch), now)
            if change == 'send':
                assert said(intake) == (epoch, made_steps - 1)
        if rows(folder):
            acknowledged.append(said(intake))
        assert not intake.kept.reason
    intake.close()
    kept = rows(folder)
    assert kept == sorted(set(kept))
    for epoch, sequence in acknowledged:
        assert [(epoch, n) for n in range(sequence + 1)] == [k for k in kept if k[0] == epoch][
            : sequence + 1
        ]


def test_after_a_restart_it_says_what_was_kept_before(folder):
    intake = Intake(lambda: reopen_experience(folder))
    for event in (step(0), step(1), word('e1'), step(0, 5)):
        intake.take(event, 0)
    before = intake.kept
    intake.close()
    again = Intake(lambda: reopen_experience(folder))
    assert again.kept == before == Kept(0, 5, 0, 'e1')
    again.close()


def test_a_full_disk_is_said_and_used_again_once_there_is_room(folder):
    limit = [200_000]
    intake = Intake(lambda: reopen_experience(folder, limit[0]))
    number = 0
    while not intake.kept.reason:
        intake.take(step(number), 0)
        number += 1
    full = intake.kept
    assert full.sequence == number - 2
    assert 'database or disk is full; everything announced before is kept; free' in full.reason
    intake.take(step(number - 1), SECOND)
    intake.take(word('e1'), SECOND)
    intake.take(None, 9 * SECOND)
    intake.take(step(number - 1), 9 * SECOND)
    assert intake.kept.sequence == full.sequence
    assert 'disk is full' in intake.kept.reason
    assert intake.kept.ended == ''
    limit[0] = 0
    intake.take(None, 12 * SECOND)
    assert intake.kept.reason == ''
    intake.take(step(number - 1), 12 * SECOND)
    intake.take(word('e1'), 12 * SECOND)
    assert intake.kept == Kept(0, 1, number - 1, 'e1')
    intake.close()
    assert rows(folder) == [(1, n) for n in range(number)]


def test_a_store_that_cannot_be_opened_again_is_tried_from_time_to_time(folder):
    limit = [200_000]
    intake = Intake(lambda: reopen_experience(folder, limit[0]))
    number = 0
    while not intake.kept.reason:
        intake.take(step(number), 0)
        number += 1
    limit[0] = 0
    away = folder.store.rename(folder.path / 'away')
    intake.take(None, 3 * SECOND)
    assert 'without experience.db it is no run' in intake.kept.reason
    away.rename(folder.store)
    intake.take(None, 4 * SECOND)
    assert intake.kept.reason, 'it was tried a second ago'
    intake.take(None, 6 * SECOND)
    intake.take(step(number - 1), 6 * SECOND)
    assert intake.kept == Kept(0, 1, number - 1)
    intake.close()


def test_frames_of_another_kind_are_refused_until_others_come(folder):
    intake = Intake(lambda: reopen_experience(folder))
    wide = frame(1, TICK + 1)
    wide = type(wide)(wide.stamp, np.zeros(4, np.float16), wide.state)
    intake.take(step(0, end=wide), 0)
    assert 'frames of' in intake.kept.reason
    assert rows(folder) == []
    intake.take(step(0, 2), 0)
    assert intake.kept == Kept(0, 2, 0)
    intake.close()


def test_what_no_store_can_hold_is_a_fault_and_not_the_end(folder):
    intake = Intake(lambda: reopen_experience(folder))
    intake.take(step(0, policy_version=2**64 - 1), 0)
    assert 'too large' in intake.kept.reason
    intake.take(step(0), 3 * SECOND)
    assert intake.kept == Kept(0, 1, 0)
    intake.close()


def test_a_store_of_another_is_not_opened(folder, tmp_path):
    with (
        reopen_experience(folder),
        pytest.raises(StoreError, match='another process writes it; a store has one writer'),
    ):
        Intake(lambda: reopen_experience(folder))
    with pytest.raises(StoreError, match=r'without run\.json.* it is no run; `robo-dopamine train'):
        Intake(lambda: reopen_experience(Folder(tmp_path / 'nowhere')))


def test_there_is_one_home_for_what_a_plan_pays(folder):
    with pytest.raises(StoreError, match=r'was made with .*gamma'):
        Experience(folder.store, SIZES)
