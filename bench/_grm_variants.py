"""Variants of a GRM step: that of the authors, then each speed-up added in turn.

All variants use one answer grammar and a bias against decimals, zeros and short answers, which
random weights would generate at will, so that an answer has two digits. The cost of other answers
is counted separately (_grm_decode_steps.py).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from _grm_reference import QueryImages, TransformersReference
from torch import Tensor

from robo_dopamine_ros.grm.vlm.decoding import TreeDecoder
from robo_dopamine_ros.grm.vlm.engine import KeyValues, TokenChunk, VisionFeatures, VlmEngine
from robo_dopamine_ros.grm.vlm.kv_cache import PERSPECTIVES, PrefixKvCache, ViewKeys
from robo_dopamine_ros.grm.vlm.model import ComputeCost, VlmGRM, VlmProcessor
from robo_dopamine_ros.grm.vlm.prompt_embedding import PromptEmbedder
from robo_dopamine_ros.grm.vlm.query.answer_tokens import SYMBOLS, AnswerTokens
from robo_dopamine_ros.grm.vlm.query.answer_tree import AnswerTree
from robo_dopamine_ros.grm.vlm.query.readout import DecodedAnswer, next_symbols, path_percent
from robo_dopamine_ros.grm.vlm.settings import VlmSettings
from robo_dopamine_ros.grm.vlm.vision_cache import ImageKey, VisionCache
from robo_dopamine_ros.types import TaskContext, Views

SYMBOL_BIAS = {'.': -100.0, '>': -100.0, '%': -50.0}  # added to the logits
MAX_ANSWER_TOKENS = 12  # with its end
VIEW_ORDER = ('front', 'left_wrist', 'right_wrist')
TreeLogits = Mapping[str, tuple[AnswerTree, Tensor]]  # by perspective


class Variant(Protocol):
    """One variant of a GRM; a VlmGRM is one."""

    @property
    def answers(self) -> Mapping[str, DecodedAnswer]: ...

    @property
    def answer_logits(self) -> TreeLogits: ...

    @property
    def cost(self) -> ComputeCost: ...

    def reset(self, context: TaskContext) -> None: ...

    def step(self, views: Views) -> object: ...

    def prepare_next(self) -> None: ...


class BiasedEngine:
    """A `VlmEngine` that adds SYMBOL_BIAS to the logits of another."""

    def __init__(self, engine: VlmEngine) -> None:
        self.shape, self.answer_tokens = engine.shape, engine.answer_tokens
        self.device, self.dtype, self._engine = engine.device, engine.dtype, engine
        self._bias = symbol_bias(engine.device)

    def embed(self, ids: Tensor) -> Tensor:
        return self._engine.embed(ids)

    def encode_images(self, pixels: Tensor) -> VisionFeatures:
        return self._engine.encode_images(pixels)

    def decode(self, chunk: TokenChunk, past: KeyValues | None = None) -> tuple[Tensor, KeyValues]:
        logits, kept = self._engine.decode(chunk, past)
        return logits + self._bias.to(logits.device), kept


class AnswerGrammar:
    """Tokens of an answer: `<score>`, the score, `</score>`, the end."""

    def __init__(self, tokens: AnswerTokens) -> None:
        self._tokens = tokens
        self._symbols = dict(zip(tokens.ids, SYMBOLS, strict=True))

    def path(self, answer: Sequence[int]) -> str:
        """Path of the answer so far."""
        path = ''
        for token in answer[len(self._tokens.opening) :]:
            if not next_symbols(path, True):
                break
            path += self._symbols[token]
        return path

    def allowed(self, answer: Sequence[int]) -> list[int]:
        """Tokens that may come next."""
        tokens, done = self._tokens, len(answer)
        if done < len(tokens.opening):
            return [tokens.opening[done]]
        path = self.path(answer)
        if options := next_symbols(path, True):
            return [tokens.token_id(option) for option in options]
        rest = {'>': '0%', '%': ''}.get(path[-1], '%')
        closing = [tokens.token_id(symbol) for symbol in rest]
        closing += [tokens.opening[1], tokens.token_id('>')]
        after = done - len(tokens.opening) - len(path)
        return [closing[after] if after < len(closing) else tokens.end]

    def ended(self, answer: Sequence[int]) -> bool:
        return answer[-1:] == [self._tokens.end]


class ConstrainedReference(TransformersReference):
    """Greedy `generate` of transformers as in the authors' script, constrained to the grammar."""

    def generate(self, task: str, queries: Sequence[QueryImages]) -> list[list[int]]:
        """Answer tokens of each query, all queries in one batch."""
        feed, grammar = self._feed(task, queries, ()), AnswerGrammar(self._tokens)
        prompt_length = feed['input_ids'].shape[1]
        bias, self.step_logits = symbol_bias(self._model.device), list[Tensor]()

        def constrain(ids: Tensor, scores: Tensor) -> Tensor:
            biased = scores.float()
            biased[:, list(self._tokens.ids)] += bias
            self.step_logits.append(biased[:, list(self._tokens.ids)])
            allowed = torch.full_like(biased, -torch.inf)
            for row, answer in enumerate(ids[:, prompt_length:].tolist()):
                options = grammar.allowed(answer)
                allowed[row, options] = biased[row, options]
            return allowed

        answers = self._generate(feed, MAX_ANSWER_TOKENS, self._processors([constrain]))
        self.length = prompt_length
        return answers[:, prompt_length:].tolist()

    def tree_logits(self, answers: Sequence[Sequence[int]]) -> list[tuple[AnswerTree, Tensor]]:
        """Trees and logits of the answers generated last."""
        return as_trees(self._tokens, answers, self.step_logits)


