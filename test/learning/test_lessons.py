"""Learning beside practice: as much as is due, in slices, and never less after a crash."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_run import DEMONSTRATED, PLAN, make_run, practise

from robo_dopamine_ros.learning import weights
from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.lessons import LessonParameters, Lessons
from robo_dopamine_ros.learning.outcomes import Outcomes
from robo_dopamine_ros.learning.plan import write_plan
from robo_dopamine_ros.learning.schema import StoreError
from robo_dopamine_ros.types import Episode, Outcome, Phase

OFTEN = LessonParameters(slice=4, publish=2.0, save=30.0)
FIRST, EACH = PLAN.practice.pretraining, PLAN.practice.updates


@pytest.fixture
def folder(tmp_path):
    return make_run(tmp_path / 'run')


def learn_all(lessons, now):
    while lessons.turn(now):
        pass


def bits(path):
    return {k: v.tolist() for k, v in weights.read(path).policy.state().items()}


@settings(deadline=None, max_examples=8)
@given(
    days=st.lists(
        st.tuples(st.integers(1, 6), st.integers(0, 4), st.booleans()), min_size=1, max_size=4
    ),
    size=st.integers(1, 7),
)
def test_so_many_steps_for_each_of_practice_and_never_one_more(tmp_path_factory, days, size):
    folder = make_run(tmp_path_factory.mktemp('day') / 'run')
    parameters = LessonParameters(slice=size)
    lessons, practised, version, now = Lessons(folder, parameters, 0.0), 0, 1, 0.0
    for number, (steps, turns, crash) in enumerate(days):
        practise(folder, f'episode/{number}', steps)
        practised += steps
        due = FIRST + EACH * practised
        for _ in range(turns):
            now += 1.5
            lessons.turn(now)
            assert lessons.pupil.agent.updates <= due
            assert lessons.pupil.agent.updates + lessons.owed == due
        if crash:
            lessons.close()
            lessons = Lessons(folder, parameters, now)
            assert lessons.pupil.agent.updates + lessons.owed == due
        assert lessons.version >= version
        version = lessons.version
    learn_all(lessons, now)
    assert lessons.pupil.agent.updates == due
    assert lessons.pupil.memory.demonstrations == DEMONSTRATED
    assert lessons.pupil.memory.replay == practised
    lessons.close()


def test_it_is_taken_up_where_it_was_put_away(folder):
    practise(folder, 'a', 4)
    ends = []
    for stop in (False, True):
        lessons = Lessons(folder, OFTEN, 0.0)
        if stop:
            lessons.turn(0.0)
            assert lessons.save() == ''
            lessons.close()
            lessons = Lessons(folder, OFTEN, 0.0)
        learn_all(lessons, 0.0)
        ends.append(lessons.pupil.agent.state())
        lessons.close()
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_weights_are_published_every_other_second_and_versions_only_rise(folder):
    practise(folder, 'a', 8)
    lessons, before = Lessons(folder, OFTEN, 0.0), bits(folder.weights)
    seen = []
    for tenth in range(0, 60, 5):
        practise(folder, f'b{tenth}', 2)
        lessons.turn(tenth / 10)
        seen.append(weights.read(folder.weights).version)
    learn_all(lessons, 6.0)
    lessons.turn(9.0)
    assert seen == [1] * 4 + [2] * 4 + [3] * 4
    assert weights.read(folder.weights).version == lessons.version > 1
    assert bits(folder.weights) != before
    version = lessons.version
    for second in range(9, 20):
        lessons.turn(float(second))
    assert lessons.version == version, 'nothing new was learned'
    lessons.close()


def test_after_a_crash_nothing_less_learned_is_published(folder):
    lessons = Lessons(folder, OFTEN, 0.0)
    practise(folder, 'a', 8)
    learn_all(lessons, 1.0)
    lessons.turn(2.0)
    assert lessons.version == 2
    lessons.close()  # without a checkpoint: that of the beginning stays
    practise(folder, 'b', 1)
    lessons, again = Lessons(folder, LessonParameters(slice=8, publish=0.0), 0.0), []
    assert (lessons.version, lessons.pupil.agent.updates) == (2, FIRST)
    while lessons.turn(1.0):
        again.append(weights.read(folder.weights).updates)
    assert again == [FIRST + 8 * EACH] * len(again) != []
    assert (lessons.version, weights.read(folder.weights).updates) == (3, FIRST + 9 * EACH)
    lessons.close()


@pytest.mark.parametrize('harm', [lambda path: path.unlink(), lambda path: path.write_bytes(b'no')])
def test_weights_that_cannot_be_used_are_published_again_under_a_higher_version(folder, harm):
    lessons = Lessons(folder, OFTEN, 0.0)
    practise(folder, 'a', 4)
    learn_all(lessons, 3.0)
    lessons.save()
    version = lessons.version
    lessons.close()
    harm(folder.weights)
    lessons = Lessons(folder, OFTEN, 0.0)
    lessons.turn(2.0)
    assert weights.read(folder.weights).version > version
    lessons.close()


def test_a_pause_is_caught_up_with(folder):
    lessons = Lessons(folder, OFTEN, 0.0)
    practise(folder, 'a', 5)
    assert not lessons.turn(0.0, learns=False)
    assert (lessons.pupil.agent.updates, lessons.owed) == (FIRST, 5 * EACH)
    learn_all(lessons, 1.0)
    assert lessons.pupil.agent.updates == FIRST + 5 * EACH
    lessons.close()


def test_losses_that_are_no_numbers_stop_it_and_the_last_good_weights_stay(folder):
    practise(folder, 'a', 4)
    good = {path: path.read_bytes() for path in (folder.weights, folder.checkpoint)}
    lessons = Lessons(folder, OFTEN, 0.0)
    with torch.no_grad():
        next(iter(lessons.pupil.agent.networks.critic.parameters())).fill_(torch.nan)
    for second in range(0, 90, 5):
        assert not lessons.turn(float(second))
    assert 'learning stopped after 5 gradient steps: the loss of the critic' in lessons.fault
    assert 'version 1' in lessons.fault
    assert lessons.save() == lessons.fault
    assert {path: path.read_bytes() for path in good} == good
    lessons.close()
    again = Lessons(folder, OFTEN, 0.0)
    learn_all(again, 0.0)
    assert again.fault == ''
    again.close()


def test_a_disk_that_takes_nothing_is_told_and_learning_goes_on(folder):
    practise(folder, 'a', 4)
    lessons = Lessons(folder, OFTEN, 0.0)
    block = folder.path / 'checkpoint.safetensors.part'
    block.mkdir()  # in the place where the new one is written
    lessons.turn(31.0)
    assert 'the checkpoint: ' in lessons.trouble
    assert lessons.turn(32.0)
    assert lessons.save() == lessons.trouble != ''
    block.rmdir()
    assert lessons.save() == ''
    assert lessons.trouble == ''
    lessons.close()


def damaged(folder):
    data = bytearray(folder.checkpoint.read_bytes())
    data[len(data) // 2] ^= 1
    folder.checkpoint.write_bytes(data)


def of_another_plan(folder):
    plan = PLAN.__class__(**{**vars(PLAN), 'gamma': 0.5})
    write_plan(plan, folder.path)


def without_a_checkpoint(folder):
    folder.checkpoint.unlink()


def with_another_store(folder):
    for path in folder.path.glob('experience.db*'):
        path.unlink()
    folder.store.write_text('this is no database, but long enough to be looked at' * 100)


WRONG = {
    damaged: r'checkpoint\.safetensors: .*damaged',
    of_another_plan: r'gamma is 0\.97 in the file, 0\.5 here',
    without_a_checkpoint: r'without checkpoint\.safetensors it is no run; '
    r'`robo-dopamine train --rollouts 0 --resume .*run` makes it',
    with_another_store: r'experience\.db: the store cannot be read',
}


@pytest.mark.parametrize('harm', WRONG, ids=lambda harm: harm.__name__)
def test_a_run_that_cannot_be_gone_on_with_is_refused_by_name(folder, harm):
    harm(folder)
    with pytest.raises((CheckpointError, StoreError), match=WRONG[harm]):
        Lessons(folder, OFTEN, 0.0)


def test_a_folder_that_is_none_names_the_command_that_makes_it(tmp_path):
    told = Folder(tmp_path / 'my run').lacks()
    assert 'without run.json, experience.db, checkpoint.safetensors it is no run' in told
    assert f"`robo-dopamine train --rollouts 0 --out '{tmp_path}/my run'` makes it" in told


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.integers(1, 3)), max_size=40), st.data())
def test_every_end_counts_once_and_the_last_twenty_make_the_rate(ends, data):
    outcomes, counted = Outcomes(), []
    stop = data.draw(st.integers(0, len(ends)))
    for number, (outcome, times) in enumerate(ends):
        if number == stop:
            outcomes = Outcomes(outcomes.facts)
        outcomes.hear(Episode(f'e{number}', phase=Phase.RUNNING))
        for _ in range(times):
            outcomes.hear(Episode(f'e{number}', phase=Phase.ENDED, outcome=outcome))
        if outcome in (Outcome.SUCCESS, Outcome.FAILURE, Outcome.TIME_LIMIT):
            counted.append(outcome is Outcome.SUCCESS)
    assert outcomes.count == len(counted)
    if counted:
        assert outcomes.rate == sum(counted[-20:]) / len(counted[-20:])
    else:
        assert outcomes.rate != outcomes.rate


def test_parameters_are_checked():
    with pytest.raises(ValueError, match='slice = 0; it must be 1 or more'):
        LessonParameters(slice=0)
    with pytest.raises(ValueError, match='publish = nan'):
        LessonParameters(publish=float('nan'))
