"""Constrained, speculative decoding of the three answers of a step.

The grammar of answers is small, so the first pass scores a whole tree of answers for each query.
Only an answer that leaves its tree needs further passes.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from robo_dopamine_ros.grm.vlm.engine import KeyValues, VlmEngine
from robo_dopamine_ros.grm.vlm.prompt_embedding import PromptEmbedder
from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens
from robo_dopamine_ros.grm.vlm.query.answer_tree import AnswerTree, draft_paths
from robo_dopamine_ros.grm.vlm.query.readout import (
    DecodedAnswer,
    MissingPath,
    decode_expectation,
    decode_greedy,
)
from robo_dopamine_ros.grm.vlm.settings import VlmSettings
from robo_dopamine_ros.grm.vlm.vision_cache import ImageKey

INITIAL_GUESS = {'backward': -90.0, 'forward': 0.0, 'incremental': 0.0}  # at the first step [%]


class TreeDecoder:
    """Decodes answers from their trees; the last answers select the rows to speculate on."""

    def __init__(self, engine: VlmEngine, tokens: AnswerTokens, settings: VlmSettings) -> None:
        self.tokens = self.decode_steps = 0  # language tokens decoded, and passes after the first
        self.tree_logits: dict[str, tuple[AnswerTree, Tensor]] = {}  # of the last step
        self._engine, self._tokens, self._settings = engine, tokens, settings
        self._last: dict[str, float] = {}  # last answer of each perspective [%]

    def reset(self) -> None:
        """Start an episode without last answers."""
        self._last = {}

    def decode(
        self,
        embedder: PromptEmbedder,
        images: Sequence[ImageKey],
        past: KeyValues,
        perspectives: Sequence[str],
    ) -> Mapping[str, DecodedAnswer]:
        """Answers about the new images by perspective; `past` holds the prefix of each query."""
        trees = [self._tree(perspective) for perspective in perspectives]
        logits, new = self._engine.decode(embedder.after(images, trees), past)
        self.tokens += logits.shape[0] * logits.shape[1]
        logits = logits[:, -len(trees[0]) :]
        by_query = zip(trees, logits, strict=True)
        self.tree_logits = dict(zip(perspectives, by_query, strict=True))
        if self._settings.readout == 'expectation':
            decoded = [
                decode_expectation(tree, scores, self._settings.decimals)
                for tree, scores in zip(trees, logits, strict=True)
            ]
        else:
            decoded = self._decode_greedy(embedder, trees, logits, past, new)
        answers = dict(zip(perspectives, decoded, strict=True))
        self._last |= {name: answer.percent for name, answer in answers.items() if answer.valid}
        return answers

    def _decode_greedy(
        self,
        embedder: PromptEmbedder,
        trees: list[AnswerTree],
        logits: Tensor,
        past: KeyValues,
        new: KeyValues,
    ) -> list[DecodedAnswer]:
        """Follow each answer to its end; each missing row takes one pass for all queries."""
        while True:
            found = [
                decode_greedy(tree, scores, self._settings.decimals)
                for tree, scores in zip(trees, logits, strict=True)
            ]
            answers = [one for one in found if isinstance(one, DecodedAnswer)]
            if len(answers) == len(found):
                return answers
            trees = [
                tree.with_row(one.path if isinstance(one, MissingPath) else None)
                for tree, one in zip(trees, found, strict=True)
            ]
            past = tuple(torch.cat([old, added], 2) for old, added in zip(past, new, strict=True))
            more, new = self._engine.decode(embedder.newest_row(trees), past)
            logits = torch.cat([logits, more], 1)
            self.tokens += len(trees)
            self.decode_steps += 1

    def _tree(self, perspective: str) -> AnswerTree:
        """The tree of one query; draft rows are useless without decimals or greedy decoding."""
        tree, settings = AnswerTree(self._tokens), self._settings
        if not (settings.draft and settings.decimals) or settings.readout != 'greedy':
            return tree
        guess = self._last.get(perspective, INITIAL_GUESS[perspective])
        return AnswerTree(self._tokens, (*tree.paths, *draft_paths(guess)))