class UncachedVariant:
    """A step of the authors' script: all queries in full, all images encoded again."""

    def __init__(self, reference: ConstrainedReference, batch: bool) -> None:
        self._reference, self._batch = reference, batch
        self.answers: dict[str, DecodedAnswer] = {}
        self.answer_logits: dict[str, tuple[AnswerTree, Tensor]] = {}
        self.cost = ComputeCost(0, 0, 0, 0)
        self._last: list[np.ndarray] = []

    def reset(self, context: TaskContext) -> None:
        assert context.goal is not None
        self._task, self._last = context.instruction, []
        self._start = [context.start.images[view] for view in VIEW_ORDER]
        self._goal = [context.goal.images[VIEW_ORDER[0]]] * 3

    def queries(self, views: Views) -> dict[str, list[np.ndarray]]:
        """The eight images of each query; `views` become the last views."""
        now = [views.images[view] for view in VIEW_ORDER]
        before = {'backward': self._goal, 'forward': self._start}
        if self._last:
            before['incremental'] = self._last
        self._last = now
        ends = [self._start[0], self._goal[0]]
        return {row: [*ends, *three, *now] for row, three in before.items()}

    def step(self, views: Views) -> None:
        queries = self.queries(views)
        batches = [list(queries)] if self._batch else [[row] for row in queries]
        for rows in batches:
            answers = self._reference.generate(self._task, [queries[row] for row in rows])
            trees = self._reference.tree_logits(answers)
            self.answer_logits |= dict(zip(rows, trees, strict=True))
            self.answers |= {row: last_of(self.answer_logits[row][0]) for row in rows}
            passes = len(answers[0]) - 1
            self.cost = ComputeCost(
                self.cost.images + 8 * len(rows),
                self.cost.tokens + len(rows) * (self._reference.length + passes),
                0,
                self.cost.decode_steps + passes,
            )

    def prepare_next(self) -> None:
        """Nothing is cached."""


class TokenDecoder(TreeDecoder):
    """Decodes answers token by token instead of by trees."""

    def decode(
        self,
        embedder: PromptEmbedder,
        images: Sequence[ImageKey],
        past: KeyValues,
        rows: Sequence[str],
    ) -> Mapping[str, DecodedAnswer]:
        bare = [AnswerTree(self._tokens, ())] * len(rows)
        chunk, grammar = (
            without(embedder.after(images, bare), len(bare[0])),
            AnswerGrammar(self._tokens),
        )
        answers: list[list[int]] = [[] for _ in rows]
        step_logits: list[Tensor] = []
        while True:
            logits, new = self._engine.decode(chunk, past)
            step_logits.append(logits[:, -1])
            self.tokens += logits.shape[0] * logits.shape[1]
            for answer, scores in zip(answers, logits[:, -1].tolist(), strict=True):
                options = grammar.allowed(answer)
                known = dict(zip(self._tokens.ids, scores, strict=True))
                answer.append(max(options, key=lambda one: (known.get(one, 0.0), -one)))
            if all(map(grammar.ended, answers)):
                break
            self.decode_steps += 1
            past = tuple(torch.cat(both, 2) for both in zip(past, new, strict=True))
            chunk = self._token(embedder, answers, past[0].shape[2])
        self.tree_logits = dict(
            zip(rows, as_trees(self._tokens, answers, step_logits), strict=True)
        )
        return {row: last_of(tree) for row, (tree, _) in self.tree_logits.items()}

    def _token(self, embedder: PromptEmbedder, answers: list[list[int]], past: int) -> TokenChunk:
        """The newest token of each answer."""
        engine, queries = self._engine, len(answers)
        embeds = engine.embed(torch.tensor([answer[-1] for answer in answers]))[:, None]
        place = embedder.layout.answer + len(answers[0]) - 1
        positions = torch.full((3, queries, 1), place, device=engine.device)
        mask = torch.ones(queries, 1, 1, past + 1, dtype=torch.bool, device=engine.device)
        layers = engine.shape.deepstack
        return TokenChunk(
            embeds, positions, mask, embeds.new_zeros(layers, *embeds.shape) if layers else None
        )


