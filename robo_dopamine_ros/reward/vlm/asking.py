"""Asking the three queries of a step in one pass, and in more where an answer goes on."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.chunks import Script
from robo_dopamine_ros.reward.vlm.engine import KV, Engine
from robo_dopamine_ros.reward.vlm.gallery import Key
from robo_dopamine_ros.reward.vlm.query.reading import Missing, Reading, descend, expect
from robo_dopamine_ros.reward.vlm.query.tree import Tree, guess
from robo_dopamine_ros.reward.vlm.query.words import AnswerTokens
from robo_dopamine_ros.reward.vlm.settings import VlmSettings

FIRST = {'backward': -90.0, 'forward': 0.0, 'incremental': 0.0}  # likely as an episode begins [%]


class Asker:
    """Reads answers off the tree; remembers the last ones to guess where the next will be."""

    def __init__(self, engine: Engine, tokens: AnswerTokens, settings: VlmSettings) -> None:
        self.tokens = self.steps = 0  # language tokens read, and passes for the rest of an answer
        self._engine, self._tokens, self._settings = engine, tokens, settings
        self.heard: dict[str, tuple[Tree, Tensor]] = {}  # what the last answers were read from
        self._last: dict[str, float] = {}  # answer of each query [%]

    def forget(self) -> None:
        """Begin an episode: no answer came before."""
        self._last = {}

    def ask(
        self, script: Script, pictures: Sequence[Key], past: KV, rows: Sequence[str]
    ) -> Mapping[str, Reading]:
        """Answers of the queries named `rows`, whose keys and values so far are `past`."""
        trees = [self._tree(row) for row in rows]
        logits, new = self._engine.read(script.after(pictures, trees), past)
        self.tokens += logits.shape[0] * logits.shape[1]
        logits = logits[:, -len(trees[0]) :]
        self.heard = dict(zip(rows, zip(trees, logits, strict=True), strict=True))
        if self._settings.readout == 'expectation':
            readings = [
                expect(tree, rest, self._settings.decimals)
                for tree, rest in zip(trees, logits, strict=True)
            ]
        else:
            readings = self._descend(script, trees, logits, past, new)
        answers = dict(zip(rows, readings, strict=True))
        self._last |= {row: told.percent for row, told in answers.items() if told.valid}
        return answers

    def _descend(
        self, script: Script, trees: list[Tree], logits: Tensor, past: KV, new: KV
    ) -> list[Reading]:
        """Follow each answer to its end; what no tree has is computed, one row for all at once."""
        while True:
            told = [
                descend(tree, rest, self._settings.decimals)
                for tree, rest in zip(trees, logits, strict=True)
            ]
            readings = [one for one in told if isinstance(one, Reading)]
            if len(readings) == len(told):
                return readings
            trees = [
                tree.with_row(one.path if isinstance(one, Missing) else None)
                for tree, one in zip(trees, told, strict=True)
            ]
            past = tuple(torch.cat([old, added], 2) for old, added in zip(past, new, strict=True))
            more, new = self._engine.read(script.row(trees), past)
            logits = torch.cat([logits, more], 1)
            self.tokens += len(trees)
            self.steps += 1

    def _tree(self, row: str) -> Tree:
        """The tree for one query; with decimals cut no answer ever leaves the usual rows."""
        tree, chosen = Tree(self._tokens), self._settings
        if not (chosen.draft and chosen.decimals) or chosen.readout != 'greedy':
            return tree
        return Tree(self._tokens, (*tree.paths, *guess(self._last.get(row, FIRST[row]))))
