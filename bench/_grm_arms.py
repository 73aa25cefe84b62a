"""The ways to a step's three answers: that of the authors, then each speed-up added in turn.

All write or read their answers under one grammar, and all lean away from decimals, zeros and short
answers, which random weights would write as it comes: an answer has two digits. What others cost is
counted apart (_grm_steps.py).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.asking import Asker
from robo_dopamine_ros.reward.vlm.chunks import Script
from robo_dopamine_ros.reward.vlm.engine import KV, Chunk, Engine, Seen
from robo_dopamine_ros.reward.vlm.gallery import Gallery, Key
from robo_dopamine_ros.reward.vlm.memory import ROWS, Memory, Triple
from robo_dopamine_ros.reward.vlm.model import Cost, Language, VlmGRM
from robo_dopamine_ros.reward.vlm.query.reading import Reading, legal, value
from robo_dopamine_ros.reward.vlm.query.tree import Tree
from robo_dopamine_ros.reward.vlm.query.words import SYMBOLS, AnswerTokens
from robo_dopamine_ros.reward.vlm.reference import Pictures, Reference
from robo_dopamine_ros.reward.vlm.settings import VlmSettings
from robo_dopamine_ros.types import TaskContext, Views

LEANINGS = {'.': -100.0, '>': -100.0, '%': -50.0}  # added to what a model says of a symbol
LONGEST = 12  # tokens of an answer, its end included
ORDER = ('front', 'left_wrist', 'right_wrist')
Heard = Mapping[str, tuple[Tree, Tensor]]  # what answers were read from, by query


class Arm(Protocol):
    """One way; a VlmGRM is one."""

    @property
    def answers(self) -> Mapping[str, Reading]: ...

    @property
    def heard(self) -> Heard: ...

    @property
    def cost(self) -> Cost: ...

    def begin(self, context: TaskContext) -> None: ...

    def step(self, views: Views) -> object: ...

    def rest(self) -> None: ...


class Leaning:
    """An engine (vlm/engine.py) that says what another does, leaning away from some symbols."""

    def __init__(self, engine: Engine) -> None:
        self.shape, self.answer_tokens = engine.shape, engine.answer_tokens
        self.device, self.dtype, self._engine = engine.device, engine.dtype, engine
        self._leanings = leanings(engine.device)

    def embed(self, ids: Tensor) -> Tensor:
        return self._engine.embed(ids)

    def see(self, pixels: Tensor) -> Seen:
        return self._engine.see(pixels)

    def read(self, chunk: Chunk, past: KV | None = None) -> tuple[Tensor, KV]:
        logits, kept = self._engine.read(chunk, past)
        return logits + self._leanings.to(logits.device), kept


class Form:
    """How an answer is written, token by token: `<score>`, the score, `</score>`, the end."""

    def __init__(self, tokens: AnswerTokens) -> None:
        self._tokens = tokens
        self._symbols = dict(zip(tokens.ids, SYMBOLS, strict=True))

    def path(self, written: Sequence[int]) -> str:
        """The answer in what was written so far."""
        path = ''
        for token in written[len(self._tokens.opening) :]:
            if not legal(path, True):
                break
            path += self._symbols[token]
        return path

    def following(self, written: Sequence[int]) -> list[int]:
        """Tokens that may follow."""
        tokens, done = self._tokens, len(written)
        if done < len(tokens.opening):
            return [tokens.opening[done]]
        path = self.path(written)
        if options := legal(path, True):
            return [tokens.of_symbol(option) for option in options]
        rest = {'>': '0%', '%': ''}.get(path[-1], '%')
        closing = [tokens.of_symbol(symbol) for symbol in rest]
        closing += [tokens.opening[1], tokens.of_symbol('>')]
        after = done - len(tokens.opening) - len(path)
        return [closing[after] if after < len(closing) else tokens.end]

    def ended(self, written: Sequence[int]) -> bool:
        return written[-1:] == [self._tokens.end]


class Usual(Reference):
    """The authors' way, its answers kept to the form: transformers' own `generate`, greedily."""

    def written(self, task: str, queries: Sequence[Pictures]) -> list[list[int]]:
        """The tokens of an answer to each query, all queries in one batch."""
        feed, form = self._feed(task, queries, ()), Form(self._tokens)
        begun = feed['input_ids'].shape[1]
        lean, self.said = leanings(self._model.device), list[Tensor]()

        def choose(ids: Tensor, scores: Tensor) -> Tensor:
            leaning = scores.float()
            leaning[:, list(self._tokens.ids)] += lean
            self.said.append(leaning[:, list(self._tokens.ids)])
            allowed = torch.full_like(leaning, -torch.inf)
            for row, answer in enumerate(ids[:, begun:].tolist()):
                options = form.following(answer)
                allowed[row, options] = leaning[row, options]
            return allowed

        answers = self._generate(feed, LONGEST, self._processors([choose]))
        self.length = begun
        return answers[:, begun:].tolist()

    def heard(self, answers: Sequence[Sequence[int]]) -> list[tuple[Tree, Tensor]]:
        """What each of the answers that were written last was chosen from."""
        return as_trees(self._tokens, answers, self.said)


class Slow:
    """A step in the authors' way: every query whole, all pictures anew."""

    def __init__(self, usual: Usual, batch: bool) -> None:
        self._usual, self._batch = usual, batch
        self.answers: dict[str, Reading] = {}
        self.heard: dict[str, tuple[Tree, Tensor]] = {}
        self.cost = Cost(0, 0, 0, 0)
        self._last: list[np.ndarray] = []

    def begin(self, context: TaskContext) -> None:
        assert context.goal is not None
        self._task, self._last = context.instruction, []
        self._start = [context.start.images[view] for view in ORDER]
        self._goal = [context.goal.images[ORDER[0]]] * 3

    def queries(self, views: Views) -> dict[str, list[np.ndarray]]:
        """The eight pictures of each query; these views are the last ones from then on."""
        now = [views.images[view] for view in ORDER]
        before = {'backward': self._goal, 'forward': self._start}
        if self._last:
            before['incremental'] = self._last
        self._last = now
        ends = [self._start[0], self._goal[0]]
        return {row: [*ends, *three, *now] for row, three in before.items()}

    def step(self, views: Views) -> None:
        asked = self.queries(views)
        batches = [list(asked)] if self._batch else [[row] for row in asked]
        for rows in batches:
            answers = self._usual.written(self._task, [asked[row] for row in rows])
            heard = self._usual.heard(answers)
            self.heard |= dict(zip(rows, heard, strict=True))
            self.answers |= {row: last_of(self.heard[row][0]) for row in rows}
            passes = len(answers[0]) - 1
            self.cost = Cost(
                self.cost.pictures + 8 * len(rows),
                self.cost.tokens + len(rows) * (self._usual.length + passes),
                0,
                self.cost.steps + passes,
            )

    def rest(self) -> None:
        """Nothing is remembered."""


