"""From words and pictures to what the language model reads next."""

from collections.abc import Sequence

import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.engine import Chunk, Engine
from robo_dopamine_ros.reward.vlm.gallery import Gallery, Key
from robo_dopamine_ros.reward.vlm.query.layout import Layout, Section
from robo_dopamine_ros.reward.vlm.query.tree import Tree


class Script:
    """The parts of one task's queries; its words are embedded once."""

    def __init__(self, engine: Engine, gallery: Gallery, layout: Layout) -> None:
        self.layout = layout
        self._engine, self._gallery = engine, gallery
        self._words = {
            id(section): engine.embed(section.ids)
            for section in (layout.prefix, layout.before, layout.after)
        }

    def prefix(self, queries: Sequence[Sequence[Key]]) -> Chunk:
        """The part up to the pictures to compare with; two pictures in each query."""
        return self._chunk(self.layout.prefix, queries, 0)

    def before(self, queries: Sequence[Sequence[Key]]) -> Chunk:
        """The pictures to compare with, three in each query, and the words between them."""
        return self._chunk(self.layout.before, queries, len(self.layout.prefix.ids))

    def after(self, pictures: Sequence[Key], trees: Sequence[Tree]) -> Chunk:
        """The three new pictures, the instructions, and a tree of answers in each query."""
        told = self._chunk(self.layout.after, [pictures] * len(trees), self._begun)
        answers = torch.stack([self._engine.embed(tree.ids) for tree in trees])
        return Chunk(
            torch.cat([told.embeds, answers], 1),
            torch.cat([told.positions, self._places(trees)], 2),
            self._looks(told.mask, trees),
            _padded(told.deepstack, answers.shape[1]),
        )

    def row(self, trees: Sequence[Tree]) -> Chunk:
        """The newest row of each tree alone; what it may look at is all before but other branches.

        The keys and values before it are those of the query, then those of the tree's other rows.
        """
        told = self._begun + len(self.layout.after.ids)
        newest = torch.stack([self._engine.embed(tree.ids[-1:]) for tree in trees])
        own = torch.stack([tree.mask[-1:] for tree in trees])
        mask = torch.cat([own.new_ones(len(trees), 1, told), own], 2)[:, None]
        deepstack = self._nothing(newest)
        return Chunk(newest, self._places(trees)[:, :, -1:], mask.to(newest.device), deepstack)

    @property
    def _begun(self) -> int:
        return len(self.layout.prefix.ids) + len(self.layout.before.ids)

    def _chunk(self, section: Section, queries: Sequence[Sequence[Key]], past: int) -> Chunk:
        words = self._words[id(section)]
        count, device = len(section.ids), words.device
        embeds = words.repeat(len(queries), 1, 1)
        deepstack = self._nothing(embeds)
        for row, keys in enumerate(queries):
            for place, key in zip(section.pictures, keys, strict=True):
                seen = self._gallery[key]
                embeds[row, place] = seen.embeds
                if deepstack is not None and seen.deepstack is not None:
                    deepstack[:, row, place] = seen.deepstack
        positions = section.positions.to(device)[:, None].expand(-1, len(queries), -1)
        mask = torch.ones(count, past + count, dtype=torch.bool, device=device).tril(past)
        return Chunk(embeds, positions, mask.expand(len(queries), 1, -1, -1), deepstack)

    def _places(self, trees: Sequence[Tree]) -> Tensor:
        """Positions (3, B, R) of the rows of trees: words, so all three are alike."""
        depths = torch.stack([tree.depths for tree in trees]).to(self._engine.device)
        return (self.layout.answer + depths).expand(3, -1, -1)

    def _looks(self, told: Tensor, trees: Sequence[Tree]) -> Tensor:
        """The mask (B, 1, S + R, P + S + R) of a chunk that ends in trees."""
        own = torch.stack([tree.mask for tree in trees])[:, None].to(told.device)
        count, rows = told.shape[2], own.shape[2]
        above = torch.cat([told, told.new_zeros(len(trees), 1, count, rows)], 3)
        below = torch.cat([told.new_ones(len(trees), 1, rows, told.shape[3]), own], 3)
        return torch.cat([above, below], 2)

    def _nothing(self, embeds: Tensor) -> Tensor | None:
        """Picture features (D, B, S, C) where there are none yet; None in a family without."""
        layers = self._engine.shape.deepstack
        return embeds.new_zeros(layers, *embeds.shape) if layers else None


def _padded(deepstack: Tensor | None, rows: int) -> Tensor | None:
    """Picture features with rows of words, which have none, behind them."""
    if deepstack is None:
        return None
    layers, queries, _, width = deepstack.shape
    return torch.cat([deepstack, deepstack.new_zeros(layers, queries, rows, width)], 2)
