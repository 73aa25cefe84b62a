"""Answers that a model is asked about all at once.

An answer is a path of symbols: a sign, up to three digits, a point, a digit; `+33.4` for
`<score>+33.4%</score>`. In one pass the model reads a tree of such paths, each row seeing its own
branch only, and says for each what comes next.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.query.words import AnswerTokens

DIGITS = '0123456789'
OPENING = 2  # rows before the paths: '<' and 'score'; the second is that of the empty path
BASE = (
    *('+', '-'),
    *(sign + digit for sign in '+-' for digit in DIGITS),
    *('+10', '-10'),  # which 100 would go on from
)
DRAFTED = 10  # rows that are guessed
PADDING = ' '  # a row nobody asked for


def guess(last: float) -> tuple[str, ...]:
    """Ten paths that an answer near the last one [%] may go through."""
    sign, tens = '-' if last < 0 else '+', min(int(abs(last) // 10), 9)
    points = [f'{sign}{digit}.' for digit in DIGITS]
    decade = [f'{sign}{tens}{digit}' for digit in DIGITS] if tens else []
    new = [path for path in decade if path not in BASE]
    return tuple((new + points)[:DRAFTED])


@dataclass(frozen=True)
class Tree:
    """Paths in the order of their rows; a parent stands before its children."""

    tokens: AnswerTokens
    paths: tuple[str, ...] = BASE

    def with_row(self, path: str | None) -> 'Tree':
        """The tree with one more row: that of a path whose parent it has, or of no use (None)."""
        return Tree(self.tokens, (*self.paths, PADDING if path is None else path))

    def row(self, path: str) -> int | None:
        """Row that says what follows a path; None when the tree has not got it."""
        return self._rows.get(path)

    def __len__(self) -> int:
        return OPENING + len(self.paths)

    @cached_property
    def ids(self) -> Tensor:
        """Token ids (R,)."""
        opening, end = self.tokens.opening, self.tokens.end
        words = [end if p == PADDING else self.tokens.of_symbol(p[-1]) for p in self.paths]
        return torch.tensor([*opening, *words])

    @cached_property
    def depths(self) -> Tensor:
        """Steps (R,) of each row from the first word of the answer."""
        return torch.tensor([0, 1, *(1 + len(path) for path in self.paths)])

    @cached_property
    def mask(self) -> Tensor:
        """What sees what (R, R): a row sees its branch and itself."""
        seen = [[0], [0, 1]]
        for row, path in enumerate(self.paths, OPENING):
            parent = 1 if path == PADDING else self._rows[path[:-1]]
            seen.append([*seen[parent], row])
        mask = torch.zeros(len(self), len(self), dtype=torch.bool)
        mask[[row for row, own in enumerate(seen) for _ in own], sum(seen, [])] = True
        return mask

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {'': 1, **{path: row for row, path in enumerate(self.paths, OPENING)}}
