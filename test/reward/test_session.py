"""Reward sessions: begin with the first views, end with a reward, and telescope under faults."""

from collections.abc import Mapping

import numpy as np
import pytest
from brightness import Brightness, brightness
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.reward.session import RewardSession, SessionParameters, Task
from robo_dopamine_ros.types import (
    SECOND,
    Episode,
    Instant,
    Outcome,
    Phase,
    Progress,
    Reward,
    Views,
)

T0 = 50 * SECOND
STEP = SECOND // 10
NAMES = ('front', 'left_wrist')


def at(stamp: int) -> Instant:
    return Instant(stamp - T0, stamp)


def views(value: int, stamp: int, names: tuple[str, ...] = NAMES) -> Views:
    image = np.full((4, 6, 3), value, np.uint8)
    return Views(dict.fromkeys(names, image), dict.fromkeys(names, stamp))


def episode(name: str = 'a', phase: Phase = Phase.RUNNING, **fields: object) -> Episode:
    return Episode(id=name, phase=phase, **{'task': 'insert', 'stamp': T0, **fields})


def started(**parameters: object) -> tuple[RewardSession, Brightness]:
    grm = Brightness(NAMES)
    session = RewardSession(grm, SessionParameters(**parameters))
    session.on_episode(episode())
    return session, grm


