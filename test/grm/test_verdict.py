"""The verdict about an adapted model, from its metrics on held-out frames."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.grm.compact.validation import ValidationMetrics
from robo_dopamine_ros.grm.compact.verdict import (
    MAX_ALARMS,
    MIN_CORRELATION,
    MIN_FRAMES,
    MIN_HOP_SIGN,
    AdaptationResult,
)

SHARES = st.floats(0.0, 1.0)


def result(frames=40, mae=0.02, voc=0.99, hop_sign=1.0, alarms=0.0, steps=1200):
    return AdaptationResult(ValidationMetrics(frames, mae, voc, hop_sign, alarms), steps, 1200, 240)


def test_a_model_that_orders_its_own_frames_is_usable():
    assert result().weaknesses == []
    assert result().verdict.startswith('usable')


def test_numbers_of_pictures_played_out_of_order_are_not_usable():
    verdict = result(hop_sign=0.65, voc=0.87).verdict
    assert verdict.startswith('not usable: 65% of the hops right, at least 90% needed; ')
    assert 'rank correlation 0.870, at least 0.95 needed' in verdict
    assert 'in order' in verdict


def test_a_model_that_ran_out_of_time_says_so():
    verdict = result(hop_sign=0.5, steps=70).verdict
    assert 'Try: 70 of 1200 steps were done in 240 s: give more --seconds' in verdict
    assert '--seconds' not in result(hop_sign=0.5).verdict


@pytest.mark.parametrize('unknown', [{'frames': 4, 'voc': 0.7}, {'hop_sign': math.nan}])
def test_too_few_frames_are_no_verdict(unknown):
    assert result(**unknown).verdict.startswith('not judged: ')
    assert result(**unknown).weaknesses == []


def test_a_constant_progress_has_no_order():
    assert result(voc=math.nan).weaknesses == ['rank correlation none, at least 0.95 needed']


@given(frames=st.integers(MIN_FRAMES, 500), voc=SHARES, hop_sign=SHARES, alarms=SHARES)
def test_every_metric_below_its_bound_is_named_and_no_other(frames, voc, hop_sign, alarms):
    weak = [voc < MIN_CORRELATION, hop_sign < MIN_HOP_SIGN, alarms > MAX_ALARMS]
    judged = result(frames, voc=voc, hop_sign=hop_sign, alarms=alarms)
    assert len(judged.weaknesses) == sum(weak)
    assert judged.to_json()['usable'] is not any(weak)
    assert judged.verdict.startswith('not usable' if any(weak) else 'usable')
