"""The learner loop: as many updates as are due, and never fewer after a crash."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_run import CONFIG, DEMONSTRATED, add_policy_episode, make_run

from robo_dopamine_ros.checkpoint import CheckpointError
from robo_dopamine_ros.experience.schema import ExperienceError
from robo_dopamine_ros.policy import weights
from robo_dopamine_ros.training.config import RunDir, write_train_config
from robo_dopamine_ros.training.learner_loop import LearnerLoop, LearnerLoopParameters

OFTEN = LearnerLoopParameters(updates_per_step=4, publish_period=2.0, save_period=30.0)
FIRST, EACH = CONFIG.online.pretraining_steps, CONFIG.online.updates_per_step


@pytest.fixture
def run_dir(tmp_path):
    return make_run(tmp_path / 'run')


def learn_all(loop, now):
    while loop.step(now):
        pass


def bits(path):
    return {k: v.tolist() for k, v in weights.load_policy(path).policy.state_dict().items()}


@settings(deadline=None, max_examples=8)
@given(
    days=st.lists(
        st.tuples(st.integers(1, 6), st.integers(0, 4), st.booleans()), min_size=1, max_size=4
    ),
    size=st.integers(1, 7),
)
def test_so_many_steps_for_each_of_practice_and_never_one_more(tmp_path_factory, days, size):
    run_dir = make_run(tmp_path_factory.mktemp('day') / 'run')
    parameters = LearnerLoopParameters(updates_per_step=size)
    loop, recorded, version, now = LearnerLoop.open(run_dir, parameters, 0.0), 0, 1, 0.0
    for number, (steps, turns, crash) in enumerate(days):
        add_policy_episode(run_dir, f'episode/{number}', steps)
        recorded += steps
        due = FIRST + EACH * recorded
        for _ in range(turns):
            now += 1.5
            loop.step(now)
            assert loop.trainer.agent.updates <= due
            assert loop.trainer.agent.updates + loop.updates_due == due
        if crash:
            loop.close()
            loop = LearnerLoop.open(run_dir, parameters, now)
            assert loop.trainer.agent.updates + loop.updates_due == due
        assert loop.policy_version >= version
        version = loop.policy_version
    learn_all(loop, now)
    assert loop.trainer.agent.updates == due
    assert loop.trainer.replay_buffer.demonstrations == DEMONSTRATED
    assert loop.trainer.replay_buffer.replay == recorded
    loop.close()


def test_training_resumes_from_the_checkpoint(run_dir):
    add_policy_episode(run_dir, 'a', 4)
    ends = []
    for stop in (False, True):
        loop = LearnerLoop.open(run_dir, OFTEN, 0.0)
        if stop:
            loop.step(0.0)
            assert loop.save() == ''
            loop.close()
            loop = LearnerLoop.open(run_dir, OFTEN, 0.0)
        learn_all(loop, 0.0)
        ends.append(loop.trainer.agent.state_dict())
        loop.close()
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_weights_are_published_every_other_second_and_versions_only_rise(run_dir):
    add_policy_episode(run_dir, 'a', 8)
    loop, before = LearnerLoop.open(run_dir, OFTEN, 0.0), bits(run_dir.weights)
    seen = []
    for tenth in range(0, 60, 5):
        add_policy_episode(run_dir, f'b{tenth}', 2)
        loop.step(tenth / 10)
        seen.append(weights.load_policy(run_dir.weights).version)
    learn_all(loop, 6.0)
    loop.step(9.0)
    assert seen == [1] * 4 + [2] * 4 + [3] * 4
    assert weights.load_policy(run_dir.weights).version == loop.policy_version > 1
    assert bits(run_dir.weights) != before
    version = loop.policy_version
    for second in range(9, 20):
        loop.step(float(second))
    assert loop.policy_version == version, 'nothing new was learned'
    loop.close()


def test_after_a_crash_nothing_less_learned_is_published(run_dir):
    loop = LearnerLoop.open(run_dir, OFTEN, 0.0)
    add_policy_episode(run_dir, 'a', 8)
    learn_all(loop, 1.0)
    loop.step(2.0)
    assert loop.policy_version == 2
    loop.close()  # without a checkpoint: that of the beginning stays
    add_policy_episode(run_dir, 'b', 1)
    loop, again = (
        LearnerLoop.open(
            run_dir, LearnerLoopParameters(updates_per_step=8, publish_period=0.0), 0.0
        ),
        [],
    )
    assert (loop.policy_version, loop.trainer.agent.updates) == (2, FIRST)
    while loop.step(1.0):
        again.append(weights.load_policy(run_dir.weights).updates)
    assert again == [FIRST + 8 * EACH] * len(again) != []
    assert (loop.policy_version, weights.load_policy(run_dir.weights).updates) == (
        3,
        FIRST + 9 * EACH,
    )
    loop.close()


@pytest.mark.parametrize('harm', [lambda path: path.unlink(), lambda path: path.write_bytes(b'no')])
def test_weights_that_cannot_be_used_are_published_again_under_a_higher_version(run_dir, harm):
    loop = LearnerLoop.open(run_dir, OFTEN, 0.0)
    add_policy_episode(run_dir, 'a', 4)
    learn_all(loop, 3.0)
    loop.save()
    version = loop.policy_version
    loop.close()
    harm(run_dir.weights)
    loop = LearnerLoop.open(run_dir, OFTEN, 0.0)
    loop.step(2.0)
    assert weights.load_policy(run_dir.weights).version > version
    loop.close()


def test_a_pause_is_caught_up_with(run_dir):
    loop = LearnerLoop.open(run_dir, OFTEN, 0.0)
    add_policy_episode(run_dir, 'a', 5)
    assert not loop.step(0.0, learns=False)
    assert (loop.trainer.agent.updates, loop.updates_due) == (FIRST, 5 * EACH)
    learn_all(loop, 1.0)
    assert loop.trainer.agent.updates == FIRST + 5 * EACH
    loop.close()


def test_losses_that_are_no_numbers_stop_it_and_the_last_good_weights_stay(run_dir):
    add_policy_episode(run_dir, 'a', 4)
    good = {path: path.read_bytes() for path in (run_dir.weights, run_dir.checkpoint)}
    loop = LearnerLoop.open(run_dir, OFTEN, 0.0)
    with torch.no_grad():
        next(iter(loop.trainer.agent.networks.critic.parameters())).fill_(torch.nan)
    for second in range(0, 90, 5):
        assert not loop.step(float(second))
    assert 'learning stopped after 5 gradient steps: the loss of the critic' in loop.fault
    assert 'version 1' in loop.fault
    assert loop.save() == loop.fault
    assert {path: path.read_bytes() for path in good} == good
    loop.close()
    again = LearnerLoop.open(run_dir, OFTEN, 0.0)
    learn_all(again, 0.0)
    assert again.fault == ''
    again.close()


def test_a_disk_that_takes_nothing_is_told_and_learning_goes_on(run_dir):
    add_policy_episode(run_dir, 'a', 4)
    loop = LearnerLoop.open(run_dir, OFTEN, 0.0)
    block = run_dir.path / 'checkpoint.safetensors.part'
    block.mkdir()  # in the place where the new one is written
    loop.step(31.0)
    assert 'the checkpoint: ' in loop.warning
    assert loop.step(32.0)
    assert loop.save() == loop.warning != ''
    block.rmdir()
    assert loop.save() == ''
    assert loop.warning == ''
    loop.close()


def damaged(run_dir):
    data = bytearray(run_dir.checkpoint.read_bytes())
    data[len(data) // 2] ^= 1
    run_dir.checkpoint.write_bytes(data)


def of_another_configuration(run_dir):
    plan = CONFIG.__class__(**{**vars(CONFIG), 'gamma': 0.5})
    write_train_config(plan, run_dir.path)


def without_a_checkpoint(run_dir):
    run_dir.checkpoint.unlink()


def with_another_database(run_dir):
    for path in run_dir.path.glob('experience.db*'):
        path.unlink()
    run_dir.database.write_text('this is no database, but long enough to be looked at' * 100)


WRONG = {
    damaged: r'checkpoint\.safetensors: .*damaged',
    of_another_configuration: r'gamma is 0\.97 in the file, 0\.5 here',
    without_a_checkpoint: r'without checkpoint\.safetensors it is no run; '
    r'`robo-dopamine train --rollouts 0 --resume .*run` makes it',
    with_another_database: r'experience\.db: the database cannot be read',
}


@pytest.mark.parametrize('harm', WRONG, ids=lambda harm: harm.__name__)
def test_a_run_that_cannot_be_gone_on_with_is_refused_by_name(run_dir, harm):
    harm(run_dir)
    with pytest.raises((CheckpointError, ExperienceError), match=WRONG[harm]):
        LearnerLoop.open(run_dir, OFTEN, 0.0)


def test_a_folder_that_is_none_names_the_command_that_makes_it(tmp_path):
    told = RunDir(tmp_path / 'my run').missing()
    assert 'without run.json, experience.db, checkpoint.safetensors it is no run' in told
    assert f"`robo-dopamine train --rollouts 0 --out '{tmp_path}/my run'` makes it" in told


def test_parameters_are_checked():
    with pytest.raises(ValueError, match='updates_per_step = 0; it must be 1 or more'):
        LearnerLoopParameters(updates_per_step=0)
    with pytest.raises(ValueError, match='publish_period = nan'):
        LearnerLoopParameters(publish_period=float('nan'))
