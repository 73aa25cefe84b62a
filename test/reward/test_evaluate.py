"""Evaluation of fake models with known scores."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from robo_dopamine_ros.grm.hops import hop_label
from robo_dopamine_ros.grm.protocol import GRM
from robo_dopamine_ros.reward.evaluation import (
    EvaluationError,
    EvaluationParameters,
    evaluate,
    sampled_frames,
)
from robo_dopamine_ros.types import SECOND, Hops, Outcome, Recording, Views

KEYS = (
    'voc',
    'voc_reversed',
    'mae',
    'hop_sign_accuracy',
    'identical_hop',
    'ood_auroc',
    'false_alarm_rate',
    'outcome_accuracy',
    'success_auc',
)
SHAPE = (24, 32)
FAST = EvaluationParameters(probes=8, samples=50)


def picture(progress):
    """An image whose red channel is the progress; green and blue are vertical, horizontal ramps."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    red = np.full(SHAPE, round(255 * progress))
    return np.stack([red, 10 * y, 8 * x], axis=-1).astype(np.uint8)


def recording(curve, rate=10.0, **known):
    """Play a curve of progress, rounded to what a picture can hold."""
    truth = np.round(np.asarray(curve) * 255) / 255

    def play(size=None, stride=1, start=0, stop=None):
        for i in range(start, min(stop or len(truth), len(truth)), stride):
            yield Views({'front': picture(truth[i])}, {'front': int(i / rate * SECOND)})

    facts = {'progress': truth, 'span': (0, len(truth) - 1), **known}
    return Recording('rollout', rate, len(truth), ('front',), play, **facts)


class Oracle:
    """Reads the progress from the image, and recognises other images."""

    name = 'oracle'
    views = ('front',)

    def reset(self, context):
        assert context.goal is None
        self.start = self.read(context.start)
        self.before = None
        self.stamp = context.start.stamp

    def step(self, views):
        assert views.stamp > self.stamp
        self.stamp = views.stamp
        now, seen = self.read(views), views.images['front'].astype(float)
        strange = np.abs(seen - picture(seen[..., 0].mean() / 255)).mean() / 255
        known = bool(strange < 0.05)
        hop = hop_label(now if self.before is None else self.before, now)
        if known:
            self.before = now
        forward, backward = hop_label(self.start, now), hop_label(1.0, now)
        return Hops(float(hop), float(forward), float(backward), 1.0 - strange, known)

    def prepare_next(self):
        pass

    def read(self, views):
        return views.images['front'][..., 0].mean() / 255


class Contrary(Oracle):
    """Reads the opposite of the progress."""

    name = 'contrary'

    def read(self, views):
        return 1.0 - super().read(views)


class Constant:
    """Gives hops of 0."""

    name = 'constant'
    views = ('front',)

    def reset(self, context):
        pass

    def step(self, views):
        return Hops(0.0, 0.0, None)

    def prepare_next(self):
        pass


class Broken(Constant):
    """Never gives a reading."""

    def step(self, views):
        return Hops(math.nan, math.nan, None, math.nan, valid=False, reason='broken')


RAMP = np.linspace(0.0, 1.0, 101)


def test_an_oracle_is_perfect():
    report = evaluate(Oracle(), [recording(RAMP)], FAST)
    assert (report.model, report.voc, report.voc_reversed) == ('oracle', 1.0, -1.0)
    assert report.mae == pytest.approx(0.0, abs=1e-12)
    assert (report.hop_sign_accuracy, report.identical_hop) == (1.0, 0.0)
    assert (report.ood_auroc, report.false_alarm_rate) == (1.0, 0.0)
    assert (report.outcome_accuracy, report.success_auc) == (None, None)
    assert report.intervals['voc'] == (1.0, 1.0)
    for perspective in report.details['perspectives'].values():
        assert perspective['voc'] == perspective['voc_minus'] == pytest.approx(1.0)
        assert perspective['voc_r'] == perspective['voc_truth'] == pytest.approx(1.0)
        assert perspective['mae_reversed'] == pytest.approx(0.0, abs=1e-12)
    hops = report.details['hops']
    assert (hops['sign_accuracy_onward'], hops['sign_accuracy_back']) == (1.0, 1.0)
    assert hops['mae'] == pytest.approx(0.0, abs=1e-9)
    assert 0.0 <= hops['identical_noisy'] < 0.02
    assert {family['detected'] for family in report.details['outliers'].values()} == {1.0}


