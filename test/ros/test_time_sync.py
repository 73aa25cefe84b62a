"""Properties of the matching of images by stamp."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.ros.time_sync import LatestSynchronizer, SyncLimits
from robo_dopamine_ros.types import SECOND

MS = SECOND // 1000
VIEWS = ('front', 'left', 'right')
LIMITS = SyncLimits(max_age=0.3, max_skew=0.05, future_tolerance=0.02)
NOW = 100 * SECOND
ARRIVALS = st.lists(
    st.tuples(st.sampled_from(VIEWS), st.integers(-600, 100), st.integers(0, 100)), max_size=40
)


def filled(arrivals: list[tuple[str, int, int]]) -> tuple[LatestSynchronizer[str], int]:
    """A synchronizer with these messages (offsets in ms around NOW), and the last arrival [ns]."""
    synchronizer: LatestSynchronizer[str] = LatestSynchronizer(VIEWS, LIMITS)
    now = NOW
    for view, offset, wait in arrivals:
        now += wait * MS
        synchronizer.add(view, now + offset * MS, f'{view} {now + offset * MS}', now)
    return synchronizer, now


@given(ARRIVALS)
def test_a_set_is_fresh_close_in_time_and_covers_every_view(arrivals) -> None:
    synchronizer, now = filled(arrivals)
    match = synchronizer.match(now)
    assert set(match.messages) | set(match.absent) == set(VIEWS)
    assert not set(match.messages) & set(match.absent)
    assert match.messages == {view: f'{view} {stamp}' for view, stamp in match.stamps.items()}
    assert match.skew <= LIMITS.max_skew
    for stamp in match.stamps.values():
        assert -LIMITS.future_tolerance * SECOND <= now - stamp <= LIMITS.max_age * SECOND
    assert all(match.absent.values())


@given(ARRIVALS)
def test_the_newest_stamp_never_decreases(arrivals) -> None:
    synchronizer: LatestSynchronizer[None] = LatestSynchronizer(VIEWS, LIMITS)
    now = NOW
    for view, offset, wait in arrivals:
        now += wait * MS
        before = synchronizer.newest(view)
        reason = synchronizer.add(view, now + offset * MS, None, now)
        after = synchronizer.newest(view)
        assert after == before if reason else after > before
        assert after <= now + LIMITS.future_tolerance * SECOND
    assert sum(synchronizer.refused.values()) <= len(arrivals)


@given(st.lists(st.integers(0, 33), min_size=3, max_size=3), st.integers(0, 300))
def test_cameras_of_any_phase_always_give_all_views(phases: list[int], moment: int) -> None:
    """Three cameras at 30 Hz, whatever their phases, are never more than half a period apart."""
    synchronizer: LatestSynchronizer[int] = LatestSynchronizer(VIEWS, LIMITS)
    end = NOW + (400 + moment) * MS
    frames = (
        (NOW + (33 * k + phase) * MS, view)
        for k, (view, phase) in itertools.product(range(25), zip(VIEWS, phases, strict=True))
    )
    for stamp, view in sorted(frames):
        if stamp <= end:
            assert not synchronizer.add(view, stamp, stamp, end)
    match = synchronizer.match(end)
    assert not match.absent
    assert end - match.stamp <= 67 * MS


def test_cameras_that_trigger_together_give_the_complete_set() -> None:
    synchronizer: LatestSynchronizer[str] = LatestSynchronizer(VIEWS, LIMITS)
    for view in VIEWS:
        synchronizer.add(view, NOW, 'old', NOW)
    synchronizer.add('front', NOW + 33 * MS, 'new', NOW + 34 * MS)
    assert set(synchronizer.match(NOW + 34 * MS).messages.values()) == {'old'}
    synchronizer.add('left', NOW + 33 * MS, 'new', NOW + 34 * MS)
    synchronizer.add('right', NOW + 33 * MS, 'new', NOW + 35 * MS)
    assert set(synchronizer.match(NOW + 35 * MS).messages.values()) == {'new'}


def test_absent_views_have_a_reason() -> None:
    synchronizer: LatestSynchronizer[str] = LatestSynchronizer(VIEWS, LIMITS)
    synchronizer.add('left', NOW - 420 * MS, '', NOW - 400 * MS)
    synchronizer.add('right', NOW - 5 * MS, '', NOW)
    match = synchronizer.match(NOW)
    assert match.absent == {'front': 'no picture yet', 'left': 'late by 0.42 s'}
    synchronizer.add('front', NOW - 200 * MS, '', NOW)
    assert synchronizer.match(NOW).absent['front'] == 'behind the others by 0.20 s'


@pytest.mark.parametrize(
    ('stamp', 'reason'),
    [
        (0, 'stamp is zero'),
        (NOW + 21 * MS, 'stamp is in the future'),
        (NOW - 10 * MS, 'stamp is not newer than the one before'),
        (NOW - 11 * MS, 'stamp is not newer than the one before'),
    ],
)
def test_impossible_stamps_are_refused_with_a_reason(stamp: int, reason: str) -> None:
    synchronizer: LatestSynchronizer[str] = LatestSynchronizer(VIEWS, LIMITS)
    assert not synchronizer.add('front', NOW - 10 * MS, 'good', NOW)
    assert synchronizer.add('front', stamp, 'bad', NOW) == reason
    assert synchronizer.refused == {('front', reason): 1}
    assert synchronizer.match(NOW).messages == {'front': 'good'}


def test_a_clock_that_goes_back_resets_the_synchronizer() -> None:
    synchronizer: LatestSynchronizer[str] = LatestSynchronizer(VIEWS, LIMITS)
    synchronizer.add('front', NOW, 'before', NOW)
    assert not synchronizer.add('front', SECOND, 'after', SECOND)
    assert synchronizer.match(SECOND).messages == {'front': 'after'}


@pytest.mark.parametrize('name', ['max_age', 'max_skew', 'future_tolerance'])
@pytest.mark.parametrize('value', [float('nan'), -0.1, float('inf')])
def test_invalid_sync_limits_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf'{name} = {value} s; it must be'):
        SyncLimits(**{name: value})


def test_views_have_different_names() -> None:
    with pytest.raises(ValueError, match='must be one or more different names'):
        LatestSynchronizer(('front', 'front'), LIMITS)
