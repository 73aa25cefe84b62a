"""The engine that runs the network as it is, in torch, on a CPU or a GPU."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.engine import KV, Chunk, Seen
from robo_dopamine_ros.reward.vlm.network.decoder import Decoder, additive
from robo_dopamine_ros.reward.vlm.network.vision import VisionFixedGrid
from robo_dopamine_ros.reward.vlm.published.family import shape_of


class TorchEngine:
    """An engine (vlm/engine.py) over a transformers model, on its device and in its type."""

    def __init__(self, model: Any, height: int, width: int, answer_tokens: Sequence[int]) -> None:
        self.shape = shape_of(model, height, width)
        self.answer_tokens = tuple(answer_tokens)
        self._embedding = model.get_input_embeddings()
        self.device, self.dtype = self._embedding.weight.device, self._embedding.weight.dtype
        language, head = model.model.language_model, model.lm_head
        self._vision = VisionFixedGrid(model.model.visual, height, width).eval()
        self._decoder = Decoder(language, head, answer_tokens, self.shape.deepstack).eval()

    @torch.inference_mode()
    def embed(self, ids: Tensor) -> Tensor:
        """As `Engine.embed`."""
        return self._embedding(ids.to(self.device))

    @torch.inference_mode()
    def see(self, pixels: Tensor) -> Seen:
        """As `Engine.see`; ValueError for pictures of another size."""
        wanted = (3, self.shape.height, self.shape.width)
        if pixels.ndim != 4 or tuple(pixels.shape[1:]) != wanted:
            told = (
                f'pixels {tuple(pixels.shape)}; this engine takes (N, 3, {wanted[1]}, {wanted[2]})'
            )
            raise ValueError(told)
        seen = self._vision(pixels.to(self.device))
        return Seen(*seen) if self.shape.deepstack else Seen(seen)

    @torch.inference_mode()
    def read(self, chunk: Chunk, past: KV | None = None) -> tuple[Tensor, KV]:
        """As `Engine.read`."""
        deepstack = () if chunk.deepstack is None else (chunk.deepstack,)
        if len(deepstack) != min(self.shape.deepstack, 1):
            takes = 'takes' if self.shape.deepstack else 'takes no'
            raise ValueError(f'{self.shape.family} {takes} deepstack features')
        mask = additive(chunk.mask, self.dtype)
        out = self._decoder(chunk.embeds, chunk.positions, mask, *deepstack, *(past or ()))
        return out[0], out[1:]
