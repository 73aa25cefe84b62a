"""Hops as a language model is taught them: tokens, places of the pictures, answers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from robo_dopamine_ros.reward.vlm.adapting.album import Album
from robo_dopamine_ros.reward.vlm.adapting.hopfiles import Picture
from robo_dopamine_ros.reward.vlm.engine import Shape
from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint
from robo_dopamine_ros.reward.vlm.query.layout import Layout
from robo_dopamine_ros.reward.vlm.query.prompt import TASK, Prompt
from robo_dopamine_ros.reward.vlm.query.words import AnswerTokens

IGNORED = -100  # a target that counts for nothing


class Question(NamedTuple):
    """The whole prompt of one task, up to where the answer begins."""

    ids: Tensor  # (S,) int64
    positions: Tensor  # (3, S) int64: time, row, column
    pictured: Tensor  # (S,) bool, True where a picture is


class Lesson(NamedTuple):
    """A question about eight pictures, and what to answer."""

    question: Question
    pictures: tuple[Picture, ...]
    answer: tuple[int, ...]  # token ids, with that which ends a turn
    label: float  # hop, -1..1


class Batch(NamedTuple):
    """Lessons as tensors, on the model's device; shorter ones are padded at their end."""

    embeds: Tensor  # (B, S, C)
    positions: Tensor  # (3, B, S)
    pictured: Tensor  # (B, S) bool
    deepstack: Tensor | None  # (D, pictured tokens, C)
    rows: Tensor  # (B, A) where the tokens of the answer are foretold
    targets: Tensor  # (B, A) token ids, or IGNORED


def ask(checkpoint: Checkpoint, shape: Shape, prompt: Prompt, task: str) -> Question:
    """The question as it is asked in use, pictures and words in the same places."""
    tokens = AnswerTokens.of(checkpoint.tokenizer)
    chat = checkpoint.chat(prompt.parts(TASK))
    layout = Layout.of(checkpoint.tokenizer, chat, task, shape, tokens)
    sections = (layout.prefix, layout.before, layout.after)
    ids = torch.cat([section.ids for section in sections])
    positions = torch.cat([section.positions for section in sections], 1)
    return Question(ids, positions, ids == tokens.image)


def compose(model: Any, album: Album, lessons: Sequence[Lesson]) -> Batch:
    """Put lessons together. The answer's last token is only foretold, never read."""
    embedding = model.get_input_embeddings()
    device = embedding.weight.device
    ids = [torch.cat((q.ids, torch.tensor(a[:-1], dtype=torch.long))) for q, _, a, _ in lessons]
    longest = max(map(len, ids))
    padded = torch.stack([functional.pad(row, (0, longest - len(row))) for row in ids])
    pictured = torch.stack(
        [functional.pad(q.pictured, (0, longest - len(q.pictured))) for q, *_ in lessons]
    ).to(device)
    positions = torch.stack([_positions(lesson, longest) for lesson in lessons], 1)
    answers = [torch.tensor(lesson.answer) for lesson in lessons]
    targets = torch.nn.utils.rnn.pad_sequence(answers, True, IGNORED)
    begin = torch.tensor([len(lesson.question.ids) - 1 for lesson in lessons])
    rows = (begin[:, None] + torch.arange(targets.shape[1])).clamp(max=longest - 1)
    seen = album([picture for lesson in lessons for picture in lesson.pictures])
    embeds = embedding(padded.to(device))
    embeds = embeds.masked_scatter(pictured[..., None], seen.embeds.to(embeds.dtype))
    deepstack = None if seen.deepstack is None else seen.deepstack.flatten(1, 2)
    return Batch(
        embeds, positions.to(device), pictured, deepstack, rows.to(device), targets.to(device)
    )


def read(model: Any, batch: Batch, keep: bool = False) -> Any:
    """What the language model makes of a batch: `last_hidden_state`, its cache with `keep`.

    Padding stands at the end, where no token of an answer looks, so no mask is needed.
    """
    deep: dict[str, Any] = {}
    if batch.deepstack is not None:
        deep = {
            'visual_pos_masks': batch.pictured,
            'deepstack_visual_embeds': list(batch.deepstack),
        }
    return model.model.language_model(
        inputs_embeds=batch.embeds, position_ids=batch.positions, use_cache=keep, **deep
    )


def foretell(model: Any, batch: Batch) -> Tensor:
    """Logits (B, A, vocabulary) float32 of the tokens of the answers."""
    hidden = read(model, batch).last_hidden_state
    index = batch.rows[..., None].expand(-1, -1, hidden.shape[-1])
    return model.lm_head(hidden.gather(1, index)).float()


def loss_sum(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over all tokens of the answers, added up."""
    return functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction='sum'
    )


def _positions(lesson: Lesson, length: int) -> Tensor:
    """Positions (3, length): those of the question, then one by one as text has them."""
    known = lesson.question.positions
    more = known.max() + 1 + torch.arange(length - known.shape[1])
    return torch.cat((known, more.expand(3, -1)), 1)
