"""Fusion of perspectives: Eq 8, and Eq 9 to 11 with their edge cases."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.reward.progress import (
    conservative_update,
    consistency,
    disagreement,
    mean_fusion,
)

UNIT = st.floats(0.0, 1.0)
HOP_RANGE = st.floats(-1.0, 2.0)  # what F and B can be before they are clamped


def test_mean_leaves_out_the_goal_when_there_is_none():
    assert mean_fusion(0.2, 0.4, 0.9) == pytest.approx(0.5)
    assert mean_fusion(0.2, 0.4, None) == pytest.approx(0.3)


@pytest.mark.parametrize(('gap', 'weight'), [(0.054, 0.943), (0.118, 0.758), (0.222, 0.372)])
def test_weight_of_the_paper_at_alpha_20(gap, weight):
    forward, backward = 0.5 * (1 - gap / 2), 0.5 * (1 + gap / 2)
    found = consistency(forward, backward, alpha=20.0, epsilon=1e-9, floor=1e-9)
    assert found == pytest.approx(weight, abs=2e-3)


def test_perspectives_are_clamped_before_they_are_compared():
    assert disagreement(-0.5, 1.5, 0.1) == pytest.approx(1.0 / 0.6)
    assert disagreement(-0.5, -0.2, 0.1) == 0.0


@given(HOP_RANGE, st.none() | HOP_RANGE, st.floats(0.0, 1e3), st.floats(1e-3, 1.0))
def test_weight_is_never_above_one_nor_below_its_floor(forward, backward, alpha, floor):
    weight = consistency(forward, backward, alpha=alpha, epsilon=0.1, floor=floor)
    assert floor <= weight <= 1.0
    assert backward is not None or weight == 1.0


@given(UNIT, UNIT, UNIT, UNIT, UNIT)
def test_convex_form_is_equation_11(previous, hop, forward, backward, weight):
    change = (1.0 - previous) * hop
    printed = previous + weight / 2 * ((forward + backward) / 2 - previous + change)
    convex = conservative_update(previous, previous + change, forward, backward, weight)
    assert convex == pytest.approx(printed, abs=1e-12)


@given(UNIT, UNIT, HOP_RANGE, st.none() | HOP_RANGE, UNIT)
def test_conservative_update_stays_in_the_unit_interval(
    previous, incremental, forward, backward, weight
):
    assert 0.0 <= conservative_update(previous, incremental, forward, backward, weight) <= 1.0


def test_full_weight_is_half_incremental_and_a_quarter_of_each_global_view():
    assert conservative_update(0.9, 0.4, 0.2, 0.8, 1.0) == pytest.approx(0.2 + 0.05 + 0.2)
    assert math.isclose(conservative_update(0.9, 0.4, 0.2, 0.8, 0.0), 0.9)
