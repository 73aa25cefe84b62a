"""Tokenises prompts and answers of hops and collates them into batches."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from robo_dopamine_ros.grm.vlm.engine import NetworkShape
from robo_dopamine_ros.grm.vlm.finetune.dataset import ImageRef
from robo_dopamine_ros.grm.vlm.finetune.vision_cache import TrainingVisionCache
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint
from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens
from robo_dopamine_ros.grm.vlm.query.layout import PromptLayout
from robo_dopamine_ros.grm.vlm.query.prompt import TASK, Prompt

IGNORED = -100  # target without a loss


class TokenizedPrompt(NamedTuple):
    """The prompt of one task, up to the answer."""

    ids: Tensor  # (S,) int64
    positions: Tensor  # (3, S) int64: time, row, column
    image_mask: Tensor  # (S,) bool, True at image tokens


class TrainingExample(NamedTuple):
    """A prompt with eight images, and the answer to learn."""

    prompt: TokenizedPrompt
    images: tuple[ImageRef, ...]
    answer_ids: tuple[int, ...]  # with the end-of-turn token
    label: float  # hop, -1..1


class TrainingBatch(NamedTuple):
    """Examples as tensors on the device of the model, padded at the end."""

    embeds: Tensor  # (B, S, C)
    positions: Tensor  # (3, B, S)
    image_mask: Tensor  # (B, S) bool
    deepstack: Tensor | None  # (D, image tokens, C)
    answer_rows: Tensor  # (B, A) rows whose logits predict the answer
    targets: Tensor  # (B, A) token ids, or IGNORED


def encode_prompt(
    checkpoint: PublishedCheckpoint, shape: NetworkShape, prompt: Prompt, task: str
) -> TokenizedPrompt:
    """Tokenise the prompt of a task exactly as at inference."""
    tokens = AnswerTokens.of(checkpoint.tokenizer)
    chat = checkpoint.render_chat(prompt.parts(TASK))
    layout = PromptLayout.of(checkpoint.tokenizer, chat, task, shape, tokens)
    sections = (layout.prefix, layout.before, layout.after)
    ids = torch.cat([section.ids for section in sections])
    positions = torch.cat([section.positions for section in sections], 1)
    return TokenizedPrompt(ids, positions, ids == tokens.image)


def collate(
    model: Any, cache: TrainingVisionCache, examples: Sequence[TrainingExample]
) -> TrainingBatch:
    """Make a batch of examples; the last token of an answer is a target only, not an input."""
    embedding = model.get_input_embeddings()
    device = embedding.weight.device
    prompts = [example.prompt for example in examples]
    answers = [torch.tensor(example.answer_ids) for example in examples]
    ids = [torch.cat((p.ids, a[:-1])) for p, a in zip(prompts, answers, strict=True)]
    longest = max(map(len, ids))
    padded = torch.stack([functional.pad(row, (0, longest - len(row))) for row in ids])
    image_mask = torch.stack(
        [functional.pad(p.image_mask, (0, longest - len(p.image_mask))) for p in prompts]
    ).to(device)
    positions = torch.stack([_positions(prompt, longest) for prompt in prompts], 1)
    targets = torch.nn.utils.rnn.pad_sequence(answers, True, IGNORED)
    first_row = torch.tensor([len(prompt.ids) - 1 for prompt in prompts])
    rows = (first_row[:, None] + torch.arange(targets.shape[1])).clamp(max=longest - 1)
    features = cache([image for example in examples for image in example.images])
    embeds = embedding(padded.to(device))
    embeds = embeds.masked_scatter(image_mask[..., None], features.embeds.to(embeds.dtype))
    deepstack = None if features.deepstack is None else features.deepstack.flatten(1, 2)
    return TrainingBatch(
        embeds, positions.to(device), image_mask, deepstack, rows.to(device), targets.to(device)
    )


def run_language_model(model: Any, batch: TrainingBatch, use_cache: bool = False) -> Any:
    """Output of the language model for a batch: `last_hidden_state`, and its cache if wanted.

    Padding is at the end, where no answer token attends to it, so no mask is needed.
    """
    deepstack: dict[str, Any] = {}
    if batch.deepstack is not None:
        deepstack = {
            'visual_pos_masks': batch.image_mask,
            'deepstack_visual_embeds': list(batch.deepstack),
        }
    return model.model.language_model(
        inputs_embeds=batch.embeds,
        position_ids=batch.positions,
        use_cache=use_cache,
        **deepstack,
    )


def answer_logits(model: Any, batch: TrainingBatch) -> Tensor:
    """Logits (B, A, vocabulary) float32 of the answer tokens."""
    hidden = run_language_model(model, batch).last_hidden_state
    index = batch.answer_rows[..., None].expand(-1, -1, hidden.shape[-1])
    return model.lm_head(hidden.gather(1, index)).float()


def summed_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy, summed over all answer tokens."""
    return functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction='sum'
    )


def _positions(prompt: TokenizedPrompt, length: int) -> Tensor:
    """Positions (3, length): those of the prompt, continued as text."""
    known = prompt.positions
    more = known.max() + 1 + torch.arange(length - known.shape[1])
    return torch.cat((known, more.expand(3, -1)), 1)
