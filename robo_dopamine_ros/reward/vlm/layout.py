"""Where the words and pictures of a query stand, token by token.

A query is cut in three: PREFIX, up to the first picture to compare with, which all queries of a
task share; BEFORE, up to where the first new picture begins; AFTER, the rest. All pictures have
one size, so every query of a task has the same layout.
"""

from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from robo_dopamine_ros.reward.compact.card import ModelError
from robo_dopamine_ros.reward.vlm.engine import Shape
from robo_dopamine_ros.reward.vlm.words import AnswerTokens

PICTURES = 8  # reference start and end, then three views before and three after
TASK = '{task}'  # stands for the instruction in a prompt


@dataclass(frozen=True)
class Section:
    """Consecutive tokens of a query."""

    ids: Tensor  # (S,) int64
    positions: Tensor  # (3, S) int64: time, row, column
    pictures: tuple[slice, ...]  # tokens of each picture in it


@dataclass(frozen=True)
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
        starts = [place for place, word in enumerate(words) if word == tokens.vision_start]
        if len(starts) != PICTURES or words.count(tokens.image) != PICTURES:
            raise ModelError(f'the prompt shows {len(starts)} pictures; it must show {PICTURES}')
        first = starts[2] + 2 * (shape.tokens - 1)
        second = starts[5] + 5 * (shape.tokens - 1) + 1
        ids = [
            word
            for token in words
            for word in [token] * (shape.tokens if token == tokens.image else 1)
        ]
        places, end = positions(words, tokens.image, shape)

        def section(start: int, stop: int) -> Section:
            return _section(ids[start:stop], places[:, start:stop], tokens.image, shape.tokens)

        parts = section(0, first), section(first, second), section(second, len(ids))
        return cls(task, *parts, end)


def positions(words: list[int], image: int, shape: Shape) -> tuple[Tensor, int]:
    """Positions (3, S) of words, where one image token stands for a picture, and the next one.

    Text counts on in all three; the tokens of a picture share their time and have a row and a
    column each. What follows begins past the largest.
    """
    rows, columns = torch.meshgrid(
        torch.arange(shape.rows), torch.arange(shape.columns), indexing='ij'
    )
    picture = torch.stack([torch.zeros(shape.tokens).long(), rows.ravel(), columns.ravel()])
    word = torch.zeros(3, 1).long()
    told, here = [], 0
    for token in words:
        told.append(here + (picture if token == image else word))
        here += max(shape.rows, shape.columns) if token == image else 1
    return torch.cat(told, 1), here


def _section(ids: list[int], places: Tensor, image: int, tokens: int) -> Section:
    starts = [
        place
        for place, token in enumerate(ids)
        if token == image and (place == 0 or ids[place - 1] != image)
    ]
    pictures = tuple(slice(start, start + tokens) for start in starts)
    return Section(torch.tensor(ids), places, pictures)
