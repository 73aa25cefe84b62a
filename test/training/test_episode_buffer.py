"""Steps and marks of an episode while it is recorded."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.data.episode_writer import KeyframeMark
from robo_dopamine_ros.experience.types import Observation, Step, StepId
from robo_dopamine_ros.training.episode_buffer import EpisodeBuffer, trajectory_from_steps
from robo_dopamine_ros.training.workplace import SIMULATION
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase

TICK = SECOND // 10
START = 1_700_000_000 * SECOND
RUNNING = Episode('e', 3, 'insert', Phase.RUNNING, stamp=START)
ENDED = replace(
    RUNNING, phase=Phase.ENDED, outcome=Outcome.SUCCESS, decided_by='Ada', stamp=START + 5 * TICK
)


def make_observation(number: int) -> Observation:
    return Observation(
        START + number * TICK, np.zeros(2, np.float16), np.full(15, number, np.float32)
    )


def step(number: int, mode: Mode = Mode.HUMAN, epoch: int = 1, gap: int = 0, **other) -> Step:
    """From frame `number` to the next; `gap` says how many are missing before it."""
    at = number + gap
    twist = np.array([number, 0, 0, 0, 0, 0]) / 64
    given = {'id': StepId('live', epoch, number), 'episode': 'e', 'begin': make_observation(at)}
    given |= {'end': make_observation(at + 1), 'mode': mode, 'twist': twist}
    return Step(**(given | {'gripper': 0.5, 'gripper_before': 0.25, 'policy_version': 7} | other))


def filled(*modes: Mode, max_duration: float = 60.0) -> EpisodeBuffer:
    buffer = EpisodeBuffer(RUNNING, max_duration)
    for number, mode in enumerate(modes):
        buffer.add_policy_step(step(number, mode))
    return buffer


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_steps_that_come_again_and_in_any_order_count_once(numbers):
    buffer = EpisodeBuffer(RUNNING, 60.0)
    for number in numbers:
        buffer.add_policy_step(step(number))
    assert [one.id.sequence for one in buffer.steps] == sorted(set(numbers))


def test_steps_of_others_are_not_heard_and_those_told_count_above_those_seen():
    buffer = EpisodeBuffer(RUNNING, 60.0)
    buffer.add_policy_step(step(0, episode='other'))
    buffer.add_local_step(step(4))
    assert [one.id.sequence for one in buffer.steps] == [4]
    buffer.add_policy_step(step(0))
    assert [one.id.sequence for one in buffer.steps] == [0]


def test_it_is_complete_with_the_step_that_reaches_the_end():
    assert not filled().complete(ENDED)
    assert not filled(*4 * [Mode.HUMAN]).complete(ENDED)
    whole = filled(*5 * [Mode.HUMAN])
    assert whole.complete(ENDED)
    whole.close(ENDED)
    assert whole.missing == ''


@pytest.mark.parametrize(
    ('buffer', 'lacks'),
    [
        (filled(*2 * [Mode.HUMAN]), 'its last steps'),
        (filled(), 'all its steps'),
        (filled(*9 * [Mode.HUMAN], max_duration=0.3), 'what came after 0.3 s'),
    ],
)
def test_what_lacks_something_is_no_success(buffer, lacks):
    buffer.close(ENDED)
    assert buffer.missing == lacks
    assert not buffer.should_save('success', ENDED)
    assert buffer.should_save('all', ENDED)
    record = buffer.record(ENDED, SIMULATION)
    assert (record.outcome, record.metadata['missing']) == (Outcome.NONE, lacks)
    assert record.metadata['outcome'] == 'success'


@pytest.mark.parametrize(
    ('modes', 'alone'),
    [
        ([Mode.HUMAN, Mode.HOLD, Mode.HUMAN], True),
        ([Mode.POLICY] * 3, True),
        ([Mode.POLICY, Mode.HUMAN, Mode.POLICY], False),
        ([Mode.HOLD] * 3, False),
    ],
)
def test_a_success_is_wanted_of_one_who_acted_alone(modes, alone):
    buffer, ended = filled(*modes), replace(ENDED, stamp=START + 3 * TICK)
    assert buffer.should_save('success', ended) == alone
    assert not buffer.should_save('success', replace(ended, outcome=Outcome.FAILURE))
    assert not buffer.should_save('none', ended)
    assert buffer.should_save('all', replace(ended, outcome=Outcome.ABORTED))


def test_the_account_says_who_drove_and_how_it_ended():
    buffer = filled(Mode.HUMAN, Mode.HUMAN, Mode.HOLD, Mode.HUMAN, Mode.HUMAN)
    buffer.marks.append(KeyframeMark(START + TICK, 'over the hole'))
    record = buffer.record(ENDED, SIMULATION)
    assert (record.outcome, record.instruction) == (Outcome.SUCCESS, 'insert')
    assert record.metadata == {
        'episode': 'e',
        'task': 'insert',
        'outcome': 'success',
        'decided_by': 'Ada',
        'missing': '',
        'steps': {'hold': 1, 'human': 4},
        'policy_versions': [7],
        'workplace': asdict(SIMULATION),
        'marks': [{'stamp': START + TICK, 'label': 'over the hole'}],
    }


def test_a_chain_is_laid_out_step_by_step_and_what_is_missing_was_held():
    chain = [step(0), step(1), step(2, Mode.POLICY, gap=3), step(0, epoch=2)]
    trajectory = trajectory_from_steps(chain)
    assert ((trajectory.stamps - START) // TICK).tolist() == [0, 1, 2, 5, 6]
    np.testing.assert_array_equal(trajectory.states[:, 0], [0, 1, 2, 5, 6])
    np.testing.assert_array_equal(trajectory.twists[:, 0] * 64, [0, 1, 0, 2])
    assert trajectory.modes.tolist() == [Mode.HUMAN, Mode.HUMAN, Mode.HOLD, Mode.POLICY]
    assert trajectory.grippers.tolist() == [0.5, 0.5, 0.25, 0.5]
    assert (trajectory.states.dtype, trajectory.twists.dtype) == (np.float32, np.float32)
    assert len(trajectory_from_steps([])) == 0
