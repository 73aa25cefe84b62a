"""Trees of answers that are scored in one pass.

An answer is a path of symbols: a sign, up to three digits, a point, a digit; `+33.4` stands for
`<score>+33.4%</score>`. The rows of a tree are tokens with a shared prefix. Each row attends to its
own branch only, and its logits are those of the symbol after its path.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens

DIGITS = '0123456789'
OPENING_ROWS = 2  # rows before the paths: '<' and 'score'; the second is that of the empty path
BASE_PATHS = (
    *('+', '-'),
    *(sign + digit for sign in '+-' for digit in DIGITS),
    *('+10', '-10'),  # the prefixes of 100
)
DRAFT_ROWS = 10  # speculative rows
PADDING_PATH = ' '  # a row that is not used


def draft_paths(last: float) -> tuple[str, ...]:
    """Ten paths that an answer near the last one [%] may pass through, to speculate on."""
    sign, tens = '-' if last < 0 else '+', min(int(abs(last) // 10), 9)
    points = [f'{sign}{digit}.' for digit in DIGITS]
    decade = [f'{sign}{tens}{digit}' for digit in DIGITS] if tens else []
    new = [path for path in decade if path not in BASE_PATHS]
    return tuple((new + points)[:DRAFT_ROWS])


@dataclass(frozen=True)
class AnswerTree:
    """Paths in the order of their rows; parents come before their children."""

    tokens: AnswerTokens
    paths: tuple[str, ...] = BASE_PATHS

    def with_row(self, path: str | None) -> 'AnswerTree':
        """The tree plus one row: of a path whose parent is in it, or padding (None)."""
        return AnswerTree(self.tokens, (*self.paths, PADDING_PATH if path is None else path))

    def row(self, path: str) -> int | None:
        """Row whose logits follow a path; None if the path is not in the tree."""
        return self._rows.get(path)

    def __len__(self) -> int:
        return OPENING_ROWS + len(self.paths)

    @cached_property
    def ids(self) -> Tensor:
        """Token ids (R,)."""
        opening, end = self.tokens.opening, self.tokens.end
        answers = [end if p == PADDING_PATH else self.tokens.token_id(p[-1]) for p in self.paths]
        return torch.tensor([*opening, *answers])

    @cached_property
    def depths(self) -> Tensor:
        """Distance (R,) of each row from the first token of the answer."""
        return torch.tensor([0, 1, *(1 + len(path) for path in self.paths)])

    @cached_property
    def mask(self) -> Tensor:
        """Attention mask (R, R) bool: a row attends to its branch and itself."""
        visible = [[0], [0, 1]]
        for row, path in enumerate(self.paths, OPENING_ROWS):
            parent = 1 if path == PADDING_PATH else self._rows[path[:-1]]
            visible.append([*visible[parent], row])
        mask = torch.zeros(len(self), len(self), dtype=torch.bool)
        mask[[row for row, own in enumerate(visible) for _ in own], sum(visible, [])] = True
        return mask

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {'': 1, **{path: row for row, path in enumerate(self.paths, OPENING_ROWS)}}
