"""When steps become transitions, case by case and as laws over random days."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_logs import TIMEOUT, Crash, RandomLog, make_observation, make_twist

from robo_dopamine_ros.experience.transitions import TransitionBuilder, TransitionConfig
from robo_dopamine_ros.experience.types import ActionScale, ObservationSpec, Step, StepId
from robo_dopamine_ros.reward.shaping import RewardParameters
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress

TICK = SECOND // 10
REWARD = RewardParameters(gamma=0.9)
CONFIG = TransitionConfig(TIMEOUT, REWARD)
LATER = 100 * SECOND


def step(number, mode=Mode.POLICY, episode='e', **changes):
    """The step from tick `number` to the next."""
    begin, end = (make_observation(number + i, (number + i) * TICK) for i in (0, 1))
    key = StepId('run', 1, number)
    made = Step(key, episode, begin, end, mode, make_twist(number), 1.0, 1.0)
    return replace(made, **changes)


def reading(ticks, progress, episode='e', valid=True):
    return Progress(int(ticks * TICK), episode, progress=progress, valid=valid)


def ended(ticks, outcome, episode='e'):
    return Episode(episode, phase=Phase.ENDED, outcome=outcome, stamp=int(ticks * TICK))


def build(*events, close=False):
    """What the events seal one after the other, as (sequence, reward) pairs."""
    builder = TransitionBuilder(CONFIG)
    built = [one for event in events for one in builder.update(event, 0)]
    return [
        (one.step_id.sequence, one.reward) for one in built + (builder.flush() if close else [])
    ]


def ends(built):
    """(sequence, terminated, truncated)"""
    return [(number, reward.terminated, reward.truncated) for number, reward in built]


def test_a_step_waits_for_progress_past_its_end_and_for_what_follows():
    before, after = reading(0.5, 0.2), reading(2, 0.5)
    assert build(step(0), before, after) == []  # who knows whether the episode ends here
    assert build(step(0), before, step(1)) == []  # no progress yet
    [(number, reward)] = build(step(0), before, step(1), after)
    assert number == 0
    assert reward.previous_potential == 0.2  # before the first reading it is the first
    assert reward.potential == pytest.approx(0.3)  # a third of the way
    assert reward.discount == pytest.approx(0.9)
    assert reward.reward == reward.shaping == pytest.approx(0.9 * 0.3 - 0.2)
    assert (reward.episode, reward.stamp, reward.previous_stamp) == ('e', TICK, 0)


@pytest.mark.parametrize(
    ('outcome', 'paid', 'terminated'),
    [
        (Outcome.SUCCESS, 1.0, True),
        (Outcome.FAILURE, 0.0, True),
        (Outcome.TIME_LIMIT, 0.0, False),
        (Outcome.ABORTED, 0.0, False),
    ],
)
def test_the_word_ends_the_last_step(outcome, paid, terminated):
    told = step(0), reading(0, 0.5), step(1), reading(2, 0.7), ended(2, outcome)
    built = build(*told)
    assert ends(built) == [(0, False, False), (1, terminated, not terminated)]
    last = built[-1][1]
    assert last.potential == (0.0 if terminated else 0.7)
    assert last.success == paid
    assert last.reward == pytest.approx(paid + 0.9 * last.potential - 0.6)


def test_a_step_under_way_when_the_word_comes_is_the_last():
    told = step(0), ended(1.5, Outcome.SUCCESS), reading(3, 1.0)
    assert build(*told) == []
    assert ends(build(*told, step(1))) == [(0, False, False), (1, True, False)]
    assert ends(build(*told, step(1), step(2), step(3))) == [(0, False, False), (1, True, False)]


def test_a_word_that_comes_after_its_step_was_sealed_ends_the_next_that_waits():
    told = step(0), step(1), reading(1, 1.0), ended(0.9, Outcome.SUCCESS), step(2), reading(9, 1)
    assert ends(build(*told)) == [(0, False, False), (1, True, False)]


def test_success_is_paid_once():
    builder = TransitionBuilder(TransitionConfig(timeout=0.0))
    built = []
    for event in (step(0), ended(1.5, Outcome.SUCCESS), step(1)):
        built += builder.update(event, 0)
    told = [(one.step_id.sequence, one.reward) for one in built]
    assert ends(told) == [(0, True, False), (1, False, True)]


@pytest.mark.parametrize('mode', [Mode.HOLD, Mode.RESET, Mode.STOPPED])
def test_other_modes_cut_off_and_are_no_transitions(mode):
    told = [step(0), step(1, mode), step(2, mode), step(3, Mode.HUMAN), step(4), reading(9, 1)]
    assert ends(build(*told)) == [(0, False, True), (3, False, False)]


def test_a_take_over_cuts_nothing():
    told = step(0), step(1, Mode.HUMAN), step(2), reading(9, 1), ended(3, Outcome.FAILURE)
    assert ends(build(*told)) == [(0, False, False), (1, False, False), (2, True, False)]


def test_after_letting_go_a_person_can_still_say_how_it_ended():
    """The arm held all the while, so the last step brought it there."""
    held = [step(0, Mode.HUMAN), *(step(i, Mode.HOLD) for i in range(1, 9)), reading(9, 1)]
    assert build(*held) == []
    assert ends(build(*held, ended(8.5, Outcome.SUCCESS))) == [(0, True, False)]
    assert ends(build(*held, step(9), ended(10, Outcome.SUCCESS), reading(11, 1))) == [
        (0, False, True),
        (9, True, False),
    ]
    stopped = step(9, Mode.STOPPED)
    assert ends(build(*held, stopped, ended(10, Outcome.SUCCESS))) == [(0, False, True)]


@pytest.mark.parametrize(
    'breach',
    [
        step(2),  # step 1 is lost
        step(1, id=StepId('run', 2, 0)),  # the actor was started again
        step(1, id=StepId('other', 1, 1)),
        step(1, begin=make_observation(5, TICK + 1)),  # time is missing
        step(1, episode='f'),
    ],
)
def test_gaps_cut_off(breach):
    built = build(step(0), reading(1, 0.4), breach)
    assert ends(built) == [(0, False, True)]
    assert built[0][1].potential == 0.4


def test_a_lost_step_before_the_word_takes_the_success_with_it():
    """What was done in it is unknown; it would have been the terminal step."""
    told = step(0), reading(9, 1), step(2, Mode.HOLD), ended(2.5, Outcome.SUCCESS)
    assert ends(build(*told)) == [(0, False, True)]


def test_progress_that_never_comes_is_the_last_there_was():
    for told, potential in (([reading(0.5, 0.3)], 0.3), ([], 0.0)):
        built = build(*told, step(0), step(1), close=True)
        assert ends(built) == [(0, False, False), (1, False, True)]
        assert {reward.potential for _, reward in built} == {potential}


def test_patience_ends_some_time_after_the_word():
    builder = TransitionBuilder(CONFIG)
    assert builder.update(step(0), TICK) == []
    assert builder.update(ended(1, Outcome.TIME_LIMIT), TICK) == []
    assert builder.update(None, TICK + int(0.49 * SECOND)) == []
    [built] = builder.update(None, TICK + int(0.5 * SECOND))
    assert (built.reward.truncated, built.reward.potential) == (True, 0.0)


@pytest.mark.parametrize(
    'ignored',
    [
        reading(1, 0.9, valid=False),
        reading(1, math.nan),
        reading(1, 1.1),
        reading(1, 0.9, episode='other'),
        reading(0.5, 0.9),  # told twice
        reading(0.4, 0.9),  # overtaken by a newer one
    ],
)
def test_these_are_no_readings(ignored):
    told = step(0), reading(0.5, 0.2), ignored, step(1), reading(3, 0.2)
    assert {reward.potential for _, reward in build(*told)} == {0.2}


def test_words_and_readings_may_come_before_the_first_step():
    told = ended(1, Outcome.SUCCESS, 'f'), reading(0, 0.1, 'f'), reading(1, 0.2, 'f')
    built = build(step(0), *told, step(0, episode='f'))
    assert ends(built) == [(0, False, True), (0, True, False)]
    assert built[1][1].previous_potential == 0.1


def test_outside_episodes_there_is_nothing_to_learn():
    assert build(step(0, episode=''), step(1, episode=''), reading(9, 1, ''), close=True) == []


def test_an_episode_ends_with_a_name():
    with pytest.raises(ValueError, match='episode e ended with outcome NONE'):
        build(ended(1, Outcome.NONE))


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_segments_are_whole_and_their_shaping_telescopes(seed, episodes):
    log = RandomLog(np.random.default_rng(seed), episodes, crashes=0)
    builder, steps, built = TransitionBuilder(CONFIG), {}, []
    for told in log.events:
        assert not isinstance(told.event, Crash)
        if isinstance(told.event, Step):
            if told.event.id in steps:
                continue  # a store knows it already
            steps[told.event.id] = told.event
        built += builder.update(told.event, told.at)
    built += builder.flush()
    assert [one.step_id for one in built] == sorted(
        {one.step_id for one in built}
    )  # once, in order
    last, factor, total, first = None, 1.0, 0.0, 0.0
    for one in built:
        reward, made = one.reward, steps[one.step_id]
        assert made.acting
        assert (reward.previous_stamp, reward.stamp) == (made.begin.stamp, made.end.stamp)
        if last is None:
            factor, total, first = 1.0, 0.0, reward.previous_potential
        else:  # what goes on is followed by what begins where it ended
            assert steps[last.step_id].end is made.begin
            assert last.reward.potential == reward.previous_potential
        total += factor * reward.shaping
        factor *= reward.discount
        if reward.terminated or reward.truncated:
            assert total == pytest.approx(factor * reward.potential - first, abs=1e-12)
            last = None
        else:
            last = one
    assert last is None


def test_actions_and_commands_are_inverse():
    scale = ActionScale(linear=0.1, angular=1.0, axes=('x', 'z', 'yaw'), gripper=True)
    sent = np.array([0.05, 0.0, -0.1, 0.0, 0.0, 0.5])
    action = scale.encode(sent, 0.25)
    assert action == pytest.approx([0.5, -1.0, 0.5, -0.5])
    again, opening = scale.decode(action, 1.0)
    assert again == pytest.approx(sent)
    assert opening == 0.25
    fast = scale.encode(np.full((2, 6), 9.0), np.array([0.0, 1.0]))
    assert fast.tolist() == [[1, 1, 1, -1], [1, 1, 1, 1]]
    assert ActionScale().decode(np.array([9, 0, 0, 0]), 0.3)[0][0] == 0.1
    assert ActionScale().decode(np.zeros(4), 0.3)[1] == 0.3


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        (
            lambda: step(0, end=make_observation(0, 0)),
            'step run/1/0 ends at 0 ns; that must be after',
        ),
        (lambda: step(0, twist=np.zeros(5)), 'step run/1/0 sent twist'),
        (lambda: step(0, gripper=math.nan), 'it takes six finite numbers, one and one'),
        (
            lambda: replace(make_observation(1, 3), state=np.array([math.inf])),
            'state of the observation at 3 ns',
        ),
        (lambda: StepId('run', 1, -1), 'sequence = -1; it must be 0 or more'),
        (lambda: ObservationSpec(3, -2), 'state = -2'),
        (
            lambda: ObservationSpec(3, 2, 'int8'),
            "precision = 'int8'; it must be one of float16, float32",
        ),
        (lambda: ActionScale(linear=0), 'linear = 0; it must be above 0'),
        (
            lambda: ActionScale(axes=('x', 'x')),
            r"axes = \('x', 'x'\); they must be some of x, y, z",
        ),
        (lambda: TransitionConfig(-1.0), r'timeout = -1\.0 s; it must be 0 or more'),
    ],
)
def test_what_is_malformed_is_named(wrong, text):
    with pytest.raises(ValueError, match=text):
        wrong()
