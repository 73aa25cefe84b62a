"""Metrics against values computed by hand."""

import numpy as np
import pytest
import scipy.stats  # noqa: F401 (loaded before the deadline of the first example counts)
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.reward import metrics

VALUES = st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=20).map(np.array)


def test_ranks_share_ties():
    assert metrics.ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_correlations_by_hand():
    rising = np.array([0.0, 0.1, 0.5, 0.6])
    assert metrics.voc(rising) == pytest.approx(1.0)
    assert metrics.voc(rising[::-1]) == pytest.approx(-1.0)
    assert metrics.voc(np.array([0.1, 0.2, 0.4, 0.3])) == pytest.approx(0.8)  # 1 - 6*2/(4*15)
    assert metrics.voc(np.full(4, 0.3)) == 0.0
    truth = np.array([0.0, 1.0, 2.0])
    assert metrics.pearson(truth, 3.0 - 2.0 * truth) == pytest.approx(-1.0)
    assert metrics.pearson(truth, np.array([0.0, 1.0, 0.0])) == pytest.approx(0.0)


@given(VALUES, st.randoms(use_true_random=False))
def test_spearman_is_bounded_and_symmetric(values, random):
    other = values.copy()
    random.shuffle(other)
    rho = metrics.spearman(values, other)
    assert -1.0 - 1e-12 <= rho <= 1.0 + 1e-12
    assert rho == pytest.approx(metrics.spearman(other, values))


@given(VALUES, VALUES)
def test_auroc_is_the_share_of_pairs_in_order(negatives, positives):
    wins = (positives[:, None] > negatives).mean() + (positives[:, None] == negatives).mean() / 2
    assert metrics.auroc(negatives, positives) == pytest.approx(wins)


def test_auroc_needs_both_sides():
    assert metrics.auroc(np.array([]), np.array([1.0])) is None


@pytest.mark.parametrize(
    ('curve', 'grade'),
    [
        (np.linspace(0.0, 1.0, 30), 'success'),
        (np.array([0.0, 0.0, 0.0, 0.0, 0.5, 0.9]), 'success'),  # late mean 0.7
        (np.array([0.0, 0.0, 0.0, 0.0, 0.2, 0.9]), 'failure'),  # late mean 0.55, mean 0.18
        (np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.8]), 'partial'),  # ends at, not above, 0.8
        (np.full(9, 0.4), 'partial'),
        (np.full(9, 0.39), 'failure'),
        (np.array([0.9]), 'success'),
    ],
)
def test_outcome_rule_of_the_paper(curve, grade):
    assert metrics.OutcomeRule()(curve) == grade


def test_discrimination_by_hand():
    finals = {'failure': [0.1, 0.5], 'partial': [0.5], 'success': [0.9]}
    # partial over failure: +1 and a tie; success over failure: +1, +1; success over partial: +1
    assert metrics.tau_a(finals) == pytest.approx((0.5 + 1.0 + 1.0) / 3)
    assert metrics.ranking_accuracy(finals) == pytest.approx(4 / 5)
    assert metrics.tau_a({'success': [0.9]}) is None
    assert metrics.ranking_accuracy({}) is None


def test_detection_by_hand():
    found = metrics.detection(np.array([1, 1, 1, 0, 0]), np.array([1, 1, 0, 1, 0]))
    assert (found.tpr, found.tnr, found.f1) == pytest.approx((2 / 3, 1 / 2, 4 / 6))
    assert metrics.detection(np.array([0, 0]), np.array([0, 0])) == metrics.Detection(
        None, 1.0, None
    )


def test_opd_by_hand():
    found = metrics.opd(np.array([0.2, 0.6, 0.601, 0.4]))
    assert found.mc == (1.0, 1.0, 0.0, 0.0)
    assert found.mp == pytest.approx(0.601)
    assert found.ppl == pytest.approx(0.4**2 / (0.2 + 0.4 + 0.001 + 0.201))
    assert found.cra == pytest.approx(0.201 / 5)
    assert found.str == pytest.approx(1 / 4)
    assert metrics.opd(np.zeros(3)).ppl == 0.0


def test_percentiles_by_hand():
    assert metrics.percentiles(range(101)) == {'p50': 50.0, 'p95': 95.0, 'p99': 99.0}
    assert metrics.percentiles([]) == {'p50': None, 'p95': None, 'p99': None}


def test_bootstrap_covers_the_mean_and_repeats():
    data = np.random.default_rng(1).normal(3.0, 1.0, 200)

    def interval():
        return metrics.bootstrap(
            lambda rng: rng.choice(data, len(data)),
            lambda drawn: float(drawn.mean()),
            np.random.default_rng(0),
        )

    low, high = interval()
    assert low < data.mean() < high
    assert high - low == pytest.approx(2 * 1.96 / 200**0.5, rel=0.2)
    assert interval() == (low, high)
    assert metrics.bootstrap(lambda rng: data, lambda drawn: None, np.random.default_rng(0)) is None


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_blocks_are_runs_within_the_data(length, seed):
    drawn = metrics.block_indices(length, np.random.default_rng(seed))
    assert len(drawn) == length
    assert drawn.min() >= 0
    assert drawn.max() < length
    run = max(1, round(length**0.5))
    assert all((np.diff(drawn[i : i + run]) == 1).all() for i in range(0, length, run))
