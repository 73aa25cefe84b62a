"""Laws of matching pictures by their stamps."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.ros.matching import MatchLimits, Newest
from robo_dopamine_ros.types import SECOND

MS = SECOND // 1000
VIEWS = ('front', 'left', 'right')
LIMITS = MatchLimits(max_age=0.3, max_skew=0.05, future=0.02)
NOW = 100 * SECOND
ARRIVALS = st.lists(
    st.tuples(st.sampled_from(VIEWS), st.integers(-600, 100), st.integers(0, 100)), max_size=40
)


def filled(arrivals: list[tuple[str, int, int]]) -> tuple[Newest[str], int]:
    """Pictures with stamps and arrivals in ms around NOW; gives also the last moment."""
    newest: Newest[str] = Newest(VIEWS, LIMITS)
    now = NOW
    for view, offset, wait in arrivals:
        now += wait * MS
        newest.add(view, now + offset * MS, f'{view} {now + offset * MS}', now)
    return newest, now


@given(ARRIVALS)
def test_a_set_is_young_close_and_accounts_for_every_view(arrivals) -> None:
    newest, now = filled(arrivals)
    match = newest.match(now)
    assert set(match.pictures) | set(match.absent) == set(VIEWS)
    assert not set(match.pictures) & set(match.absent)
    assert match.pictures == {view: f'{view} {stamp}' for view, stamp in match.stamps.items()}
    assert match.skew <= LIMITS.max_skew
    for stamp in match.stamps.values():
        assert -LIMITS.future * SECOND <= now - stamp <= LIMITS.max_age * SECOND
    assert all(match.absent.values())


@given(ARRIVALS)
def test_what_is_kept_only_moves_forward(arrivals) -> None:
    newest: Newest[None] = Newest(VIEWS, LIMITS)
    now = NOW
    for view, offset, wait in arrivals:
        now += wait * MS
        before = newest.newest(view)
        reason = newest.add(view, now + offset * MS, None, now)
        after = newest.newest(view)
        assert after == before if reason else after > before
        assert after <= now + LIMITS.future * SECOND
    assert sum(newest.refused.values()) <= len(arrivals)


@given(st.lists(st.integers(0, 33), min_size=3, max_size=3), st.integers(0, 300))
def test_cameras_of_any_phase_always_give_all_views(phases: list[int], moment: int) -> None:
    """Three cameras at 30 Hz, whatever their phases, are never more than half a period apart."""
    newest: Newest[int] = Newest(VIEWS, LIMITS)
    end = NOW + (400 + moment) * MS
    frames = (
        (NOW + (33 * k + phase) * MS, view)
        for k, (view, phase) in itertools.product(range(25), zip(VIEWS, phases, strict=True))
    )
    for stamp, view in sorted(frames):
        if stamp <= end:
            assert not newest.add(view, stamp, stamp, end)
    match = newest.match(end)
    assert not match.absent
    assert end - match.stamp <= 67 * MS


def test_cameras_that_fire_together_give_the_complete_set() -> None:
    newest: Newest[str] = Newest(VIEWS, LIMITS)
    for view in VIEWS:
        newest.add(view, NOW, 'old', NOW)
    newest.add('front', NOW + 33 * MS, 'new', NOW + 34 * MS)
    assert set(newest.match(NOW + 34 * MS).pictures.values()) == {'old'}
    newest.add('left', NOW + 33 * MS, 'new', NOW + 34 * MS)
    newest.add('right', NOW + 33 * MS, 'new', NOW + 35 * MS)
    assert set(newest.match(NOW + 35 * MS).pictures.values()) == {'new'}


def test_absent_views_say_why() -> None:
    newest: Newest[str] = Newest(VIEWS, LIMITS)
    newest.add('left', NOW - 420 * MS, '', NOW - 400 * MS)
    newest.add('right', NOW - 5 * MS, '', NOW)
    match = newest.match(NOW)
    assert match.absent == {'front': 'no picture yet', 'left': 'late by 0.42 s'}
    newest.add('front', NOW - 200 * MS, '', NOW)
    assert newest.match(NOW).absent['front'] == 'behind the others by 0.20 s'


@pytest.mark.parametrize(
    ('stamp', 'reason'),
    [
        (0, 'stamp is zero'),
        (NOW + 21 * MS, 'stamp is in the future'),
        (NOW - 10 * MS, 'stamp is not newer than the one before'),
        (NOW - 11 * MS, 'stamp is not newer than the one before'),
    ],
)
def test_impossible_stamps_are_refused_by_name(stamp: int, reason: str) -> None:
    newest: Newest[str] = Newest(VIEWS, LIMITS)
    assert not newest.add('front', NOW - 10 * MS, 'good', NOW)
    assert newest.add('front', stamp, 'bad', NOW) == reason
    assert newest.refused == {('front', reason): 1}
    assert newest.match(NOW).pictures == {'front': 'good'}


def test_a_clock_that_goes_back_starts_over() -> None:
    newest: Newest[str] = Newest(VIEWS, LIMITS)
    newest.add('front', NOW, 'before', NOW)
    assert not newest.add('front', SECOND, 'after', SECOND)
    assert newest.match(SECOND).pictures == {'front': 'after'}


@pytest.mark.parametrize('name', ['max_age', 'max_skew', 'future'])
@pytest.mark.parametrize('value', [float('nan'), -0.1, float('inf')])
def test_limits_refuse_what_cannot_be(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf'{name} = {value} s; it must be'):
        MatchLimits(**{name: value})


def test_views_have_different_names() -> None:
    with pytest.raises(ValueError, match='must be one or more different names'):
        Newest(('front', 'front'), LIMITS)
