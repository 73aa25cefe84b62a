"""An engine that takes batches apart: what differs then is the noise of the engine itself."""

import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.engine import KV, Chunk, Engine, Seen


class OneByOne:
    """An engine (vlm/engine.py) that does one after another what it is asked in a batch."""

    def __init__(self, engine: Engine) -> None:
        self.shape, self.answer_tokens = engine.shape, engine.answer_tokens
        self.device, self.dtype = engine.device, engine.dtype
        self._engine = engine

    def embed(self, ids: Tensor) -> Tensor:
        """As `Engine.embed`."""
        return self._engine.embed(ids)

    def see(self, pixels: Tensor) -> Seen:
        """As `Engine.see`."""
        seen = [self._engine.see(picture) for picture in pixels.split(1)]
        features = [one.deepstack for one in seen if one.deepstack is not None]
        embeds = torch.cat([one.embeds for one in seen])
        return Seen(embeds, torch.cat(features, 1) if features else None)

    def read(self, chunk: Chunk, past: KV | None = None) -> tuple[Tensor, KV]:
        """As `Engine.read`."""
        logits, kept = [], []
        for row in range(len(chunk.embeds)):
            one = slice(row, row + 1)
            features = None if chunk.deepstack is None else chunk.deepstack[:, one]
            part = Chunk(chunk.embeds[one], chunk.positions[:, one], chunk.mask[one], features)
            before = None if past is None else tuple(each[one] for each in past)
            told, new = self._engine.read(part, before)
            logits.append(told)
            kept.append(new)
        return torch.cat(logits), tuple(torch.cat(each) for each in zip(*kept, strict=True))