def test_an_inverted_model_scores_the_opposite():
    seen = recording(RAMP)
    wrong = np.abs(1.0 - 2.0 * seen.progress[::2]).mean()
    report = evaluate(Contrary(), [seen], FAST)
    assert report.details['perspectives']['backward']['voc'] == -1.0
    assert report.details['perspectives']['backward']['voc_reversed'] == 1.0
    assert report.details['perspectives']['backward']['mae'] == pytest.approx(wrong)
    assert report.hop_sign_accuracy == 0.0
    assert report.false_alarm_rate == 0.0


def test_scores_of_a_constant_model():
    truth = recording(RAMP)
    report = evaluate(Constant(), [truth], FAST)
    assert (report.voc, report.voc_reversed, report.hop_sign_accuracy) == (0.0, 0.0, 0.0)
    assert report.mae == pytest.approx(truth.progress[::2].mean())
    assert (report.identical_hop, report.ood_auroc, report.false_alarm_rate) == (0.0, 0.5, 0.0)
    backward = report.details['perspectives']['backward']
    assert set(backward.values()) == {None}  # it has no goal


def test_a_model_without_readings_has_only_false_alarms():
    report = evaluate(Broken(), [recording(RAMP)], FAST)
    assert (report.false_alarm_rate, report.ood_auroc) == (1.0, 0.5)
    assert (report.hop_sign_accuracy, report.identical_hop) == (0.0, None)


def rollouts():
    """Two of each grade, as the curves of the rule's three classes."""
    half = np.minimum(RAMP * 5, 0.55)
    return [
        recording(RAMP[::2], outcome=Outcome.SUCCESS, grade='success'),
        recording(RAMP**0.5, outcome=Outcome.SUCCESS),
        recording(half, outcome=Outcome.FAILURE, grade='partial'),
        recording(half * 0.95, outcome=Outcome.TIME_LIMIT, grade='partial'),
        recording(RAMP * 0.1, outcome=Outcome.FAILURE),
        recording(RAMP * 0.2, outcome=Outcome.FAILURE, grade='failure'),
    ]


def test_outcomes_of_an_oracle():
    report = evaluate(Oracle(), rollouts(), FAST, clock=iter(np.arange(1e5)).__next__)
    assert (report.outcome_accuracy, report.success_auc, report.voc) == (1.0, 1.0, pytest.approx(1))
    assert report.details['intervals_over'] == 'recordings'
    outcomes = report.details['outcomes']
    assert [outcomes['confusion'][g][g] for g in ('failure', 'partial', 'success')] == [2, 2, 2]
    assert (outcomes['tau_a'], outcomes['ranking_accuracy']) == (1.0, 1.0)
    assert outcomes['unsuccessful'] == {'tpr': 1.0, 'tnr': 1.0, 'f1': 1.0}
    assert report.details['success'] == {'recall': 1.0, 'false': 0, 'unsuccessful': 4}
    assert report.details['perspectives']['fused']['mae_unsuccessful'] == pytest.approx(0.0)
    assert report.details['latency'] == {'p50': 1.0, 'p95': 1.0, 'p99': 1.0}
    assert report.details['opd']['success']['mp'] == pytest.approx(1.0)
    assert 'recall 1.000, false 0 of 4' in report.table()
    assert 'truth \\ found' in report.table()


def test_unsuccessful_rollouts_do_not_count_for_order_and_error():
    alone = evaluate(Constant(), rollouts()[:1], FAST)
    mixed = evaluate(Constant(), [rollouts()[0], *rollouts()[2:]], FAST)
    assert mixed.mae == alone.mae