class UnboundedVisionCache(VisionCache):
    """Never drops an image: without cached keys and values all images are needed again."""

    def encode(self, images: Sequence[np.ndarray]) -> list[ImageKey]:
        keys = super().encode(images)
        self._all = getattr(self, '_all', {}) | self._features
        return keys

    def __getitem__(self, key: ImageKey) -> VisionFeatures:
        return self._all[key]


class NoKvCache(PrefixKvCache):
    """Computes all keys and values in every step."""

    def set_prefix(self, embedder: PromptEmbedder, start: ImageKey, goal: ImageKey) -> None:
        self._embedder, self._ends = embedder, (start, goal)

    def update(self, wanted: Mapping[str, ViewKeys]) -> None:
        three = [wanted[row] for row in PERSPECTIVES if row in wanted]
        _, first = self._engine.decode(self._embedder.prefix([self._ends] * len(three)))
        _, second = self._engine.decode(self._embedder.before(three), first)
        self._past = tuple(torch.cat(both, 2) for both in zip(first, second, strict=True))
        self.tokens += len(three) * self._past[0].shape[2]

    def past(self, rows: Sequence[str]) -> KeyValues:
        return self._past


class PartialVlmGRM(VlmGRM):
    """VlmGRM without some of its speed-ups."""

    def __init__(
        self, name: str, engine: VlmEngine, processor: VlmProcessor, kv_cache: bool, prefetch: bool
    ) -> None:
        settings = VlmSettings()
        super().__init__(name, engine, processor, settings)
        self._prefetch = prefetch
        self._decoder = TokenDecoder(engine, processor.tokens, settings)
        if not kv_cache:
            self._vision_cache = UnboundedVisionCache(engine, processor.images)
            self._kv_cache = NoKvCache(engine, self._vision_cache)

    def prepare_next(self) -> None:
        if self._prefetch:
            super().prepare_next()


def symbol_bias(device: torch.device) -> Tensor:
    """Bias (symbols,) of the logits of SYMBOLS."""
    return torch.tensor([SYMBOL_BIAS.get(symbol, 0.0) for symbol in SYMBOLS], device=device)


def as_trees(
    tokens: AnswerTokens, answers: Sequence[Sequence[int]], step_logits: Sequence[Tensor]
) -> list[tuple[AnswerTree, Tensor]]:
    """Answers as trees with one branch, and the logits (R, symbols) of their rows."""
    grammar, found = AnswerGrammar(tokens), []
    for query, answer in enumerate(answers):
        path = grammar.path(answer)
        tree = AnswerTree(tokens, tuple(path[:end] for end in range(1, len(path) + 1)))
        rows = [passed[query] for passed in step_logits[1 : 1 + len(tree)]]
        found.append((tree, torch.stack(rows)))
    return found


def last_of(tree: AnswerTree) -> DecodedAnswer:
    """The answer at the end of a tree with one branch."""
    return DecodedAnswer(path_percent(tree.paths[-1]), tree.paths[-1])


def without(chunk: TokenChunk, rows: int) -> TokenChunk:
    """A chunk without its last rows."""
    count = chunk.embeds.shape[1] - rows
    deepstack = None if chunk.deepstack is None else chunk.deepstack[:, :, :count]
    mask = chunk.mask[:, :, :count, : chunk.mask.shape[3] - rows]
    return TokenChunk(chunk.embeds[:, :count], chunk.positions[:, :, :count], mask, deepstack)
