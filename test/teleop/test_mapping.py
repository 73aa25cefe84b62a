"""Properties of the response curve and the speed limits."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from robo_dopamine_ros.teleop.mapping import ResponseCurve, SpeedLimits

curves = st.builds(ResponseCurve, dead_zone=st.floats(0, 0.5), expo=st.floats(0, 1))
deflections = st.floats(-2, 2, allow_subnormal=False)


@given(curves, deflections)
def test_it_is_the_same_both_ways_and_at_most_one(curve: ResponseCurve, deflection: float) -> None:
    fraction = curve.apply(np.array([deflection, -deflection]))
    assert fraction[0] == -fraction[1]
    assert abs(fraction[0]) <= 1
    assert (
        (fraction[0] == 0) if abs(deflection) <= curve.dead_zone else fraction[0] * deflection >= 0
    )


@given(curves, deflections, deflections)
def test_farther_is_never_slower(curve: ResponseCurve, one: float, other: float) -> None:
    near, far = sorted((one, other))
    slow, fast = curve.apply(np.array([near, far]))
    assert slow <= fast + 1e-12


@given(curves)
def test_full_deflection_is_full_speed(curve: ResponseCurve) -> None:
    assert curve.apply(np.array([1.0, -1.0])) == pytest.approx([1.0, -1.0])


@given(curves, st.floats(-1, 1))
def test_the_curve_can_be_inverted(curve: ResponseCurve, fraction: float) -> None:
    assume(abs(fraction) > 1e-3 or fraction == 0)
    back = curve.apply(curve.invert(np.array([fraction])))
    assert back[0] == pytest.approx(fraction, abs=0.01)


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6), st.floats(0.01, 2), st.floats(0.01, 3))
def test_no_fractions_are_faster_than_the_limits(
    fractions: list[float], speed: float, angular_speed: float
) -> None:
    twist = SpeedLimits(speed, angular_speed).to_twist(np.array(fractions))
    assert np.linalg.norm(twist[:3]) <= speed * (1 + 1e-9)
    assert np.linalg.norm(twist[3:]) <= angular_speed * (1 + 1e-9)


@pytest.mark.parametrize(
    ('kind', 'wrong', 'text'),
    [
        (ResponseCurve, {'dead_zone': 1.0}, 'dead_zone = 1.0; it must be in 0..1, without 1'),
        (ResponseCurve, {'expo': float('nan')}, 'expo = nan; it must be in 0..1'),
        (SpeedLimits, {'speed': 0.0}, 'speed = 0.0; it must be above 0'),
    ],
)
def test_what_cannot_be_is_refused(kind: type, wrong: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        kind(**wrong)
