"""Parsing of freely generated answers."""

import math

import pytest
from _grm_reference import parse_answer
from hypothesis import given
from hypothesis import strategies as some

from robo_dopamine_ros.grm.vlm.finetune.sampler import answer_text

SPACE = some.text(' \t\n', max_size=2)
TENTHS = some.integers(-1000, 1000)


@given(TENTHS, some.sampled_from(['{:+.1f}', '{:.1f}', '{:.2f}', '{:+g}', '{:g}']), SPACE, SPACE,
       some.sampled_from(['%', ' %', '']), some.text(max_size=9))  # fmt: skip
def test_a_number_is_read_however_it_is_written(
    tenths: int, form: str, before: str, after: str, sign: str, around: str
) -> None:
    written = form.format(tenths / 10)
    text = f'{around}<score>{before}{written}{sign}{after}</score>'
    assert parse_answer(text) == pytest.approx(tenths / 10)
    assert parse_answer(f'{text}\n') == parse_answer(text)


@given(some.floats(-1, 1))
def test_answers_that_are_taught_can_be_read(label: float) -> None:
    percent = parse_answer(answer_text(label))
    assert percent == pytest.approx(100 * label, abs=0.0501)


@pytest.mark.parametrize(
    ('text', 'percent'),
    [
        ('<score>+15%</score>', 15.0),
        ('<score>-3.5%</score>', -3.5),
        ('<score>0%</score>', 0.0),
        ('<score>0.0%</score>', 0.0),
        ('<score>-0%</score>', 0.0),
        ('<score> + 7 % </score>', 7.0),
        ('<score>.5</score>', 0.5),
        ('<score>+250%</score>', 100.0),
        ('<score>-100.1%</score>', -100.0),
        ('<score>-' + '9' * 999 + '%</score>', -100.0),
        ('<score>+1%</score> no: <score>+2%</score>', 2.0),
    ],
)
def test_what_counts(text: str, percent: float) -> None:
    found = parse_answer(text)
    assert found == percent
    assert math.copysign(1, found) == math.copysign(1, percent)


@pytest.mark.parametrize(
    'text',
    [
        *('', 'fifteen', '15%', '<score>', '<score></score>', '<score>%</score>', '</score>'),
        *('<score>+</score>', '<score>nan</score>', '<score>-inf%</score>', '<score>1e1</score>'),
        *('<score>+1', '+1</score>', '<score>1_0</score>', '<score>+-1%</score>', '<score>1 0%'),
        *('<score>1%%</score>', '<score>1.2.3</score>', '<score>\N{MINUS SIGN}5%</score>'),
        *('<score>+1%</score><score>', '<score>٣%</score>', '<score>+NN%</score>'),
    ],
)
def test_what_does_not_count_is_not_taken_for_zero(text: str) -> None:
    assert parse_answer(text) is None


@given(some.text())
def test_any_text_is_a_percent_or_nothing(text: str) -> None:
    for tried in (text, f'<score>{text}</score>'):
        percent = parse_answer(tried)
        assert percent is None or -100 <= percent <= 100