def test_a_recovery_lowers_voc_but_not_correlation_with_the_truth():
    bump = np.concatenate([RAMP[:60], RAMP[59:30:-1], RAMP[30:]])
    fused = evaluate(Oracle(), [recording(bump)], FAST).details['perspectives']['fused']
    assert fused['voc'] < 0.95
    assert fused['voc_truth'] == pytest.approx(1.0)


def test_json_has_every_key_and_null_where_nothing_is_known():
    unlabelled = recording(RAMP, progress=None)
    found = json.loads(evaluate(Constant(), [unlabelled], FAST).to_json())
    assert set(KEYS) <= set(found)
    unknown = {key for key in KEYS if found[key] is None}
    assert unknown == {'mae', 'hop_sign_accuracy', 'outcome_accuracy', 'success_auc'}
    assert set(found['intervals']) == set(KEYS)
    assert found['recordings'][0]['steps'] == 51


def test_the_same_seed_gives_the_same_report():
    first, second = (
        evaluate(Oracle(), rollouts()[:2], FAST, np.random.default_rng(5)).to_json()
        for _ in range(2)
    )
    assert first == second


def test_progress_callback_goes_from_0_to_1():
    shares = []
    evaluate(Oracle(), rollouts()[:2], FAST, progress=lambda share, what: shares.append(share))
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert 0.5 in shares


@pytest.mark.parametrize(
    ('length', 'rate', 'span', 'interval', 'steps', 'last'),
    [
        (1277, 30.0, (8, 1263), 15, 85, 1263),  # the paper's kind of video
        (50, 10.0, (0, 49), 1, 50, 49),  # a short simulated rollout: every frame
        (200, 10.0, (0, 199), 4, 51, 199),
        (90_000, 30.0, (0, 89_999), 150, 601, 89_999),  # fifty minutes
    ],
)
def test_sampling_rule(length, rate, span, interval, steps, last):
    made = Recording('r', rate, length, ('front',), lambda **_: iter(()), span)
    frames, found = sampled_frames(made, EvaluationParameters())
    assert (found, len(frames), frames[0], frames[-1]) == (interval, steps, span[0], last)
    assert set(np.diff(frames)[:-1]) == {interval}


def test_pairs_lie_a_whole_gap_apart():
    report = evaluate(Oracle(), [recording(RAMP, rate=30.0)], EvaluationParameters(samples=1))
    told = report.details['recordings'][0]
    assert (told['interval'], told['gap']) == (2, 60)
    assert report.details['hops']['pairs'] == 2 * len(range(0, 101 - 60, 2))


def test_stalled_pairs_are_left_out():
    stalled = np.concatenate([RAMP[:50], np.full(51, 0.5)])
    report = evaluate(Oracle(), [recording(stalled)], EvaluationParameters(gap=10, samples=1))
    assert report.details['hops']['pairs'] == 2 * 25


def test_evaluation_errors_name_the_cause():
    with pytest.raises(EvaluationError, match='no recordings'):
        evaluate(Oracle(), [], FAST)
    with pytest.raises(EvaluationError, match=r'rollout: span 0\.\.0; it needs two frames'):
        evaluate(Oracle(), [recording([0.0])], FAST)
    short = replace(recording(RAMP[:51]), span=(0, 100), progress=None)
    with pytest.raises(EvaluationError, match=r'rollout: 26 of 51 steps could be read'):
        evaluate(Oracle(), [short], FAST)
    with pytest.raises(ValueError, match='interval = 0; it must be 1 or more'):
        EvaluationParameters(interval=0)
    with pytest.raises(ValueError, match='noise = nan'):
        EvaluationParameters(noise=math.nan)


def test_the_fakes_implement_the_grm_protocol():
    assert all(isinstance(fake(), GRM) for fake in (Oracle, Contrary, Constant, Broken))
