"""Token layout of a query: ids, positions, and where the images are.

A query has three sections. PREFIX ends before the first image of the views before and is shared by
all queries of a task. BEFORE ends before the first image of the views after. AFTER is the rest. All
images have one size, so all queries of a task have the same layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.engine import NetworkShape
from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens
from robo_dopamine_ros.grm.vlm.query.prompt import IMAGE_COUNT, TASK


@dataclass(frozen=True, eq=False)
class PromptSection:
    """Consecutive tokens of a query."""

    ids: Tensor  # (S,) int64
    positions: Tensor  # (3, S) int64: time, row, column
    images: tuple[slice, ...]  # tokens of each image in it

    def cut(self, first: int, last: int) -> 'PromptSection':
        """The tokens from `first` up to but excluding `last`."""
        inside = [part for part in self.images if first <= part.start < last]
        images = tuple(slice(part.start - first, part.stop - first) for part in inside)
        return PromptSection(self.ids[first:last], self.positions[:, first:last], images)


@dataclass(frozen=True, eq=False)
class PromptLayout:
    """The query of one task, in three sections."""

    task: str
    prefix: PromptSection
    before: PromptSection
    after: PromptSection
    answer: int  # position of the first token of the answer

    @classmethod
    def of(
        cls, tokenizer: Tokenizer, chat: str, task: str, shape: NetworkShape, tokens: AnswerTokens
    ) -> 'PromptLayout':
        """Lay out a rendered prompt in which `{task}` marks the place of the instruction.

        Raises ValueError for a task that contains a special token, ModelError for a prompt without
        its eight images.
        """
        added = tokenizer.get_added_tokens_decoder().values()
        if special := [token.content for token in added if token.content in task]:
            raise ValueError(f'task {task!r} holds {special[0]!r}, which the model gives a meaning')
        words = tokenizer.encode(chat.replace(TASK, task), add_special_tokens=False).ids
        image_tokens = [tokens.vision_start, tokens.image, tokens.vision_end]
        found = [index for index, word in enumerate(words) if word == tokens.image]
        if len(found) != IMAGE_COUNT or any(words[at - 1 : at + 2] != image_tokens for at in found):
            count = f'the prompt shows {len(found)} pictures'
            raise ModelError(f'{count}; it must show {IMAGE_COUNT}, each between its two marks')
        whole, answer = place_tokens(words, tokens.image, shape)
        first, second = whole.images[2].start - 1, whole.images[5].start
        before, after = whole.cut(first, second), whole.cut(second, len(whole.ids))
        return cls(task, whole.cut(0, first), before, after, answer)


def place_tokens(
    words: Sequence[int], image_token: int, shape: NetworkShape
) -> tuple[PromptSection, int]:
    """Expand each image token in `words`; returns the whole query and the position after it.

    Text advances all three position axes by one. The tokens of an image share their time and differ
    in row and column; the text after it starts past the largest of them (M-RoPE of Qwen2.5-VL).
    """
    y, x = torch.meshgrid(torch.arange(shape.rows), torch.arange(shape.columns), indexing='ij')
    image_positions = torch.stack([torch.zeros_like(y), y, x]).flatten(1)
    text_position = torch.zeros(3, 1, dtype=torch.long)
    ids: list[int] = []
    positions, images, offset = [], [], 0
    for token in words:
        is_image = token == image_token
        positions.append(offset + (image_positions if is_image else text_position))
        if is_image:
            images.append(slice(len(ids), len(ids) + shape.tokens))
        ids += [token] * positions[-1].shape[1]
        offset += max(shape.rows, shape.columns) if is_image else 1
    return PromptSection(torch.tensor(ids), torch.cat(positions, 1), tuple(images)), offset
