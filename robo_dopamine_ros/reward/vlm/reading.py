"""From what a model says of each path to the answer it gives: as written out, or as expected."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.tree import DIGITS, Tree
from robo_dopamine_ros.reward.vlm.words import SYMBOLS

DONE = '%'


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
    """Percent that a whole path stands for."""
    return 0.0 if path == '>' else float(path.rstrip(DONE))


def descend(tree: Tree, logits: Tensor, decimals: bool = True) -> Reading | Missing:
    """The answer that greedy generation writes, from logits (R, symbols) of the tree's rows."""
    path = ''
    while options := legal(path, decimals):
        if len(options) > 1:
            row = tree.row(path)
            if row is None:
                return Missing(path)
            chances = logits[row, [SYMBOLS.index(option) for option in options]]
            if not bool(torch.isfinite(chances).all()):
                return Reading(math.nan, path, reason='the model says nothing finite')
            options = options[int(chances.argmax())]
        path += options
    return Reading(value(path), path)


def expect(tree: Tree, logits: Tensor, decimals: bool = True) -> Reading:
    """Mean and spread of the answer, from the rows every tree has.

    Decimals and what follows a two-digit number are not looked at, which errs by less than 1 %.
    """
    if not bool(torch.isfinite(logits).all()):
        return Reading(math.nan, '', reason='the model says nothing finite')
    known = [(value(path), chance) for path, chance in _answers(tree, logits.double(), decimals)]
    values, chances = (torch.tensor(part, dtype=torch.float64) for part in zip(*known, strict=True))
    mean = float((values * chances).sum())
    spread = math.sqrt(max(0.0, float((values.square() * chances).sum()) - mean**2))
    return Reading(mean, f'{mean:+.1f}', spread)


def _answers(tree: Tree, logits: Tensor, decimals: bool) -> Iterator[tuple[str, float]]:
    """Whole-number paths with their chances, which add up to 1."""
    open_paths = [('', 1.0)]
    while open_paths:
        path, chance = open_paths.pop()
        options, row = legal(path, decimals), tree.row(path)
        inside = len(path) < 2 or path[1:] == '10'
        if not options or row is None or '.' in path or not (inside or len(path) == 2):
            yield path.rstrip('.'), chance
            continue
        shares = torch.softmax(logits[row, [SYMBOLS.index(option) for option in options]], 0)
        open_paths += [
            (path + option, chance * float(share))
            for option, share in zip(options, shares, strict=True)
        ]
