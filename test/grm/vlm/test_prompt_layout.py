"""Token layout: the positions are those of transformers for the whole prompt."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from tokenizers import Tokenizer

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.engine import NetworkShape
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint
from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens
from robo_dopamine_ros.grm.vlm.query.layout import PromptLayout, PromptSection
from robo_dopamine_ros.grm.vlm.query.prompt import TASK, short_prompt

PAD = '<|image_pad|>'
PICTURE = f'<|vision_start|>{PAD}<|vision_end|>'
TOKENIZER = random_checkpoint.make_tokenizer()
TOKENS = AnswerTokens.of(TOKENIZER)
CHAT = PICTURE.join(short_prompt().text.split('<image>'))


def sized(rows: int, columns: int) -> NetworkShape:
    return NetworkShape('any', 3, 2, 16, 64, 0, 28 * rows, 28 * columns, rows, columns)


def laid(
    task: str, shape: NetworkShape, tokenizer: Tokenizer = TOKENIZER, chat: str = CHAT
) -> PromptLayout:
    return PromptLayout.of(tokenizer, chat, task, shape, AnswerTokens.of(tokenizer))


def whole(layout: PromptLayout) -> PromptSection:
    sections = (layout.prefix, layout.before, layout.after)
    pictures, before = [], 0
    for section in sections:
        pictures += [slice(p.start + before, p.stop + before) for p in section.images]
        before += len(section.ids)
    ids = torch.cat([section.ids for section in sections])
    return PromptSection(ids, torch.cat([s.positions for s in sections], 1), tuple(pictures))


@pytest.mark.parametrize('size', [(8, 11), (7, 10), (5, 2), (1, 1), (2, 30)])
@pytest.mark.parametrize('task', ['organize the table', 'x'])
def test_positions_are_those_of_transformers(
    opened: PublishedCheckpoint, size: tuple[int, int], task: str
) -> None:
    chat = opened.render_chat(short_prompt().parts(TASK))
    layout = laid(task, sized(*size), opened.tokenizer, chat)
    found = whole(layout)
    expanded = opened.render_chat(short_prompt().parts(task)).replace(PAD, PAD * size[0] * size[1])
    ids = torch.tensor([opened.tokenizer.encode(expanded, add_special_tokens=False).ids])
    torch.testing.assert_close(found.ids[None], ids)
    network: Any = opened.model.model
    grid = torch.tensor([[1, 2 * size[0], 2 * size[1]]] * 8)
    kinds = (ids == TOKENS.image).int()
    ids = torch.cat([ids, torch.tensor([TOKENS.opening])], 1)
    kinds = torch.cat([kinds, torch.zeros(1, 2, dtype=torch.int)], 1)
    wanted, _ = network.get_rope_index(ids, mm_token_type_ids=kinds, image_grid_thw=grid)
    torch.testing.assert_close(found.positions, wanted[:, 0, :-2])
    assert wanted[:, 0, -2].tolist() == [layout.answer] * 3


@settings(max_examples=30)
@given(some.text(max_size=40), some.integers(1, 9), some.integers(1, 9))
def test_sections_are_cut_where_pictures_begin(task: str, rows: int, columns: int) -> None:
    if any(word in task for word in random_checkpoint.SPECIAL_TOKENS):
        return
    layout = laid(task, sized(rows, columns))
    found = whole(layout)
    text = CHAT.replace(TASK, task).replace(PAD, PAD * rows * columns)
    assert found.ids.tolist() == TOKENIZER.encode(text).ids
    assert found.ids.dtype == found.positions.dtype == torch.int64
    assert [len(s.images) for s in (layout.prefix, layout.before, layout.after)] == [2, 3, 3]
    shown = torch.zeros_like(found.ids, dtype=torch.bool)
    for picture in found.images:
        assert found.ids[picture.start - 1] == TOKENS.vision_start
        assert found.ids[picture.stop] == TOKENS.vision_end
        assert picture.stop - picture.start == rows * columns
        shown[picture] = True
    assert torch.equal(shown, found.ids == TOKENS.image)
    assert layout.before.ids[0] == layout.before.ids[-1] == TOKENS.vision_start
    assert layout.after.ids[0] == TOKENS.image
    assert layout.answer == found.positions[:, -1].max() + 1


def test_queries_of_a_task_differ_in_nothing_but_pictures() -> None:
    first, again = laid('fold', sized(3, 4)), laid('fold', sized(3, 4))
    assert torch.equal(whole(first).ids, whole(again).ids)
    assert torch.equal(whole(first).positions, whole(again).positions)


@pytest.mark.parametrize('task', [TASK, '<image>', '{0} {', '%s', '', '<score>', '\n\n'])
def test_no_task_is_a_command(task: str) -> None:
    ids = whole(laid(task, sized(1, 1))).ids.tolist()
    assert TOKENIZER.decode(ids, skip_special_tokens=False) == CHAT.replace(TASK, task)


@pytest.mark.parametrize('word', [PAD, '<|im_end|>', PICTURE, 'a <|vision_start|> b'])
def test_a_task_with_a_word_of_the_models_own_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"task .* holds '<\|\w+\|>', which the model gives"):
        laid(f'fold {word}', sized(1, 1))


@pytest.mark.parametrize(
    ('chat', 'count'),
    [
        (CHAT.replace(PICTURE, '', 1), 7),
        (CHAT + PICTURE, 9),
        (CHAT.replace(PAD, ''), 0),
        (CHAT.replace('<|vision_end|>', ''), 8),
    ],
)
def test_a_chat_without_eight_pictures_is_refused(chat: str, count: int) -> None:
    with pytest.raises(ModelError, match=f'shows {count} pictures; it must show 8, each between'):
        laid('fold', sized(1, 1), chat=chat)
