"""Keys and values that the three queries of a step share with those of the last step.

Every query begins with the task and its two reference images (PREFIX), continues with the three
images before (BEFORE), and ends with the new ones. Each entry is keyed by everything that it was
computed from, so that no stale entry can be used: what differs is computed again.
"""

from collections.abc import Mapping, Sequence

import torch

from robo_dopamine_ros.grm.vlm.engine import KeyValues, VlmEngine
from robo_dopamine_ros.grm.vlm.prompt_embedding import PromptEmbedder
from robo_dopamine_ros.grm.vlm.query.layout import PromptLayout
from robo_dopamine_ros.grm.vlm.vision_cache import ImageKey, VisionCache

# The order in which any subset of the queries is contiguous in the cache.
PERSPECTIVES = ('backward', 'forward', 'incremental')
ViewKeys = tuple[ImageKey, ImageKey, ImageKey]  # images of the three views


class PrefixKvCache:
    """One row of keys and values for each perspective; contiguous rows form a batch."""

    def __init__(self, engine: VlmEngine, vision_cache: VisionCache) -> None:
        self.tokens = 0  # language tokens decoded to fill the cache so far
        self._engine, self._vision_cache = engine, vision_cache
        self._prefix: tuple[object, ...] = ()  # what PREFIX of all rows was computed from
        self._before: dict[str, ViewKeys] = {}  # what BEFORE of each row was computed from
        self._buffers: KeyValues = ()  # (3, heads_kv, prefix + before, head_dim) each

    def set_prefix(self, embedder: PromptEmbedder, start: ImageKey, goal: ImageKey) -> None:
        """Fill PREFIX for this task and these reference images, unless it is there."""
        wanted = (embedder.layout.task, start, goal)
        if wanted == self._prefix:
            return
        self._prefix, self._before = (), {}
        self._embedder = embedder
        _, new = self._engine.decode(embedder.prefix([[start, goal]]))
        self._reserve(embedder.layout)
        length = len(embedder.layout.prefix.ids)
        for buffer, values in zip(self._buffers, new, strict=True):
            buffer[:, :, :length] = values
        self.tokens += length
        self._prefix = wanted

    def update(self, wanted: Mapping[str, ViewKeys]) -> None:
        """Fill BEFORE for these perspectives, in one batch, where it is not there."""
        missing = {row: keys for row, keys in wanted.items() if self._before.get(row) != keys}
        if not missing:
            return
        for row in missing:
            self._before.pop(row, None)
        layout = self._embedder.layout
        length = len(layout.prefix.ids)
        past = tuple(b[:1, :, :length].expand(len(missing), -1, -1, -1) for b in self._buffers)
        _, new = self._engine.decode(self._embedder.before(list(missing.values())), past)
        rows = [PERSPECTIVES.index(row) for row in missing]
        for buffer, values in zip(self._buffers, new, strict=True):
            buffer[rows, :, length:] = values
        self.tokens += len(missing) * len(layout.before.ids)
        self._before.update(missing)

    def past(self, perspectives: Sequence[str]) -> KeyValues:
        """Keys and values of contiguous perspectives, in the order of PERSPECTIVES."""
        first = PERSPECTIVES.index(perspectives[0])
        return tuple(buffer[first : first + len(perspectives)] for buffer in self._buffers)

    def _reserve(self, layout: PromptLayout) -> None:
        """Allocate buffers of the size this layout needs, unless they have it."""
        shape, length = self._engine.shape, len(layout.prefix.ids) + len(layout.before.ids)
        size = (len(PERSPECTIVES), shape.heads_kv, length, shape.head_dim)
        if not self._buffers or self._buffers[0].shape != size:
            self._buffers = tuple(
                torch.zeros(size, dtype=self._engine.dtype, device=self._engine.device)
                for _ in range(2 * shape.layers)
            )
