"""The engine that runs the network by torch, on a CPU or a GPU."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from robo_dopamine_ros.grm.vlm.engine import KeyValues, TokenChunk, VisionFeatures
from robo_dopamine_ros.grm.vlm.network.decoder import Decoder, additive_mask
from robo_dopamine_ros.grm.vlm.network.vision import FixedSizeVisionTower
from robo_dopamine_ros.grm.vlm.published.family import network_shape


class VlmTorchEngine:
    """A `VlmEngine` over a transformers model, on the device and in the dtype of the model."""

    def __init__(self, model: Any, height: int, width: int, answer_tokens: Sequence[int]) -> None:
        self.shape = network_shape(model, height, width)
        self.answer_tokens = tuple(answer_tokens)
        self._embedding = model.get_input_embeddings()
        self.device, self.dtype = self._embedding.weight.device, self._embedding.weight.dtype
        language, head = model.model.language_model, model.lm_head
        self._vision = FixedSizeVisionTower(model.model.visual, height, width).eval()
        self._decoder = Decoder(language, head, answer_tokens, self.shape.deepstack).eval()

    @torch.inference_mode()
    def embed(self, ids: Tensor) -> Tensor:
        """See `VlmEngine.embed`."""
        return self._embedding(ids.to(self.device))

    @torch.inference_mode()
    def encode_images(self, pixels: Tensor) -> VisionFeatures:
        """See `VlmEngine.encode_images`; ValueError for images of another size."""
        wanted = (3, self.shape.height, self.shape.width)
        if pixels.ndim != 4 or tuple(pixels.shape[1:]) != wanted:
            size = f'(N, 3, {wanted[1]}, {wanted[2]})'
            raise ValueError(f'pixels {tuple(pixels.shape)}; this engine takes {size}')
        features = self._vision(pixels.to(self.device))
        return VisionFeatures(*features) if self.shape.deepstack else VisionFeatures(features)

    @torch.inference_mode()
    def decode(self, chunk: TokenChunk, past: KeyValues | None = None) -> tuple[Tensor, KeyValues]:
        """See `VlmEngine.decode`."""
        deepstack = () if chunk.deepstack is None else (chunk.deepstack,)
        if len(deepstack) != min(self.shape.deepstack, 1):
            takes = 'takes' if self.shape.deepstack else 'takes no'
            raise ValueError(f'{self.shape.family} {takes} deepstack features')
        mask = additive_mask(chunk.mask, self.dtype)
        out = self._decoder(chunk.embeds, chunk.positions, mask, *deepstack, *(past or ()))
        return out[0], out[1:]
