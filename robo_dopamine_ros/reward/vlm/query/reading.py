"""From what a model says of each path to the answer it gives: as written out, or as expected."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.query.tree import BASE, DIGITS, OPENING, Tree
from robo_dopamine_ros.reward.vlm.query.words import SYMBOLS

DONE = '%'
NOTHING = 'the model says nothing finite'


@dataclass(frozen=True)
class Reading:
    """One answer."""

    percent: float  # -100..100; NaN where there is none
    path: str  # the answer as it would be written
    spread: float = math.nan  # standard deviation of the answer [%], where it was asked for
    reason: str = ''  # why there is no answer

    @property
    def valid(self) -> bool:
        """Whether there is an answer."""
        return not self.reason


@dataclass(frozen=True)
class Missing:
    """A path whose row the tree has not got."""

    path: str


def legal(path: str, decimals: bool) -> str:
    """Symbols that may follow a path; none after its end."""
    if path == '':
        return '+->'
    if path.endswith((DONE, '>')) or path[1:] == '100':
        return ''
    whole, point, rest = path[1:].partition('.')
    if point:
        return '' if rest else DIGITS
    if not whole:
        return DIGITS
    ending = DONE + ('.' if decimals else '')
    if whole == '0':
        return ending
    if whole == '10':
        return ending + '0'
    return ending + DIGITS if len(whole) == 1 else ending


def value(path: str) -> float:
    """Percent that a path stands for when nothing follows it."""
    return 0.0 if path == '>' else float(path.rstrip(DONE)) + 0.0  # never -0.0


def descend(tree: Tree, logits: Tensor, decimals: bool = True) -> Reading | Missing:
    """The answer that greedy generation writes, from logits (R, symbols) of the tree's rows.

    Of symbols that are equally likely it takes the one with the lowest token id, as argmax does.
    """
    path, table = '', logits.tolist()
    while options := legal(path, decimals):
        if len(options) > 1:
            row = tree.row(path)
            if row is None:
                return Missing(path)
            chances = [table[row][SYMBOLS.index(option)] for option in options]
            if not all(map(math.isfinite, chances)):
                return Reading(math.nan, path, reason=NOTHING)
            later = [-tree.tokens.of_symbol(option) for option in options]
            options = max(zip(chances, later, options, strict=True))[-1]
        path += options
    return Reading(value(path), path)


def expect(tree: Tree, logits: Tensor, decimals: bool = True) -> Reading:
    """Mean and spread of the answer, from the rows that every tree has.

    Decimals are cut, since those rows do not tell them: the mean lies off by less than 1 %, towards
    zero. Rows that were guessed change nothing.
    """
    logits = logits[: OPENING + len(BASE)].double().cpu()
    if not bool(torch.isfinite(logits).all()):
        return Reading(math.nan, '', reason=NOTHING)
    answers = zip(*_answers(tree, logits, decimals), strict=True)
    values, chances = (torch.tensor(part, dtype=torch.float64) for part in answers)
    mean = float((values * chances).sum())
    spread = math.sqrt(float(((values - mean).square() * chances).sum()))
    return Reading(mean, f'{mean:+.1f}', spread)


def _answers(tree: Tree, logits: Tensor, decimals: bool) -> Iterator[tuple[float, float]]:
    """Whole numbers [%] with their chances, which add up to 1."""
    reached = {'': 1.0}
    for path in ('', *BASE):
        options = legal(path, decimals)
        columns = [SYMBOLS.index(option) for option in options]
        shares = torch.softmax(logits[tree.row(path), columns], 0).tolist()
        for option, share in zip(options, shares, strict=True):
            chance = reached[path] * share
            if path + option in BASE:
                reached[path + option] = chance
            else:
                yield value(path + option), chance
