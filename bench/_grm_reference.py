"""Reference implementation by transformers: the baseline of the fast path, and its ground truth.

Uses the image processor of transformers, a full forward pass over the whole prompt with all eight
images, and `generate`.
"""

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint
from robo_dopamine_ros.grm.vlm.query.answer_tokens import SYMBOLS, AnswerTokens
from robo_dopamine_ros.grm.vlm.query.prompt import Prompt
from robo_dopamine_ros.grm.vlm.query.readout import next_symbols

MAX_FREE_TOKENS = 16  # of an unconstrained answer; a well-formed one has at most eleven
MAX_CONSTRAINED_TOKENS = 7  # of a constrained answer: sign, four digits, point, end
IMAGE_TOKEN = '<|image_pad|>'  # one language token of an image
SCORE_OPEN, SCORE_CLOSE = '<score>', '</score>'
NUMBER = re.compile(r'\s*([+-]?)\s*(\d+\.?\d*|\.\d+)\s*%?\s*', re.ASCII)

QueryImages = Sequence[np.ndarray]  # the eight images of one query, (H, W, 3) uint8 RGB


@dataclass(frozen=True)
class GeneratedAnswer:
    """An answer generated without constraints, and its cost."""

    percent: float | None  # None if the text has no valid score
    text: str
    tokens: int  # language tokens decoded, of the prompt and of the answer
    images: int  # encoded
    decode_steps: int  # passes after the first


class TransformersReference:
    """Runs one checkpoint by transformers alone, without any cache between steps."""

    def __init__(self, checkpoint: PublishedCheckpoint, prompt: Prompt) -> None:
        library: Any = importlib.import_module('transformers')
        images = checkpoint.images
        self._model, self._tokenizer = checkpoint.model, checkpoint.tokenizer
        self._tokens = AnswerTokens.of(checkpoint.tokenizer)
        self._render_chat, self._prompt = checkpoint.render_chat, prompt
        self._process = library.Qwen2VLImageProcessorPil(
            patch_size=images.factor // 2,
            merge_size=2,
            size={'shortest_edge': images.min_pixels, 'longest_edge': images.max_pixels},
            image_mean=list(images.mean),
            image_std=list(images.std),
        )
        self._processors = library.LogitsProcessorList

    def generate_constrained(
        self, task: str, queries: Sequence[QueryImages], decimals: bool = True
    ) -> list[str]:
        """Paths (query/answer_tree.py) of greedy generation constrained to the answer grammar."""
        feed = self._feed(task, queries, self._tokens.opening)
        prompt_length = feed['input_ids'].shape[1]

        def constrain(ids: Tensor, scores: Tensor) -> Tensor:
            allowed = torch.full_like(scores, -torch.inf)
            for row, answer in enumerate(ids[:, prompt_length:].tolist()):
                options = next_symbols(self._path(answer), decimals)
                tokens = [self._tokens.token_id(o) for o in options] or [self._tokens.end]
                allowed[row, tokens] = scores[row, tokens]
            return allowed

        ids = self._generate(feed, MAX_CONSTRAINED_TOKENS, self._processors([constrain]))
        return [self._path(answer) for answer in ids[:, prompt_length:].tolist()]

    def generate_free(
        self, task: str, images: QueryImages, max_tokens: int = MAX_FREE_TOKENS
    ) -> GeneratedAnswer:
        """Unconstrained greedy generation for one query, as in the authors' script."""
        feed = self._feed(task, [images], ())
        prompt_length = feed['input_ids'].shape[1]
        ids = self._generate(feed, max_tokens, None)[0, prompt_length:].tolist()
        text = self._tokenizer.decode(ids)
        tokens = prompt_length + len(ids) - 1
        return GeneratedAnswer(parse_answer(text), text, tokens, len(images), len(ids) - 1)

    def logits(self, task: str, queries: Sequence[QueryImages], path: str = '') -> Tensor:
        """Logits (B, symbols) of the symbol after a path, by one full forward pass."""
        answer = [self._tokens.token_id(symbol) for symbol in path]
        feed = self._feed(task, queries, (*self._tokens.opening, *answer))
        with torch.inference_mode():
            logits = self._model(**feed, logits_to_keep=1).logits
        return logits[:, -1, list(self._tokens.ids)].float()

    def _generate(self, feed: dict[str, Tensor], max_tokens: int, processors: Any) -> Tensor:
        with torch.inference_mode():
            return self._model.generate(
                **feed,
                max_new_tokens=max_tokens,
                do_sample=False,
                logits_processor=processors,
                eos_token_id=self._tokens.end,
                pad_token_id=self._tokens.end,
            )

    def _feed(
        self, task: str, queries: Sequence[QueryImages], answer: Sequence[int]
    ) -> dict[str, Tensor]:
        """Model inputs: prompt, first answer tokens and images of each query."""
        device = self._model.device
        images = self._process([image for query in queries for image in query], return_tensors='pt')
        per_image = int(images['image_grid_thw'][0].prod()) // 4
        text = self._render_chat(self._prompt.parts(task))
        text = text.replace(IMAGE_TOKEN, IMAGE_TOKEN * per_image)
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        input_ids = torch.tensor([[*ids, *answer]] * len(queries), device=device)
        return {
            'input_ids': input_ids,
            'attention_mask': torch.ones_like(input_ids),
            'mm_token_type_ids': (input_ids == self._tokens.image).int(),
            'pixel_values': images['pixel_values'].to(device, self._model.dtype),
            'image_grid_thw': images['image_grid_thw'].to(device),
        }

    def _path(self, ids: Sequence[int]) -> str:
        """Path of an answer, up to its end or its first illegal token."""
        symbols = {token: symbol for token, symbol in zip(self._tokens.ids, SYMBOLS, strict=True)}
        path = ''
        for token in ids:
            if token not in symbols or not next_symbols(path, True):
                break
            path += symbols[token]
        return path


def parse_answer(text: str) -> float | None:
    """Percent in -100..100 of the last score in a freely generated text; None without any.

    Values outside are clipped, as in the authors' script; where theirs takes an unreadable answer
    for 0, this is None.
    """
    _, opened, rest = text.rpartition(SCORE_OPEN)
    inside, closed, _ = rest.partition(SCORE_CLOSE)
    found = NUMBER.fullmatch(inside) if opened and closed else None
    if found is None:
        return None
    sign, digits = found.groups()
    size = min(float(digits), 100.0)
    return -size if sign == '-' and size else size
