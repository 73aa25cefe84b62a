"""Progress from hops, for any output of the model."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.reward.progress import (
    FUSIONS,
    RECURSIONS,
    ProgressTracker,
    TrackerParameters,
)
from robo_dopamine_ros.reward.success import SuccessParameters
from robo_dopamine_ros.types import SECOND, Hops

HOP = st.floats(-1.0, 1.0)
GOOD = st.builds(Hops, HOP, HOP, st.none() | HOP, st.floats(0.0, 1.0))
WILD = st.builds(
    Hops, st.floats(), st.floats(), st.none() | st.floats(), st.floats(), st.booleans()
)
PARAMETERS = st.builds(
    TrackerParameters,
    st.sampled_from(FUSIONS),
    st.sampled_from(RECURSIONS),
    st.floats(0.0, 100.0),
    st.floats(1e-3, 1.0),
    st.floats(1e-3, 1.0),
)
TICK = SECOND // 10


def test_eq_8_by_hand():
    tracker = ProgressTracker()
    tracker.reset('e1', 'stack', 'oracle')
    first = tracker.update(Hops(0.0, 0.0, -1.0), 0)
    assert (first.step, first.progress, first.valid) == (1, 0.0, True)
    second = tracker.update(Hops(0.3, 0.6, -0.4), TICK)
    assert (second.incremental, second.forward) == pytest.approx((0.3, 0.6))
    assert second.backward == pytest.approx(0.6)
    assert second.progress == pytest.approx(0.5)
    third = tracker.update(Hops(-0.5, 0.2, None), 2 * TICK)
    assert third.incremental == pytest.approx(0.25)  # from the fused 0.5
    assert third.progress == pytest.approx((0.25 + 0.2) / 2)
    assert math.isnan(third.backward)
    assert (third.step, third.hop, third.episode, third.task) == (3, -0.5, 'e1', 'stack')
    assert third.model == 'oracle'


def test_the_two_recursions_differ():
    readings = {}
    for recursion in RECURSIONS:
        tracker = ProgressTracker(TrackerParameters(recursion=recursion))
        tracker.update(Hops(0.4, 0.1, -0.9), 0)
        readings[recursion] = tracker.update(Hops(0.5, 0.1, -0.9), TICK)
    assert readings['own'].incremental == pytest.approx(0.7)
    assert readings['fused'].incremental == pytest.approx(0.6)  # 0.2 + 0.8 * 0.5


def test_the_first_reading_shows_an_episode_that_begins_halfway():
    first = ProgressTracker().update(Hops(0.0, 0.6, -0.3), 0)
    assert first.progress == pytest.approx((0.0 + 0.6 + 0.7) / 3)


def test_reversed_playback_starts_from_one():
    tracker = ProgressTracker()
    tracker.reset(start_progress=1.0)
    assert tracker.update(Hops(0.0, 0.0, 0.0), 0).progress == 1.0
    assert tracker.update(Hops(-0.3, -0.3, -0.3), TICK).progress == pytest.approx(0.7)


@pytest.mark.parametrize(
    ('hops', 'reason'),
    [
        (Hops(0.5, 0.5, 0.0, valid=False, reason='no score in "<sc"'), 'no score in "<sc"'),
        (Hops(0.5, 0.5, 0.0, valid=False), 'the model gave no reading'),
        (Hops(math.nan, 0.5, 0.0), 'incremental hop = nan; it must be within -1..1'),
        (Hops(0.5, math.inf, 0.0), 'forward hop = inf; it must be within -1..1'),
        (Hops(0.5, 0.5, -1.2), 'backward hop = -1.2; it must be within -1..1'),
        (Hops(0.5, 0.5, 0.0, math.nan), 'familiarity = nan; it must be within 0..1'),
    ],
)
def test_an_invalid_reading_holds_the_progress_with_a_reason(hops, reason):
    tracker = ProgressTracker()
    before = tracker.update(Hops(0.2, 0.3, -0.7), TICK)
    held = tracker.update(hops, 2 * TICK)
    assert held.progress == before.progress
    assert (held.valid, held.confidence, held.hop, held.step) == (False, 0.0, 0.0, 1)
    assert (held.reason, held.stamp) == (reason, 2 * TICK)
    assert tracker.rejected == 1
    after = tracker.update(Hops(0.0, 0.3, -0.7), 3 * TICK)
    assert (after.valid, after.step, after.reason) == (True, 2, '')


@pytest.mark.parametrize('stamp', [TICK, TICK - 1, 0])
def test_a_stamp_that_is_not_newer_is_refused(stamp):
    tracker = ProgressTracker()
    tracker.update(Hops(0.2, 0.3, -0.7), TICK)
    held = tracker.update(Hops(0.2, 0.3, -0.7), stamp)
    assert not held.valid
    assert held.reason == f'stamp = {stamp} ns; it must be newer than {TICK} ns'


def test_reset_clears_the_state():
    tracker = ProgressTracker()
    tracker.update(Hops(0.9, 0.9, -0.1), TICK)
    tracker.update(Hops(0.9, 0.9, -0.1, valid=False), 2 * TICK)
    tracker.reset('e2')
    assert tracker.rejected == 0
    first = tracker.update(Hops(0.0, 0.0, -1.0), 0)
    assert (first.valid, first.step, first.progress) == (True, 1, 0.0)


@given(PARAMETERS, st.lists(GOOD | WILD, min_size=1, max_size=30))
def test_readings_stay_in_range_for_any_hops(parameters, answers):
    tracker = ProgressTracker(parameters)
    valid, previous = 0, 0.0
    for i, hops in enumerate(answers):
        reading = tracker.update(hops, i)
        valid += reading.valid
        for value in (reading.progress, reading.incremental, reading.forward, reading.confidence):
            assert 0.0 <= value <= 1.0
        assert math.isnan(reading.backward) or 0.0 <= reading.backward <= 1.0
        assert reading.valid or (reading.progress, reading.confidence) == (previous, 0.0)
        assert reading.valid or reading.reason
        assert reading.step == valid
        previous = reading.progress
    assert tracker.rejected == len(answers) - valid


@given(HOP, HOP, st.floats(0.0, 1.0), st.sampled_from(FUSIONS))
def test_confidence_never_exceeds_familiarity(forward, backward, familiarity, fusion):
    tracker = ProgressTracker(TrackerParameters(fusion=fusion))
    reading = tracker.update(Hops(0.0, forward, backward, familiarity), 0)
    assert reading.confidence <= familiarity


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1e6))
def test_consistency_never_blocks_forever(start, forward, backward, alpha):
    """However the perspectives disagree, progress arrives where they say on the mean."""
    tracker = ProgressTracker(TrackerParameters('consistency', alpha=alpha))
    for i in range(50):
        tracker.update(Hops(0.0, start, start - 1.0), i)
    for i in range(50, 550):
        reading = tracker.update(Hops(0.0, forward, backward - 1.0), i)
    assert reading.progress == pytest.approx((forward + backward) / 2, abs=1e-4)


def test_without_a_goal_consistency_is_off():
    plain, weighted = ProgressTracker(), ProgressTracker(TrackerParameters('consistency'))
    for i, hop in enumerate((0.0, 0.2, 0.4, -0.3)):
        hops = Hops(hop, abs(hop), None, 0.8)
        one, other = plain.update(hops, i), weighted.update(hops, i)
        assert one == other
        assert one.confidence == 0.8


def test_success_is_proposed_after_an_unbroken_run():
    tracker = ProgressTracker(success=SuccessParameters(readings=3, hold=0.2))
    proposed = []
    for i, hop in enumerate((1.0, 1.0, 1.0, 1.0)):
        proposed.append(tracker.update(Hops(hop, 1.0, 0.0), i * TICK).success_candidate)
    assert proposed == [False, False, True, True]
    assert not tracker.update(Hops(1.0, 1.0, 0.0, valid=False), 4 * TICK).success_candidate


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        ({'fusion': 'median'}, "fusion = 'median'; it must be one of mean, consistency"),
        ({'recursion': 'none'}, "recursion = 'none'; it must be one of fused, own"),
        ({'alpha': -1.0}, 'alpha = -1.0; it must be finite and 0 or more'),
        ({'epsilon': math.nan}, 'epsilon = nan; it must be finite and above 0'),
        ({'floor': 0.0}, 'floor = 0.0; it must be above 0 and at most 1'),
    ],
)
def test_wrong_parameters_are_named(wrong, text):
    with pytest.raises(ValueError, match=text):
        TrackerParameters(**wrong)


def test_wrong_start_is_named():
    with pytest.raises(ValueError, match=r'start_progress = nan; it must be within 0\.\.1'):
        ProgressTracker().reset(start_progress=math.nan)
