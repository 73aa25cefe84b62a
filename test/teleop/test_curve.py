"""Laws of the sticks: a dead zone, the same both ways, never beyond the pace."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from robo_dopamine_ros.teleop.curve import Curve
from robo_dopamine_ros.teleop.pace import Pace

curves = st.builds(Curve, dead_zone=st.floats(0, 0.5), expo=st.floats(0, 1))
ways = st.floats(-2, 2, allow_subnormal=False)


@given(curves, ways)
def test_it_is_the_same_both_ways_and_at_most_one(curve: Curve, way: float) -> None:
    share = curve.shape(np.array([way, -way]))
    assert share[0] == -share[1]
    assert abs(share[0]) <= 1
    assert (share[0] == 0) if abs(way) <= curve.dead_zone else share[0] * way >= 0


@given(curves, ways, ways)
def test_farther_is_never_slower(curve: Curve, one: float, other: float) -> None:
    near, far = sorted((one, other))
    slow, fast = curve.shape(np.array([near, far]))
    assert slow <= fast + 1e-12


@given(curves)
def test_the_end_is_the_full_pace(curve: Curve) -> None:
    assert curve.shape(np.array([1.0, -1.0])) == pytest.approx([1.0, -1.0])


@given(curves, st.floats(-1, 1))
def test_a_practised_hand_finds_the_deflection(curve: Curve, share: float) -> None:
    assume(abs(share) > 1e-3 or share == 0)
    back = curve.shape(curve.unshape(np.array([share])))
    assert back[0] == pytest.approx(share, abs=0.01)


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6), st.floats(0.01, 2), st.floats(0.01, 3))
def test_no_shares_are_faster_than_the_pace(
    shares: list[float], speed: float, turning: float
) -> None:
    twist = Pace(speed, turning).twist(np.array(shares))
    assert np.linalg.norm(twist[:3]) <= speed * (1 + 1e-9)
    assert np.linalg.norm(twist[3:]) <= turning * (1 + 1e-9)


@pytest.mark.parametrize(
    ('kind', 'wrong', 'text'),
    [
        (Curve, {'dead_zone': 1.0}, 'dead_zone = 1.0; it must be in 0..1, without 1'),
        (Curve, {'expo': float('nan')}, 'expo = nan; it must be in 0..1'),
        (Pace, {'speed': 0.0}, 'speed = 0.0; it must be above 0'),
    ],
)
def test_what_cannot_be_is_refused(kind: type, wrong: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        kind(**wrong)
