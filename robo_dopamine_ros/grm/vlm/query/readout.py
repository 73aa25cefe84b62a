"""From the logits of an answer tree to the answer: by greedy decoding, or as an expectation."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from robo_dopamine_ros.grm.vlm.query.answer_tokens import SYMBOLS
from robo_dopamine_ros.grm.vlm.query.answer_tree import BASE_PATHS, DIGITS, OPENING_ROWS, AnswerTree

END = '%'  # ends an answer
NOT_FINITE = 'the model says nothing finite'


@dataclass(frozen=True)
class DecodedAnswer:
    """The answer to one query."""

    percent: float  # -100..100; NaN if invalid
    path: str  # the answer as symbols
    std: float = math.nan  # standard deviation [%]; NaN for a greedy answer
    reason: str = ''  # why the answer is invalid

    @property
    def valid(self) -> bool:
        """Whether there is an answer."""
        return not self.reason


@dataclass(frozen=True)
class MissingPath:
    """A path that greedy decoding needs and the tree lacks."""

    path: str


def next_symbols(path: str, decimals: bool) -> str:
    """Symbols that the grammar allows after a path; none after its end."""
    if path == '':
        return '+->'
    if path.endswith((END, '>')) or path[1:] == '100':
        return ''
    whole, point, rest = path[1:].partition('.')
    if point:
        return '' if rest else DIGITS
    if not whole:
        return DIGITS
    ending = END + ('.' if decimals else '')
    if whole == '0':
        return ending
    if whole == '10':
        return ending + '0'
    return ending + DIGITS if len(whole) == 1 else ending


def path_percent(path: str) -> float:
    """Value of a complete path [%]."""
    return 0.0 if path == '>' else float(path.rstrip(END)) + 0.0  # never -0.0


def decode_greedy(
    tree: AnswerTree, logits: Tensor, decimals: bool = True
) -> DecodedAnswer | MissingPath:
    """The answer of greedy generation, from the logits (R, symbols) of the tree's rows.

    Of equally likely symbols the one with the lowest token id wins, as with argmax.
    """
    path, table = '', logits.tolist()
    while options := next_symbols(path, decimals):
        if len(options) > 1:
            row = tree.row(path)
            if row is None:
                return MissingPath(path)
            scores = [table[row][SYMBOLS.index(option)] for option in options]
            if not all(map(math.isfinite, scores)):
                return DecodedAnswer(math.nan, path, reason=NOT_FINITE)
            order = [-tree.tokens.token_id(option) for option in options]
            options = max(zip(scores, order, options, strict=True))[-1]
        path += options
    return DecodedAnswer(path_percent(path), path)


def decode_expectation(tree: AnswerTree, logits: Tensor, decimals: bool = True) -> DecodedAnswer:
    """Mean and standard deviation of the answer, from the rows that every tree has.

    These rows have no decimals, so they are truncated: the mean is off by less than 1 %, towards
    zero. Draft rows have no influence.
    """
    if not bool(torch.isfinite(logits[: OPENING_ROWS + len(BASE_PATHS)]).all()):
        return DecodedAnswer(math.nan, '', reason=NOT_FINITE)
    answers = zip(*_answers(node_probabilities(tree, logits, decimals)), strict=True)
    values, probabilities = (torch.tensor(part, dtype=torch.float64) for part in answers)
    mean = float((values * probabilities).sum())
    std = math.sqrt(float(((values - mean).square() * probabilities).sum()))
    return DecodedAnswer(mean, f'{mean:+.1f}', std)


def node_probabilities(
    tree: AnswerTree, logits: Tensor, decimals: bool = True
) -> dict[str, dict[str, float]]:
    """Probabilities of the symbols after each base path, from finite logits (R, symbols)."""
    nodes, table = {}, logits.double().cpu()
    for path in ('', *BASE_PATHS):
        options = next_symbols(path, decimals)
        columns = [SYMBOLS.index(option) for option in options]
        probabilities = torch.softmax(table[tree.row(path), columns], 0).tolist()
        nodes[path] = dict(zip(options, probabilities, strict=True))
    return nodes


def _answers(nodes: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[float, float]]:
    """Whole numbers [%] and their probabilities, which sum to 1."""
    reached = {'': 1.0}
    for path, symbols in nodes.items():
        for symbol, probability in symbols.items():
            joint = reached[path] * probability
            if path + symbol in BASE_PATHS:
                reached[path + symbol] = joint
            else:
                yield path_percent(path + symbol), joint
