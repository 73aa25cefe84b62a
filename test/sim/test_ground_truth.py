"""Properties of the ground truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.reward.metrics import OutcomeRule
from robo_dopamine_ros.sim import ground_truth

HOLE = 0.022
metres = st.floats(-0.3, 0.3)
tips = st.tuples(metres, metres, metres).map(np.array)
beside = st.tuples(st.floats(0.013, 0.2), st.floats(-np.pi, np.pi), st.floats(-0.002, 0.3)).map(
    lambda p: np.array([p[0] * np.cos(p[1]), p[0] * np.sin(p[1]), p[2]])
)


@given(tips)
def test_progress_is_bounded(tip: np.ndarray) -> None:
    assert 0.0 <= ground_truth.progress(tip, HOLE) <= 1.0


@given(tips, st.sampled_from([(-1, 1), (1, -1), (-1, -1)]))
def test_mirrored_poses_are_equal(tip: np.ndarray, signs: tuple[int, int]) -> None:
    mirrored = tip * np.array([*signs, 1])
    turned = np.array([tip[1], tip[0], tip[2]])
    assert ground_truth.progress(tip, HOLE) == pytest.approx(
        ground_truth.progress(mirrored, HOLE), abs=1e-12
    )
    assert ground_truth.progress(tip, HOLE) == pytest.approx(
        ground_truth.progress(turned, HOLE), abs=1e-12
    )


@given(st.floats(0, 0.03), st.floats(0, 0.03), st.floats(-0.001, 0.001))
def test_deeper_is_never_less(one: float, other: float, x: float) -> None:
    low, high = sorted((one, other))
    shallow, deep = (ground_truth.progress(np.array([x, 0, -d]), HOLE) for d in (low, high))
    assert deep >= shallow


@given(st.floats(0, 0.2), st.floats(0, 0.2))
def test_coming_down_on_the_axis_is_never_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    above, below = (ground_truth.progress(np.array([0, 0, z]), HOLE) for z in (high, low))
    assert below >= above


@given(beside)
def test_beside_the_hole_stays_low_and_is_failure(tip: np.ndarray) -> None:
    assert ground_truth.progress(tip, HOLE) < 0.35
    assert ground_truth.grade(tip, HOLE) == ground_truth.FAILURE


@given(st.floats(-0.004, 0.004), st.floats(-0.004, 0.004), st.floats(-0.0149, 0.02))
def test_over_the_hole_is_partial_and_worth_half(x: float, y: float, z: float) -> None:
    tip = np.array([x, y, z])
    assert 0.5 <= ground_truth.progress(tip, HOLE) <= 0.8
    assert ground_truth.grade(tip, HOLE) == ground_truth.PARTIAL


def test_twenty_millimetres_are_success() -> None:
    assert ground_truth.grade(np.array([0, 0, -0.020]), HOLE) == ground_truth.SUCCESS
    assert ground_truth.progress(np.array([0, 0, -0.020]), HOLE) == 1.0
    assert ground_truth.grade(np.array([0, 0, -0.0199]), HOLE) == ground_truth.PARTIAL


def test_pressed_on_the_board_at_the_edge_is_not_inside() -> None:
    assert ground_truth.insertion_depth(np.array([0.0109, -0.0109, -0.0001]), HOLE) == 0.0
    assert ground_truth.insertion_depth(np.array([0.09, 0.0, -0.03]), HOLE) == 0.0


def test_many_poses_at_once() -> None:
    tips = np.random.default_rng(0).uniform(-0.2, 0.2, (50, 3))
    each = [float(ground_truth.progress(tip, HOLE)) for tip in tips]
    assert ground_truth.progress(tips, HOLE) == pytest.approx(each)


@pytest.mark.parametrize(
    ('values', 'grade'),
    [
        ([0.0, 0.7, 1.0], ground_truth.SUCCESS),
        ([0.0, 0.5, 0.8], ground_truth.PARTIAL),
        ([0.0, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.9], ground_truth.FAILURE),
        ([0.0, 0.3, 0.3], ground_truth.FAILURE),
        ([0.4], ground_truth.PARTIAL),
    ],
)
def test_the_outcome_rule(values: list[float], grade: str) -> None:
    assert OutcomeRule()(np.array(values)) == grade
