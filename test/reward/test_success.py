"""The debounced success proposal."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.reward.success import SuccessParameters, SuccessState, debounce
from robo_dopamine_ros.types import SECOND, Progress

TICK = SECOND // 10


def run(values, parameters, confidence=1.0):
    """Feed progress at 10 Hz; None is no reading."""
    state, proposed = SuccessState(), []
    for i, value in enumerate(values):
        reading = Progress(
            stamp=i * TICK,
            progress=value or 0.0,
            confidence=0.0 if value is None else confidence,
            valid=value is not None,
        )
        state = debounce(state, reading, parameters)
        proposed.append(state.candidate)
    return proposed


def test_a_single_spike_gives_no_proposal():
    assert not any(run([0.1, 1.0, 0.1, 1.0, 1.0, 0.94], SuccessParameters(readings=3, hold=0.0)))


def test_a_proposal_takes_readings_and_time():
    assert run([1.0] * 4, SuccessParameters(readings=2, hold=0.3)) == [False, False, False, True]
    assert run([1.0] * 4, SuccessParameters(readings=4, hold=0.1)) == [False, False, False, True]


def test_small_dips_keep_and_large_dips_withdraw_a_proposal():
    values = [0.96, 0.96, 0.91, 0.96, 0.89, 0.96]
    found = run(values, SuccessParameters(readings=2, hold=0.0, delta=0.05, release=0.05))
    assert found == [False, True, True, True, False, False]


def test_invalid_readings_withdraw_a_proposal():
    parameters = SuccessParameters(readings=2, hold=0.0)
    assert run([1.0, None, 1.0, 1.0, None, 1.0], parameters) == [
        False,
        False,
        False,
        True,
        False,
        False,
    ]


def test_readings_of_low_confidence_do_not_count():
    assert not any(run([1.0] * 9, SuccessParameters(confidence=0.6), confidence=0.59))


@given(st.lists(st.none() | st.floats(0.0, 1.0), max_size=40), st.integers(1, 5))
def test_every_proposal_follows_an_unbroken_run(values, needed):
    """Before any proposal stand `needed` readings in a row at the threshold."""
    proposed = run(values, SuccessParameters(readings=needed, hold=0.0))
    for i, (now, before) in enumerate(zip(proposed, [False, *proposed], strict=False)):
        if now and not before:
            run_up = values[i + 1 - needed : i + 1]
            assert len(run_up) == needed
            assert all(value is not None and value >= 0.95 for value in run_up)


@pytest.mark.parametrize(
    ('wrong', 'text'),
    [
        ({'delta': 1.5}, r'delta = 1\.5; it must be within 0\.\.1'),
        ({'release': math.nan}, r'release = nan; it must be within 0\.\.1'),
        ({'confidence': -0.1}, r'confidence = -0\.1; it must be within 0\.\.1'),
        ({'readings': 0}, 'readings = 0; it must be 1 or more'),
        ({'hold': -1.0}, r'hold = -1\.0 s; it must be 0 or more'),
    ],
)
def test_wrong_parameters_are_named(wrong, text):
    with pytest.raises(ValueError, match=text):
        SuccessParameters(**wrong)
