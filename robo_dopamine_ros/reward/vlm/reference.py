"""What the model answers when nothing is clever: the judge of the fast path, and its baseline.

Everything here is transformers' own: its picture processor, its full forward pass over the whole
prompt with all eight pictures, its `generate`.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint
from robo_dopamine_ros.reward.vlm.query.answer import parse
from robo_dopamine_ros.reward.vlm.query.prompt import Prompt
from robo_dopamine_ros.reward.vlm.query.reading import legal
from robo_dopamine_ros.reward.vlm.query.words import SYMBOLS, AnswerTokens

LONGEST = 16  # tokens of a free answer; one in the form asked for has at most eleven
PAD = '<|image_pad|>'  # stands for one language token of a picture
CLOSED = 7  # tokens of a constrained one: a sign, four digits and a point, and the end

Pictures = Sequence[np.ndarray]  # the eight of one query, (H, W, 3) uint8 RGB


@dataclass(frozen=True)
class Written:
    """An answer the model wrote."""

    percent: float | None  # None where it is no score
    text: str
    tokens: int  # language tokens computed for it, of the prompt and of the answer
    pictures: int  # encoded for it
    steps: int  # passes after the first


class Reference:
    """Asks one checkpoint the slow way."""

    def __init__(self, checkpoint: Checkpoint, prompt: Prompt) -> None:
        library: Any = importlib.import_module('transformers')
        images = checkpoint.images
        self._model, self._tokenizer = checkpoint.model, checkpoint.tokenizer
        self._tokens = AnswerTokens.of(checkpoint.tokenizer)
        self._chat, self._prompt = checkpoint.chat, prompt
        self._process = library.Qwen2VLImageProcessorPil(
            patch_size=images.factor // 2,
            merge_size=2,
            size={'shortest_edge': images.min_pixels, 'longest_edge': images.max_pixels},
            image_mean=list(images.mean),
            image_std=list(images.std),
        )
        self._processors = library.LogitsProcessorList

    def constrained(
        self, task: str, queries: Sequence[Pictures], decimals: bool = True
    ) -> list[str]:
        """Paths (query/tree.py) that greedy generation writes when it may write nothing else."""
        feed = self._feed(task, queries, self._tokens.opening)
        begun = feed['input_ids'].shape[1]

        def choose(ids: Tensor, scores: Tensor) -> Tensor:
            allowed = torch.full_like(scores, -torch.inf)
            for row, written in enumerate(ids[:, begun:].tolist()):
                options = legal(self._path(written), decimals)
                tokens = [self._tokens.of_symbol(o) for o in options] or [self._tokens.end]
                allowed[row, tokens] = scores[row, tokens]
            return allowed

        written = self._generate(feed, CLOSED, self._processors([choose]))
        return [self._path(answer) for answer in written[:, begun:].tolist()]

    def free(self, task: str, pictures: Pictures, longest: int = LONGEST) -> Written:
        """What the model writes when nothing is forbidden, one query alone: the authors' way."""
        feed = self._feed(task, [pictures], ())
        begun = feed['input_ids'].shape[1]
        ids = self._generate(feed, longest, None)[0, begun:].tolist()
        text = self._tokenizer.decode(ids)
        return Written(parse(text), text, begun + len(ids) - 1, len(pictures), len(ids) - 1)

    def logits(self, task: str, queries: Sequence[Pictures], path: str = '') -> Tensor:
        """Logits (B, symbols) of what follows a path, by one full forward pass."""
        told = [self._tokens.of_symbol(symbol) for symbol in path]
        feed = self._feed(task, queries, (*self._tokens.opening, *told))
        with torch.inference_mode():
            logits = self._model(**feed, logits_to_keep=1).logits
        return logits[:, -1, list(self._tokens.ids)].float()

    def _generate(self, feed: dict[str, Tensor], most: int, processors: Any) -> Tensor:
        with torch.inference_mode():
            return self._model.generate(
                **feed,
                max_new_tokens=most,
                do_sample=False,
                logits_processor=processors,
                eos_token_id=self._tokens.end,
                pad_token_id=self._tokens.end,
            )

    def _feed(
        self, task: str, queries: Sequence[Pictures], opening: Sequence[int]
    ) -> dict[str, Tensor]:
        """The whole prompt of each query, and the patches of its pictures."""
        place = self._model.device
        seen = self._process([one for query in queries for one in query], return_tensors='pt')
        per_picture = int(seen['image_grid_thw'][0].prod()) // 4
        text = self._chat(self._prompt.parts(task)).replace(PAD, PAD * per_picture)
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        told = torch.tensor([[*ids, *opening]] * len(queries), device=place)
        return {
            'input_ids': told,
            'attention_mask': torch.ones_like(told),
            'mm_token_type_ids': (told == self._tokens.image).int(),
            'pixel_values': seen['pixel_values'].to(place, self._model.dtype),
            'image_grid_thw': seen['image_grid_thw'].to(place),
        }

    def _path(self, ids: Sequence[int]) -> str:
        """Symbols of an answer up to its end."""
        symbols = {token: symbol for token, symbol in zip(self._tokens.ids, SYMBOLS, strict=True)}
        path = ''
        for token in ids:
            if token not in symbols or not legal(path, True):
                break
            path += symbols[token]
        return path
