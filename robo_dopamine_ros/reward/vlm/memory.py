"""Keys and values of what the three queries of a step have in common with those of the last step.

Every query begins with the task and its two reference pictures (PREFIX), goes on with the three
pictures to compare with (BEFORE), and ends with what is new. What is kept is named by all that it
was computed from, so nothing stale can be used: what differs is computed again.
"""

from collections.abc import Mapping, Sequence

import torch

from robo_dopamine_ros.reward.vlm.chunks import Script
from robo_dopamine_ros.reward.vlm.engine import KV, Engine
from robo_dopamine_ros.reward.vlm.gallery import Gallery, Key
from robo_dopamine_ros.reward.vlm.query.layout import Layout

ROWS = ('backward', 'forward', 'incremental')  # in this order any that are asked stand together
Triple = tuple[Key, Key, Key]  # pictures of the three views


class Memory:
    """One row of keys and values for each query; rows that are asked together form one batch."""

    def __init__(self, engine: Engine, gallery: Gallery) -> None:
        self.tokens = 0  # language tokens computed for it so far
        self._engine, self._gallery = engine, gallery
        self._prefix: tuple[object, ...] = ()  # what the first part of all rows was computed from
        self._before: dict[str, Triple] = {}  # what the second part of each row was computed from
        self._buffers: KV = ()  # (3, heads_kv, prefix + before, head_dim) each

    def begin(self, script: Script, start: Key, goal: Key) -> None:
        """Have PREFIX for this task and these reference pictures."""
        wanted = (script.layout.task, start, goal)
        if wanted == self._prefix:
            return
        self._prefix, self._before = (), {}
        self._script = script
        _, kept = self._engine.read(script.prefix([[start, goal]]))
        self._reserve(script.layout)
        length = len(script.layout.prefix.ids)
        for buffer, new in zip(self._buffers, kept, strict=True):
            buffer[:, :, :length] = new
        self.tokens += length
        self._prefix = wanted

    def prepare(self, wanted: Mapping[str, Triple]) -> None:
        """Have BEFORE for these rows, computed in one batch where it is not there yet."""
        missing = {row: keys for row, keys in wanted.items() if self._before.get(row) != keys}
        if not missing:
            return
        for row in missing:
            self._before.pop(row, None)
        layout = self._script.layout
        length = len(layout.prefix.ids)
        past = tuple(
            buffer[:1, :, :length].expand(len(missing), -1, -1, -1) for buffer in self._buffers
        )
        _, kept = self._engine.read(self._script.before(list(missing.values())), past)
        rows = [ROWS.index(row) for row in missing]
        for buffer, new in zip(self._buffers, kept, strict=True):
            buffer[rows, :, length:] = new
        self.tokens += len(missing) * len(layout.before.ids)
        self._before.update(missing)

    def past(self, rows: Sequence[str]) -> KV:
        """Keys and values of these rows, which stand together, in the order of ROWS."""
        first = ROWS.index(rows[0])
        return tuple(buffer[first : first + len(rows)] for buffer in self._buffers)

    def _reserve(self, layout: Layout) -> None:
        """Have buffers of the size this layout needs."""
        shape, length = self._engine.shape, len(layout.prefix.ids) + len(layout.before.ids)
        size = (len(ROWS), shape.heads_kv, length, shape.head_dim)
        if not self._buffers or self._buffers[0].shape != size:
            self._buffers = tuple(
                torch.zeros(size, dtype=self._engine.dtype, device=self._engine.device)
                for _ in range(2 * shape.layers)
            )