class Writer(Asker):
    """Writes answers token by token instead of reading them off a tree."""

    def ask(
        self, script: Script, pictures: Sequence[Key], past: KV, rows: Sequence[str]
    ) -> Mapping[str, Reading]:
        bare = [Tree(self._tokens, ())] * len(rows)
        chunk, form = without(script.after(pictures, bare), len(bare[0])), Form(self._tokens)
        written: list[list[int]] = [[] for _ in rows]
        said: list[Tensor] = []
        while True:
            logits, new = self._engine.read(chunk, past)
            said.append(logits[:, -1])
            self.tokens += logits.shape[0] * logits.shape[1]
            for answer, scores in zip(written, logits[:, -1].tolist(), strict=True):
                options = form.following(answer)
                known = dict(zip(self._tokens.ids, scores, strict=True))
                answer.append(max(options, key=lambda one: (known.get(one, 0.0), -one)))
            if all(map(form.ended, written)):
                break
            self.steps += 1
            past = tuple(torch.cat(both, 2) for both in zip(past, new, strict=True))
            chunk = self._token(script, written, past[0].shape[2])
        self.heard = dict(zip(rows, as_trees(self._tokens, written, said), strict=True))
        return {row: last_of(tree) for row, (tree, _) in self.heard.items()}

    def _token(self, script: Script, written: list[list[int]], past: int) -> Chunk:
        """The newest token of each answer."""
        engine, queries = self._engine, len(written)
        embeds = engine.embed(torch.tensor([answer[-1] for answer in written]))[:, None]
        place = script.layout.answer + len(written[0]) - 1
        positions = torch.full((3, queries, 1), place, device=engine.device)
        mask = torch.ones(queries, 1, 1, past + 1, dtype=torch.bool, device=engine.device)
        layers = engine.shape.deepstack
        return Chunk(
            embeds, positions, mask, embeds.new_zeros(layers, *embeds.shape) if layers else None
        )


