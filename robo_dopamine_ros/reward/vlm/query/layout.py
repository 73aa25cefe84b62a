"""Where the words and pictures of a query stand, token by token.

A query is cut in three: PREFIX, up to the first picture to compare with, which all queries of a
task share; BEFORE, up to where the first new picture begins; AFTER, the rest. All pictures have
one size, so every query of a task has the same layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.vlm.engine import Shape
from robo_dopamine_ros.reward.vlm.query.prompt import PICTURES, TASK
from robo_dopamine_ros.reward.vlm.query.words import AnswerTokens


@dataclass(frozen=True, eq=False)
class Section:
    """Consecutive tokens of a query."""

    ids: Tensor  # (S,) int64
    positions: Tensor  # (3, S) int64: time, row, column
    pictures: tuple[slice, ...]  # tokens of each picture in it

    def cut(self, first: int, last: int) -> 'Section':
        """Its tokens from `first` to before `last`."""
        inside = [part for part in self.pictures if first <= part.start < last]
        pictures = tuple(slice(part.start - first, part.stop - first) for part in inside)
        return Section(self.ids[first:last], self.positions[:, first:last], pictures)


@dataclass(frozen=True, eq=False)
class Layout:
    """One task's query."""

    task: str
    prefix: Section
    before: Section
    after: Section
    answer: int  # position of the first token of the answer

    @classmethod
    def of(
        cls, tokenizer: Tokenizer, chat: str, task: str, shape: Shape, tokens: AnswerTokens
    ) -> 'Layout':
        """Lay out a rendered prompt in which `{task}` stands for the instruction.

        Raises ValueError for a task that holds a token of the model's own, ModelError for a prompt
        without its eight pictures.
        """
        added = tokenizer.get_added_tokens_decoder().values()
        if strange := [token.content for token in added if token.content in task]:
            raise ValueError(f'task {task!r} holds {strange[0]!r}, which the model gives a meaning')
        words = tokenizer.encode(chat.replace(TASK, task), add_special_tokens=False).ids
        framed = [tokens.vision_start, tokens.image, tokens.vision_end]
        found = [place for place, word in enumerate(words) if word == tokens.image]
        if len(found) != PICTURES or any(words[at - 1 : at + 2] != framed for at in found):
            told = f'the prompt shows {len(found)} pictures'
            raise ModelError(f'{told}; it must show {PICTURES}, each between its two marks')
        whole, answer = lay_out(words, tokens.image, shape)
        first, second = whole.pictures[2].start - 1, whole.pictures[5].start
        before, after = whole.cut(first, second), whole.cut(second, len(whole.ids))
        return cls(task, whole.cut(0, first), before, after, answer)


def lay_out(words: Sequence[int], image: int, shape: Shape) -> tuple[Section, int]:
    """Give each picture, one token in `words`, its room; and the position of what follows.

    Text counts on in all three. The tokens of a picture share their time and have a row and a
    column each; what follows begins past the largest.
    """
    rows, columns = torch.meshgrid(
        torch.arange(shape.rows), torch.arange(shape.columns), indexing='ij'
    )
    picture = torch.stack([torch.zeros_like(rows), rows, columns]).flatten(1)
    word = torch.zeros(3, 1, dtype=torch.long)
    ids: list[int] = []
    positions, pictures, here = [], [], 0
    for token in words:
        positions.append(here + (picture if token == image else word))
        if token == image:
            pictures.append(slice(len(ids), len(ids) + shape.tokens))
        ids += [token] * positions[-1].shape[1]
        here += max(shape.rows, shape.columns) if token == image else 1
    return Section(torch.tensor(ids), torch.cat(positions, 1), tuple(pictures)), here
