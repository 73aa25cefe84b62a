"""Answers decoded from trees equal those of greedy generation, whatever was speculated."""

import math
import random
from collections.abc import Iterator
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor

from robo_dopamine_ros.grm.vlm.query.answer_tokens import SYMBOLS, AnswerTokens
from robo_dopamine_ros.grm.vlm.query.answer_tree import (
    BASE_PATHS,
    PADDING_PATH,
    AnswerTree,
    draft_paths,
)
from robo_dopamine_ros.grm.vlm.query.readout import (
    DecodedAnswer,
    MissingPath,
    decode_expectation,
    decode_greedy,
    next_symbols,
    path_percent,
)
from robo_dopamine_ros.grm.vlm.random_checkpoint import make_tokenizer

TOKENS = AnswerTokens.of(make_tokenizer())
SEEDS, DECIMALS = some.integers(0, 10**6), some.booleans()
LAST = some.one_of(some.floats(-100, 100), some.integers(-100, 100).map(float))
WHOLE = [str(number) for number in range(101)]


class Model:
    """Says the same of a path each time, by chance; or what leads to an answer, if it has one."""

    def __init__(self, seed: int, answer: str = '') -> None:
        self.seed, self.answer = seed, answer

    def after(self, path: str) -> list[float]:
        rng = random.Random(f'{self.seed} {path}')
        logits = [rng.gauss(0, 3) for _ in SYMBOLS]
        if self.answer.startswith(path) and len(path) < len(self.answer):
            logits[SYMBOLS.index(self.answer[len(path)])] = 99.0
        return logits

    def __call__(self, tree: AnswerTree) -> Tensor:
        """Logits (R, symbols) of a tree."""
        return torch.tensor([self.after('?'), self.after(''), *map(self.after, tree.paths)])

    def write(self, decimals: bool) -> str:
        """Greedy generation, symbol by symbol."""
        path = ''
        while options := next_symbols(path, decimals):
            chances = dict(zip(SYMBOLS, self.after(path), strict=True))
            path += max(options, key=chances.__getitem__)
        return path


def read(model: Model, tree: AnswerTree, decimals: bool) -> tuple[DecodedAnswer, int]:
    """A reading, and how many rows more it took."""
    rows = len(tree)
    while isinstance(told := decode_greedy(tree, model(tree), decimals), MissingPath):
        tree = tree.with_row(told.path)
    return told, len(tree) - rows


@cache
def answers(decimals: bool, path: str = '') -> tuple[str, ...]:
    options = next_symbols(path, decimals)
    return tuple(a for o in options for a in answers(decimals, path + o)) if options else (path,)


@pytest.mark.parametrize('decimals', [False, True])
def test_the_grammar_is_that_of_the_published_answers(decimals: bool) -> None:
    numbers = [*(f'{whole}%' for whole in WHOLE[:-1]), '100']
    if decimals:
        numbers += [f'{whole}.{digit}' for whole in WHOLE[:-1] for digit in range(10)]
    assert sorted(answers(decimals)) == sorted(['>', *(s + n for s in '+-' for n in numbers)])


@pytest.mark.parametrize(
    ('path', 'percent'),
    [('>', 0.0), ('+7%', 7.0), ('-33.4', -33.4), ('-0%', 0.0), ('-0.0', 0.0), ('+100', 100.0)],
)
def test_what_a_path_stands_for(path: str, percent: float) -> None:
    assert path_percent(path) == percent
    assert math.copysign(1, path_percent(path)) == math.copysign(1, percent)


@given(SEEDS, DECIMALS, LAST)
def test_the_answer_is_the_greedy_one_with_and_without_guesses(
    seed: int, decimals: bool, last: float
) -> None:
    model = Model(seed)
    plain, steps = read(model, AnswerTree(TOKENS), decimals)
    guessed, fewer = read(model, AnswerTree(TOKENS, (*BASE_PATHS, *draft_paths(last))), decimals)
    written = model.write(decimals)
    assert plain == guessed
    assert (plain.path, plain.percent) == (written, path_percent(written))
    assert plain.valid
    assert -100 <= plain.percent <= 100
    assert fewer <= steps <= 2


@given(some.sampled_from(answers(True)), SEEDS)
def test_steps_of_an_answer(answer: str, seed: int) -> None:
    model = Model(seed, answer)
    reading, steps = read(model, AnswerTree(TOKENS), decimals=True)
    assert reading.path == answer
    whole, point, _ = answer.lstrip('+->').rstrip('%').partition('.')
    short = len(whole) < 2 or whole in ('10', '100')
    assert steps == (0 if short else 1) + len(point)
    guessed = read(
        model, AnswerTree(TOKENS, (*BASE_PATHS, *draft_paths(reading.percent))), decimals=True
    )[1]
    drafted = answer[0] == ('-' if reading.percent < 0 else '+')  # so +0.0 is drafted, -0.0 is not
    assert guessed == (len(point) if len(whole) > 1 else 0 if drafted else steps)


@given(some.sampled_from(answers(False)), SEEDS)
def test_whole_numbers_take_no_step_when_decimals_are_cut(answer: str, seed: int) -> None:
    reading, steps = read(Model(seed, answer), AnswerTree(TOKENS), decimals=False)
    assert (reading.path, steps) == (answer, 0)


@given(LAST)
def test_guesses_are_ten_new_paths_with_their_parents_in_the_tree(last: float) -> None:
    paths = draft_paths(last)
    assert len(paths) == len({*paths} - {*BASE_PATHS}) == 10
    assert all(path[:-1] in BASE_PATHS for path in paths)
    assert all((path[0] == '-') == (last < 0) for path in paths)