class Hoard(Gallery):
    """Pictures of which none is ever dropped: who forgets keys and values needs them again."""

    def show(self, pictures: Sequence[np.ndarray]) -> list[Key]:
        keys = super().show(pictures)
        self._all = getattr(self, '_all', {}) | self._seen
        return keys

    def __getitem__(self, key: Key) -> Seen:
        return self._all[key]


class Forgetful(Memory):
    """Computes all keys and values anew in every step."""

    def begin(self, script: Script, start: Key, goal: Key) -> None:
        self._script, self._ends = script, (start, goal)

    def prepare(self, wanted: Mapping[str, Triple]) -> None:
        three = [wanted[row] for row in ROWS if row in wanted]
        _, first = self._engine.read(self._script.prefix([self._ends] * len(three)))
        _, second = self._engine.read(self._script.before(three), first)
        self._past = tuple(torch.cat(both, 2) for both in zip(first, second, strict=True))
        self.tokens += len(three) * self._past[0].shape[2]

    def past(self, rows: Sequence[str]) -> KV:
        return self._past


class Partly(VlmGRM):
    """The product without some of its speed-ups."""

    def __init__(
        self, name: str, engine: Engine, language: Language, remembers: bool, ahead: bool
    ) -> None:
        settings = VlmSettings()
        super().__init__(name, engine, language, settings)
        self._ahead = ahead
        self._asker = Writer(engine, language.tokens, settings)
        if not remembers:
            self._gallery = Hoard(engine, language.images)
            self._memory = Forgetful(engine, self._gallery)

    def rest(self) -> None:
        if self._ahead:
            super().rest()


def leanings(device: torch.device) -> Tensor:
    """What is added to the logits of SYMBOLS."""
    return torch.tensor([LEANINGS.get(symbol, 0.0) for symbol in SYMBOLS], device=device)


def as_trees(
    tokens: AnswerTokens, written: Sequence[Sequence[int]], said: Sequence[Tensor]
) -> list[tuple[Tree, Tensor]]:
    """Answers as trees of one branch, with the logits (R, symbols) of their rows."""
    form, found = Form(tokens), []
    for query, answer in enumerate(written):
        path = form.path(answer)
        tree = Tree(tokens, tuple(path[:end] for end in range(1, len(path) + 1)))
        rows = [passed[query] for passed in said[1 : 1 + len(tree)]]
        found.append((tree, torch.stack(rows)))
    return found


def last_of(tree: Tree) -> Reading:
    """The answer at the end of a tree of one branch."""
    return Reading(value(tree.paths[-1]), tree.paths[-1])


def without(chunk: Chunk, rows: int) -> Chunk:
    """A chunk without its last rows."""
    count = chunk.embeds.shape[1] - rows
    deepstack = None if chunk.deepstack is None else chunk.deepstack[:, :, :count]
    mask = chunk.mask[:, :, :count, : chunk.mask.shape[3] - rows]
    return Chunk(chunk.embeds[:, :count], chunk.positions[:, :, :count], mask, deepstack)
