"""What is told of an episode while it is recorded."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.data.recording import Mark
from robo_dopamine_ros.learning.steps import Frame, Key, Step
from robo_dopamine_ros.learning.take import Take, chained
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase

TICK = SECOND // 10
DAWN = 1_700_000_000 * SECOND
WORD = Episode('e', 3, 'insert', Phase.RUNNING, stamp=DAWN)
ENDED = replace(
    WORD, phase=Phase.ENDED, outcome=Outcome.SUCCESS, decided_by='Ada', stamp=DAWN + 5 * TICK
)


def frame(number: int) -> Frame:
    return Frame(DAWN + number * TICK, np.zeros(2, np.float16), np.full(15, number, np.float32))


def step(number: int, mode: Mode = Mode.HUMAN, epoch: int = 1, gap: int = 0, **other) -> Step:
    """From frame `number` to the next; `gap` says how many are missing before it."""
    at = number + gap
    twist = np.array([number, 0, 0, 0, 0, 0]) / 64
    given = {'key': Key('live', epoch, number), 'episode': 'e', 'begin': frame(at)}
    given |= {'end': frame(at + 1), 'mode': mode, 'twist': twist}
    return Step(**(given | {'gripper': 0.5, 'gripper_before': 0.25, 'policy_version': 7} | other))


def told(*modes: Mode, longest: float = 60.0) -> Take:
    take = Take(WORD, longest)
    for number, mode in enumerate(modes):
        take.hear(step(number, mode))
    return take


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_steps_that_come_again_and_in_any_order_count_once(numbers):
    take = Take(WORD, 60.0)
    for number in numbers:
        take.hear(step(number))
    assert [one.key.sequence for one in take.steps] == sorted(set(numbers))


def test_steps_of_others_are_not_heard_and_those_told_count_above_those_seen():
    take = Take(WORD, 60.0)
    take.hear(step(0, episode='other'))
    take.see(step(4))
    assert [one.key.sequence for one in take.steps] == [4]
    take.hear(step(0))
    assert [one.key.sequence for one in take.steps] == [0]


def test_it_is_complete_with_the_step_that_reaches_the_end():
    assert not told().complete(ENDED)
    assert not told(*4 * [Mode.HUMAN]).complete(ENDED)
    whole = told(*5 * [Mode.HUMAN])
    assert whole.complete(ENDED)
    whole.close(ENDED)
    assert whole.cut == ''


@pytest.mark.parametrize(
    ('take', 'lacks'),
    [
        (told(*2 * [Mode.HUMAN]), 'its last steps'),
        (told(), 'all its steps'),
        (told(*9 * [Mode.HUMAN], longest=0.3), 'what came after 0.3 s'),
    ],
)
def test_what_lacks_something_is_no_success(take, lacks):
    take.close(ENDED)
    assert take.cut == lacks
    assert not take.wanted('success', ENDED)
    assert take.wanted('all', ENDED)
    account = take.account(ENDED)
    assert (account.outcome, account.facts['missing']) == (Outcome.NONE, lacks)
    assert account.facts['outcome'] == 'success'


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
    take, ended = told(*modes), replace(ENDED, stamp=DAWN + 3 * TICK)
    assert take.wanted('success', ended) == alone
    assert not take.wanted('success', replace(ended, outcome=Outcome.FAILURE))
    assert not take.wanted('none', ended)
    assert take.wanted('all', replace(ended, outcome=Outcome.ABORTED))


def test_the_account_says_who_drove_and_how_it_ended():
    take = told(Mode.HUMAN, Mode.HUMAN, Mode.HOLD, Mode.HUMAN, Mode.HUMAN)
    take.marks.append(Mark(DAWN + TICK, 'over the hole'))
    account = take.account(ENDED)
    assert (account.outcome, account.instruction) == (Outcome.SUCCESS, 'insert')
    assert account.facts == {
        'episode': 'e',
        'task': 'insert',
        'outcome': 'success',
        'decided_by': 'Ada',
        'missing': '',
        'steps': {'hold': 1, 'human': 4},
        'policy_versions': [7],
        'marks': [{'stamp': DAWN + TICK, 'label': 'over the hole'}],
    }


def test_a_chain_is_laid_out_step_by_step_and_what_is_missing_was_held():
    chain = [step(0), step(1), step(2, Mode.POLICY, gap=3), step(0, epoch=2)]
    laid = chained(chain)
    assert ((laid.stamps - DAWN) // TICK).tolist() == [0, 1, 2, 5, 6]
    np.testing.assert_array_equal(laid.states[:, 0], [0, 1, 2, 5, 6])
    np.testing.assert_array_equal(laid.twists[:, 0] * 64, [0, 1, 0, 2])
    assert laid.modes.tolist() == [Mode.HUMAN, Mode.HUMAN, Mode.HOLD, Mode.POLICY]
    assert laid.grippers.tolist() == [0.5, 0.5, 0.25, 0.5]
    assert (laid.states.dtype, laid.twists.dtype) == (np.float32, np.float32)
    assert len(chained([])) == 0
