"""Parity metrics: perfect for equal answers, known values for known differences."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robo_dopamine_ros.grm.vlm.parity.report import (
    TOLERANCES,
    AnswerRecord,
    HopParity,
    NodeProbabilities,
    ParityReport,
    answer_divergence,
    hop_parity,
)
from robo_dopamine_ros.reward.episode_parity import episode_parity
from robo_dopamine_ros.types import SECOND, Hops

PERCENT = st.integers(-1000, 1000).map(lambda tenths: tenths / 10)
CHANCE = st.floats(0.01, 1.0)


@st.composite
def nodes(draw: st.DrawFn) -> NodeProbabilities:
    """A tree with its root and what follows either sign."""
    found = {}
    for path, symbols in {'': '+->', '+': '0123', '-': '0123', '+1': '%0'}.items():
        weights = [draw(CHANCE) for _ in symbols]
        chances = (weight / sum(weights) for weight in weights)
        found[path] = dict(zip(symbols, chances, strict=True))
    return found


@st.composite
def answers(draw: st.DrawFn) -> AnswerRecord:
    percent = draw(st.one_of(PERCENT, st.just(math.nan)))
    return AnswerRecord(percent, draw(PERCENT), draw(nodes()))


def plain(*percents: float) -> list[AnswerRecord]:
    return [AnswerRecord(percent) for percent in percents]


def hop(percent: float) -> Hops:
    return Hops(percent / 100, percent / 100, percent / 100 - 1)


def stamps(count: int) -> list[int]:
    return [SECOND * (1 + look) for look in range(count)]


@given(st.lists(answers(), min_size=1, max_size=20))
@settings(deadline=None)
def test_equal_answers_have_perfect_metrics(told: list[AnswerRecord]) -> None:
    found = hop_parity(told, told)
    read = sum(not math.isnan(answer.percent) for answer in told)
    assert found.unread == pytest.approx(1 - read / len(told))
    assert found.divergence == found.expected_mae == 0.0
    assert set(found.node_divergence.values()) == {0.0}
    if read:
        assert (found.mae, found.p95, found.flips, found.lost) == (0, 0, 0, 0)
        assert (found.exact, found.near) == (1, 1)
    else:
        assert found.mae is found.flips is found.exact is found.lost is None


@given(st.lists(answers(), min_size=2, max_size=20), st.randoms())
@settings(deadline=None)
def test_the_order_of_questions_does_not_matter(told: list[AnswerRecord], chance: object) -> None:
    pairs = list(zip(told, told[1:] + told[:1], strict=True))
    shuffled = sorted(pairs, key=lambda _: chance.random())  # type: ignore[attr-defined]
    first, second = (hop_parity(*zip(*some, strict=True)) for some in (pairs, shuffled))
    assert first.mae == pytest.approx(second.mae)
    assert first.divergence == pytest.approx(second.divergence)
    assert (first.flips, first.lost, first.large) == (second.flips, second.lost, second.large)


@given(st.lists(PERCENT, min_size=1), st.floats(-20, 20))
def test_a_constant_shift_is_the_error(percents: list[float], shift: float) -> None:
    found = hop_parity(plain(*(p + shift for p in percents)), plain(*percents))
    assert found.mae == pytest.approx(abs(shift), abs=1e-9)
    assert found.p95 == pytest.approx(abs(shift), abs=1e-9)


@given(st.lists(PERCENT, min_size=1))
def test_the_opposite_of_everything_flips_every_sign(percents: list[float]) -> None:
    found = hop_parity(plain(*(-p for p in percents)), plain(*percents))
    assert found.flips == pytest.approx(sum(p != 0 for p in percents) / len(percents))
    assert found.large == sum(abs(p) >= 5 for p in percents)
    assert found.large_flips == (1.0 if found.large else None)


@given(nodes(), nodes())
def test_divergence_is_never_negative(
    candidate: NodeProbabilities, reference: NodeProbabilities
) -> None:
    assert answer_divergence(candidate, reference) >= -1e-12


def test_known_figures() -> None:
    reference = plain(10, 20, -30, 4, 0, math.nan, 50)
    candidate = plain(10, 24, -10, -4, 1, 3, math.nan)
    found = hop_parity(candidate, reference)
    assert found.questions == 7
    assert found.mae == pytest.approx((0 + 4 + 20 + 8 + 1) / 5)
    assert found.flips == pytest.approx(2 / 5)  # 4 -> -4 and 0 -> 1
    assert (found.large, found.large_flips) == (3, 0)
    assert found.exact == pytest.approx(1 / 6)
    assert found.near == pytest.approx(3 / 6)
    assert (found.lost, found.unread) == (pytest.approx(1 / 6), pytest.approx(1 / 7))
    assert found.divergence is found.expected_mae is None
    assert found.node_divergence == {}


def test_divergence_of_an_answer_counts_branches_by_their_chance() -> None:
    reference = {'': {'+': 0.75, '-': 0.25}, '+': {'1': 0.5, '2': 0.5}, '-': {'1': 1.0, '2': 0.0}}
    candidate = {'': {'+': 0.75, '-': 0.25}, '+': {'1': 0.25, '2': 0.75}, '-': {'1': 0.5, '2': 0.5}}
    after_plus = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    wanted = 0.75 * after_plus + 0.25 * math.log(2)
    assert answer_divergence(candidate, reference) == pytest.approx(wanted)
    found = hop_parity([AnswerRecord(1, 8, candidate)], [AnswerRecord(1, 5, reference)])
    assert found.divergence == pytest.approx(wanted)
    assert found.node_divergence['sign'] == 0.0
    assert found.node_divergence['first'] == pytest.approx((after_plus + math.log(2)) / 2)
    assert found.expected_mae == 3


def test_what_the_candidate_thinks_impossible_counts_much_but_not_without_end() -> None:
    found = answer_divergence({'': {'+': 1.0, '-': 0.0}}, {'': {'+': 0.5, '-': 0.5}})
    assert 10 < found < 30


def test_every_question_needs_both_answers() -> None:
    with pytest.raises(ValueError, match='2 answers against 1; give one for each'):
        hop_parity(plain(1, 2), plain(1))


def test_equal_episodes_have_no_voc_drop() -> None:
    told = [hop(percent) for percent in (0, 10, 20, 35, 60, 80)]
    found = episode_parity('e', told, told, stamps(6))
    assert (found.voc, found.voc_drop, found.final_error) == (pytest.approx(1), 0, 0)
    assert found.reward_correlation == pytest.approx(1)


def test_a_reversed_episode_has_a_large_voc_drop() -> None:
    told = [replace(hop(percent), incremental=0.0) for percent in (0, 10, 20, 35, 60, 80)]
    reference = episode_parity('e', told, told, stamps(6))
    found = episode_parity('e', told[::-1], told, stamps(6))
    assert found.voc < 0
    assert found.voc_drop > 1.0
    assert found.voc_reference == reference.voc
    assert found.reward_correlation is not None
    assert found.reward_correlation < 0


def test_a_candidate_that_reads_nothing_has_no_rewards_to_compare() -> None:
    told = [hop(percent) for percent in (0, 10, 20)]
    silent = [replace(one, valid=False) for one in told]
    found = episode_parity('e', silent, told, stamps(3))
    assert (found.voc, found.reward_correlation) == (0, None)
    assert found.final_error > 0.1


def comparison(hops: HopParity, drop: float = 0.0, tolerances: str = 'fp8') -> ParityReport:
    told = [hop(percent) for percent in (0, 10, 20)]
    episode = episode_parity('first', told, told, stamps(3))
    episode = replace(episode, voc=episode.voc_reference - drop)
    return ParityReport('a', 'b', TOLERANCES[tolerances], hops, {'forward': hops}, [episode], None)


PERFECT = hop_parity(plain(10, -40), plain(10, -40))


def test_failures_are_named() -> None:
    assert comparison(PERFECT).passed
    told = replace(PERFECT, mae=1.5, large_flips=0.007, lost=0.02)
    assert comparison(told, 0.015).failures == (
        'mean error of hops [%]: 1.5, at most 1',
        'share of other signs among hops of 5 % or more: 0.007, at most 0.005',
        'share of readings lost: 0.02, at most 0.005',
        'VOC lost: 0.015, at most 0.01',
    )
    assert comparison(told, 0.015, 'int8').failures == (
        'share of readings lost: 0.02, at most 0.01',
    )


def test_undefined_metrics_do_not_pass() -> None:
    found = comparison(hop_parity(plain(math.nan), plain(math.nan)))
    assert found.failures == (
        'mean error of hops [%]: unknown (nothing both answered)',
        'share of other signs among hops of 5 % or more: unknown (no hops of 5 % or more)',
        'share of readings lost: unknown (the reference read nothing)',
    )
    assert 'VOC lost: unknown (no episode)' in replace(found, episodes=[]).failures


@given(st.floats(0, 5), st.floats(0, 0.1), st.floats(-0.1, 0.1))
@settings(deadline=None)
def test_who_passes_the_strict_tolerances_passes_the_others(
    mae: float, flips: float, drop: float
) -> None:
    told = replace(PERFECT, mae=mae, large_flips=flips)
    assert not comparison(told, drop).passed or comparison(told, drop, 'int8').passed


def test_the_table_and_the_json_say_it_all() -> None:
    found = replace(comparison(PERFECT), noise=replace(PERFECT, mae=0.5))
    assert found.within_noise
    assert not comparison(PERFECT).within_noise
    table = found.table()
    assert (
        'the same within the tolerances; no further off than the reference is from itself' in table
    )
    assert 'forward' in table
    assert 'noise' in table
    assert 'first ' in table
    facts = json.loads(found.to_json())
    assert facts['passed'] is True
    assert facts['noise']['mae'] == 0.5
    assert facts['episodes'][0]['voc_drop'] == 0
    bad = comparison(replace(PERFECT, mae=3.0))
    assert bad.table().endswith('NOT the same:\n  mean error of hops [%]: 3, at most 1')