def branch(tree: AnswerTree, row: int) -> Iterator[int]:
    """Tokens that a row sees, in order; each stands one step after the one before."""
    seen = tree.mask[row].nonzero()[:, 0]
    assert tree.depths[seen].tolist() == list(range(len(seen)))
    yield from tree.ids[seen].tolist()


@given(LAST, some.permutations(['+55', '+55.', '-10.', '-10.3', None, None]))
def test_rows_see_their_own_branch(last: float, more: list[str | None]) -> None:
    tree = AnswerTree(TOKENS, (*BASE_PATHS, *draft_paths(last)))
    for path in more:
        if path is None or (tree.row(path) is None and tree.row(path[:-1]) is not None):
            tree = tree.with_row(path)
    rows = len(tree)
    assert tree.ids.shape == tree.depths.shape == (rows,)
    assert tree.mask.shape == (rows, rows)
    assert tree.mask.dtype == torch.bool
    assert list(branch(tree, 0)) == [*TOKENS.opening[:1]]
    for row, path in enumerate(['', *tree.paths], 1):
        last_word = (
            TOKENS.end if path == PADDING_PATH else TOKENS.token_id(path[-1]) if path else None
        )
        parents = '' if path == PADDING_PATH else path[:-1]
        told = [*TOKENS.opening, *map(TOKENS.token_id, parents)]
        assert list(branch(tree, row)) == told + ([] if last_word is None else [last_word])
        assert path == PADDING_PATH or tree.row(path) is not None


def test_the_base_has_26_rows_and_guesses_make_it_36() -> None:
    assert len(AnswerTree(TOKENS)) == 26
    assert len(AnswerTree(TOKENS, (*BASE_PATHS, *draft_paths(55)))) == 36


@settings(max_examples=40)
@given(SEEDS, DECIMALS, LAST)
def test_the_expectation_is_that_over_all_answers(seed: int, decimals: bool, last: float) -> None:
    model = Model(seed)
    chances = {'': 1.0}
    mean = square = total = 0.0
    for path in (p for a in answers(decimals) for p in (a[:n] for n in range(1, len(a) + 1))):
        if path in chances:
            continue
        options = next_symbols(path[:-1], decimals)
        logits = dict(zip(SYMBOLS, model.after(path[:-1]), strict=True))
        mass = sum(math.exp(logits[option]) for option in options)
        chances[path] = chances[path[:-1]] * math.exp(logits[path[-1]]) / mass
        if not next_symbols(path, decimals):
            whole = float(math.trunc(path_percent(path)))
            mean += whole * chances[path]
            square += whole**2 * chances[path]
            total += chances[path]
    assert total == pytest.approx(1)
    told = decode_expectation(AnswerTree(TOKENS), model(AnswerTree(TOKENS)), decimals)
    assert told.valid
    assert -100 <= told.percent <= 100
    assert told.percent == pytest.approx(mean, abs=1e-4)
    assert told.std == pytest.approx(math.sqrt(max(0, square - mean**2)), abs=1e-3)
    tree = AnswerTree(TOKENS, (*BASE_PATHS, *draft_paths(last)))
    assert decode_expectation(tree, model(tree), decimals) == told


@given(some.sampled_from(answers(True)))
def test_a_sure_model_expects_what_it_writes(answer: str) -> None:
    told = decode_expectation(AnswerTree(TOKENS), Model(0, answer)(AnswerTree(TOKENS)))
    assert abs(path_percent(answer)) - 1 < abs(told.percent) <= 100
    if '.' not in answer and len(answer) < 4:
        assert told.percent == pytest.approx(path_percent(answer), abs=1e-3)
        assert told.std == pytest.approx(0, abs=1e-2)


@given(SEEDS, some.sampled_from([math.nan, math.inf, -math.inf]), some.integers(0, 25))
def test_what_is_not_finite_is_no_reading(seed: int, fault: float, row: int) -> None:
    model, tree = Model(seed), AnswerTree(TOKENS)
    written = model.write(False)
    on_path = [tree.row(written[:n]) for n in range(len(written))]
    logits = model(tree)
    logits[row] = fault
    told = decode_greedy(tree, logits, False)
    assert isinstance(told, DecodedAnswer)
    needed = row in on_path and len(next_symbols((['', *tree.paths])[row - 1], False)) > 1
    assert told.valid != needed
    if needed:
        assert math.isnan(told.percent)
        assert told.reason == 'the model says nothing finite'
    else:
        assert told.path == written


@pytest.mark.parametrize('fault', [math.nan, math.inf, -math.inf])
def test_an_expectation_of_what_is_not_finite_is_no_reading(fault: float) -> None:
    logits = Model(3)(AnswerTree(TOKENS))
    logits[5, 8] = fault
    told = decode_expectation(AnswerTree(TOKENS), logits)
    assert (told.valid, told.reason) == (False, 'the model says nothing finite')
    assert math.isnan(told.percent)


def test_of_equals_the_lowest_token_is_taken_as_argmax_does() -> None:
    tree = AnswerTree(TOKENS)
    told = decode_greedy(tree, torch.zeros(len(tree), len(SYMBOLS)))
    assert isinstance(told, DecodedAnswer)
    lowest = min('+->', key=TOKENS.token_id)
    assert told.path[0] == lowest == '>'