def update(
    session: RewardSession, value: int, stamp: int, absent: Mapping[str, str] | None = None
) -> tuple[Progress, Reward | None]:
    absent = absent or {}
    names = tuple(name for name in NAMES if name not in absent)
    return session.update(views(value, stamp, names), absent, at(stamp + STEP // 10))


def test_no_reading_without_an_episode() -> None:
    session = RewardSession(Brightness(NAMES))
    reading, reward = update(session, 100, T0)
    assert (reading.valid, reading.reason) == (False, 'no episode runs')
    assert reward is None


def test_prepare_next_runs_only_in_an_episode_the_model_has_begun() -> None:
    session, grm = started()
    session.prepare_next()
    update(session, 10, T0)
    session.prepare_next()
    session.on_episode(episode(phase=Phase.ENDED, outcome=Outcome.SUCCESS))
    session.prepare_next()
    assert (grm.prepared, session.failures) == (1, 0)


def test_a_failing_prepare_next_is_counted() -> None:
    session, grm = started()
    update(session, 10, T0)
    grm.fails = True
    session.prepare_next()
    assert session.failures == 1


def test_the_first_complete_set_is_the_start() -> None:
    session, grm = started()
    waiting, _ = update(session, 10, T0, {'left_wrist': 'no picture yet'})
    assert not waiting.valid
    assert waiting.reason == 'waits for the first complete set; left_wrist: no picture yet'
    first, reward = update(session, 51, T0 + STEP)
    assert reward is None
    assert (first.valid, first.step) == (True, 1)
    assert brightness(grm.contexts[0].start) == pytest.approx(0.2)
    assert grm.contexts[0].instruction == 'insert'
    second, reward = update(session, 102, T0 + 2 * STEP)
    assert second.forward == pytest.approx(0.4)
    assert (reward.previous_potential, reward.potential) == (first.progress, second.progress)
    assert reward is not None
    assert (reward.previous_stamp, reward.stamp) == (T0 + STEP, T0 + 2 * STEP)


def test_views_older_than_the_episode_are_invalid() -> None:
    session, grm = started()
    update(session, 255, T0)
    session.on_episode(episode(phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=T0 + STEP))
    session.on_episode(episode('b', stamp=T0 + 3 * STEP))
    half = Views(
        {name: np.full((4, 6, 3), 255, np.uint8) for name in NAMES},
        {'front': T0 + 3 * STEP - 1, 'left_wrist': T0 + 3 * STEP},
    )
    for old in (views(255, T0 + 2 * STEP), half):
        reading, reward = session.update(old, {}, at(T0 + 3 * STEP))
        assert (reading.valid, reading.reason) == (False, 'views older than the episode')
        assert (reading.episode, reading.stamp) == ('', old.stamp)
        assert reward is None
    first, reward = update(session, 51, T0 + 3 * STEP)
    assert (first.valid, first.episode, first.step) == (True, 'b', 1)
    assert reward is None
    assert brightness(grm.contexts[-1].start) == pytest.approx(0.2)


def test_given_start_views_do_not_admit_older_views() -> None:
    session = RewardSession(Brightness(NAMES))
    session.set_task(Task(start=views(7, 1)))
    session.on_episode(episode())
    assert update(session, 51, T0 - 1)[0].reason == 'views older than the episode'


def test_start_patience_ends_the_wait_for_a_complete_set() -> None:
    session, grm = started(start_patience=0.5)
    absent = {'left_wrist': 'no picture yet'}
    readings = [update(session, 51, T0 + k * STEP, absent)[0] for k in range(8)]
    assert [reading.valid for reading in readings] == [False] * 5 + [True] * 3
    assert set(grm.contexts[0].start.images) == {'front'}


def test_a_missing_view_is_masked() -> None:
    session, _ = started()
    update(session, 51, T0)
    reading, reward = update(session, 51, T0 + STEP, {'front': 'late by 0.40 s'})
    assert reading.valid
    assert reward is not None


def test_no_view_at_all_holds_progress_without_reward() -> None:
    session, _ = started()
    update(session, 51, T0)
    before, _ = update(session, 102, T0 + STEP)
    absent = {'front': 'late by 0.40 s', 'left_wrist': 'late by 0.41 s'}
    reading, reward = update(session, 0, T0 + 5 * STEP, absent)
    assert reward is None
    assert (reading.valid, reading.confidence) == (False, 0.0)
    assert reading.progress == before.progress
    assert reading.reason == 'front: late by 0.40 s, left_wrist: late by 0.41 s'
    _, bridged = update(session, 102, T0 + 9 * STEP)
    assert bridged is not None
    assert (bridged.previous_stamp, bridged.stamp) == (T0 + STEP, T0 + 9 * STEP)


def test_a_model_that_fails_gives_no_reading() -> None:
    session, grm = started()
    update(session, 51, T0)
    grm.fails = True
    reading, reward = update(session, 102, T0 + STEP)
    assert (reading.valid, reading.reason) == (False, 'the model failed: out of memory')
    assert reward is None
    assert session.failures == 1
    grm.fails = False
    assert update(session, 102, T0 + 2 * STEP)[0].valid


@pytest.mark.parametrize('outcome', list(Outcome)[1:])
def test_the_last_reward_follows_the_outcome_once(outcome: Outcome) -> None:
    session, _ = started()
    update(session, 51, T0)
    before, _ = update(session, 102, T0 + STEP)
    over = episode(phase=Phase.ENDED, outcome=outcome, stamp=T0 + 2 * STEP)
    last = session.on_episode(over)
    assert last is not None
    assert last.success == (1.0 if outcome is Outcome.SUCCESS else 0.0)
    assert last.terminated == outcome.terminal
    assert last.truncated == (not outcome.terminal)
    assert last.potential == (0.0 if outcome.terminal else before.progress)
    assert last.stamp == T0 + 2 * STEP
    assert session.on_episode(over) is None
    assert update(session, 200, T0 + 3 * STEP)[0].reason == 'no episode runs'


def test_a_repeated_episode_message_changes_nothing() -> None:
    session, grm = started()
    update(session, 51, T0)
    assert session.on_episode(episode()) is None
    assert update(session, 102, T0 + STEP)[0].step == 2
    assert len(grm.contexts) == 1


def test_a_task_waits_for_the_next_episode() -> None:
    session, grm = started()
    start, goal = views(7, 1), views(250, 1)
    session.set_task(Task('unused, the episode names one', start, goal))
    update(session, 51, T0)
    session.on_episode(episode('b', task=''))
    update(session, 51, T0 + STEP)
    assert grm.contexts[0].goal is None
    assert (grm.contexts[1].start, grm.contexts[1].goal) == (start, goal)
    assert grm.contexts[1].instruction == 'unused, the episode names one'
    session.set_task(Task())
    session.on_episode(episode('c', task=''))
    update(session, 51, T0 + 2 * STEP)
    assert grm.contexts[2].instruction == 'unused, the episode names one'
    assert grm.contexts[2].goal is None


def test_given_start_views_need_no_complete_set() -> None:
    session = RewardSession(Brightness(NAMES))
    session.set_task(Task(start=views(7, 1)))
    session.on_episode(episode())
    assert update(session, 51, T0, {'front': 'no picture yet'})[0].valid


def test_a_new_model_waits_until_no_episode_runs() -> None:
    session, _ = started()
    session.set_model(Brightness(NAMES, 'new'))
    assert session.model == 'brightness'
    session.on_episode(episode(phase=Phase.ENDED, outcome=Outcome.ABORTED))
    assert session.model == 'new'
    session.set_model(Brightness(NAMES, 'newer'))
    assert session.model == 'newer'


FAULTS = st.lists(st.sampled_from(['ok', 'masked', 'blind', 'fails', 'repeat']), max_size=40)


@given(FAULTS, st.sampled_from([Outcome.SUCCESS, Outcome.FAILURE, Outcome.TIME_LIMIT]))
def test_shaping_telescopes_under_faults(faults: list[str], outcome: Outcome) -> None:
    session, grm = started()
    first, _ = update(session, 51, T0)
    total, discount, stamp, last = 0.0, 1.0, T0, first
    rewards = []
    for number, fault in enumerate(faults):
        grm.fails = fault == 'fails'
        stamp += 0 if fault == 'repeat' else STEP
        absent = {'masked': NAMES[:1], 'blind': NAMES}.get(fault, ())
        reading, reward = update(session, (number * 37) % 256, stamp, dict.fromkeys(absent, 'late'))
        assert reading.valid == (reward is not None)
        last = reading if reading.valid else last
        rewards += [reward] if reward else []
    rewards.append(
        session.on_episode(episode(phase=Phase.ENDED, outcome=outcome, stamp=stamp + STEP))
    )
    for reward in rewards:
        total += discount * reward.shaping
        discount *= reward.discount
    final = 0.0 if outcome.terminal else last.progress
    assert total == pytest.approx(discount * final - first.progress, abs=1e-9)
    assert [r.previous_stamp for r in rewards[1:]] == [r.stamp for r in rewards[:-1]]


def test_invalid_start_patience_is_refused() -> None:
    with pytest.raises(ValueError, match='start_patience = nan s; it must be 0 or more'):
        SessionParameters(start_patience=float('nan'))


def test_the_wait_for_a_complete_first_set_ends_though_ros_time_stands_still() -> None:
    session, _ = started(start_patience=2.0)
    seen, absent = views(100, T0, NAMES[:1]), {NAMES[1]: 'no picture yet'}
    for second in range(4):
        reading, _ = session.update(seen, absent, Instant(second * SECOND, T0))
        assert ('waits for the first complete set' in reading.reason) == (second < 2)


def test_a_clock_that_is_set_back_gives_no_reading_of_the_episode() -> None:
    session, _ = started()
    for step in range(200):
        assert update(session, 100, T0 + step * STEP)[0].valid
    reading, reward = update(session, 100, T0 + 80 * STEP)
    assert (reading.episode, reading.reason) == ('', 'the clock was set back by 11.9 s')
    assert reward is None
    assert update(session, 100, T0 + 195 * STEP)[0].episode == 'a', 'a set that is late is no jump'


def test_only_a_final_outcome_pays() -> None:
    session, _ = started()
    update(session, 100, T0)
    update(session, 150, T0 + STEP)
    ended = {'phase': Phase.ENDED, 'stamp': T0 + 2 * STEP}
    assert session.on_episode(episode(decided_by='Ada', **ended)) is None
    assert session.on_episode(episode(decided_by='Bob', **ended)) is None
    paid = session.on_episode(episode(outcome=Outcome.SUCCESS, **ended))
    assert paid is not None
    assert (paid.success, paid.terminated) == (1.0, True)
    assert session.on_episode(episode(outcome=Outcome.SUCCESS, **ended)) is None
