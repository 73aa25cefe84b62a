"""Turns the sections of a prompt into embedded token chunks for the language model."""

from collections.abc import Sequence

import torch
from torch import Tensor

from robo_dopamine_ros.grm.vlm.engine import TokenChunk, VlmEngine
from robo_dopamine_ros.grm.vlm.query.answer_tree import AnswerTree
from robo_dopamine_ros.grm.vlm.query.layout import PromptLayout, PromptSection
from robo_dopamine_ros.grm.vlm.vision_cache import ImageKey, VisionCache


class PromptEmbedder:
    """Embeds the queries of one task; the text is embedded once."""

    def __init__(self, engine: VlmEngine, vision_cache: VisionCache, layout: PromptLayout) -> None:
        self.layout = layout
        self._engine, self._vision_cache = engine, vision_cache
        self._text = {
            id(section): engine.embed(section.ids)
            for section in (layout.prefix, layout.before, layout.after)
        }

    def prefix(self, queries: Sequence[Sequence[ImageKey]]) -> TokenChunk:
        """The section up to the images before; two reference images for each query."""
        return self._chunk(self.layout.prefix, queries, 0)

    def before(self, queries: Sequence[Sequence[ImageKey]]) -> TokenChunk:
        """The three images before of each query, and the text between them."""
        return self._chunk(self.layout.before, queries, len(self.layout.prefix.ids))

    def after(self, images: Sequence[ImageKey], trees: Sequence[AnswerTree]) -> TokenChunk:
        """The three new images, the instructions, and the answer tree of each query."""
        chunk = self._chunk(self.layout.after, [images] * len(trees), self._past_length)
        answers = torch.stack([self._engine.embed(tree.ids) for tree in trees])
        return TokenChunk(
            torch.cat([chunk.embeds, answers], 1),
            torch.cat([chunk.positions, self._positions(trees)], 2),
            self._mask(chunk.mask, trees),
            _padded(chunk.deepstack, answers.shape[1]),
        )

    def newest_row(self, trees: Sequence[AnswerTree]) -> TokenChunk:
        """The last row of each tree alone; it attends to the query and to its own branch.

        `past` for this chunk holds the query and then the other rows of the tree.
        """
        query_length = self._past_length + len(self.layout.after.ids)
        rows = torch.stack([self._engine.embed(tree.ids[-1:]) for tree in trees])
        own = torch.stack([tree.mask[-1:] for tree in trees])
        mask = torch.cat([own.new_ones(len(trees), 1, query_length), own], 2)[:, None]
        deepstack = self._zero_deepstack(rows)
        return TokenChunk(rows, self._positions(trees)[:, :, -1:], mask.to(rows.device), deepstack)

    @property
    def _past_length(self) -> int:
        return len(self.layout.prefix.ids) + len(self.layout.before.ids)

    def _chunk(
        self, section: PromptSection, queries: Sequence[Sequence[ImageKey]], past: int
    ) -> TokenChunk:
        text = self._text[id(section)]
        count, device = len(section.ids), text.device
        embeds = text.repeat(len(queries), 1, 1)
        deepstack = self._zero_deepstack(embeds)
        for row, keys in enumerate(queries):
            for tokens, key in zip(section.images, keys, strict=True):
                features = self._vision_cache[key]
                embeds[row, tokens] = features.embeds
                if deepstack is not None and features.deepstack is not None:
                    deepstack[:, row, tokens] = features.deepstack
        positions = section.positions.to(device)[:, None].expand(-1, len(queries), -1)
        mask = torch.ones(count, past + count, dtype=torch.bool, device=device).tril(past)
        return TokenChunk(embeds, positions, mask.expand(len(queries), 1, -1, -1), deepstack)

    def _positions(self, trees: Sequence[AnswerTree]) -> Tensor:
        """Positions (3, B, R) of the rows of trees; of text, so all three are equal."""
        depths = torch.stack([tree.depths for tree in trees]).to(self._engine.device)
        return (self.layout.answer + depths).expand(3, -1, -1)

    def _mask(self, text_mask: Tensor, trees: Sequence[AnswerTree]) -> Tensor:
        """The mask (B, 1, S + R, P + S + R) of a chunk that ends in trees."""
        own = torch.stack([tree.mask for tree in trees])[:, None].to(text_mask.device)
        count, rows = text_mask.shape[2], own.shape[2]
        above = torch.cat([text_mask, text_mask.new_zeros(len(trees), 1, count, rows)], 3)
        below = torch.cat([text_mask.new_ones(len(trees), 1, rows, text_mask.shape[3]), own], 3)
        return torch.cat([above, below], 2)

    def _zero_deepstack(self, embeds: Tensor) -> Tensor | None:
        """Zero image features (D, B, S, C); None in a family without deepstack."""
        layers = self._engine.shape.deepstack
        return embeds.new_zeros(layers, *embeds.shape) if layers else None


def _padded(deepstack: Tensor | None, rows: int) -> Tensor | None:
    """Image features followed by `rows` text tokens, which have none."""
    if deepstack is None:
        return None
    layers, queries, _, width = deepstack.shape
    return torch.cat([deepstack, deepstack.new_zeros(layers, queries, rows, width)], 2)
