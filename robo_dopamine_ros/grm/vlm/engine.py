"""The interface of what runs the network of a vision-language GRM: torch, ONNX Runtime, TensorRT.

All inputs and outputs are torch tensors on the device and of the dtype of the engine, so that the
layers above do not depend on it.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor, device, dtype

KeyValues = tuple[Tensor, ...]  # k0, v0, k1, v1, ...; each (B, heads_kv, P, head_dim)


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of the network and of the one image size it takes; stored beside its graphs."""

    family: str  # 'qwen2_5_vl' or 'qwen3_vl', see published/family.py
    layers: int  # of the language model
    heads_kv: int  # heads of keys and values
    head_dim: int
    hidden: int  # C, width of the language model
    deepstack: int  # D, layers that add image features; 0 in Qwen2.5-VL
    height: int  # rows of an image as the network takes it [px]
    width: int  # columns of an image [px]
    rows: int  # of an image, in language tokens
    columns: int  # of an image, in language tokens

    @property
    def tokens(self) -> int:
        """T, language tokens of one image."""
        return self.rows * self.columns


class VisionFeatures(NamedTuple):
    """Output of the vision tower for N images."""

    embeds: Tensor  # (N, T, C)
    deepstack: Tensor | None = None  # (D, N, T, C); None in Qwen2.5-VL


class TokenChunk(NamedTuple):
    """The next S tokens of B queries, after P tokens whose keys and values are known."""

    embeds: Tensor  # (B, S, C)
    positions: Tensor  # (3, B, S) int64: time, row, column
    mask: Tensor  # (B, 1, S, P + S) bool, True where a token may attend
    deepstack: Tensor | None = None  # (D, B, S, C), zeros at text tokens


class VlmEngine(Protocol):
    """Three pure functions of tensors; all state (caches) is the caller's."""

    shape: NetworkShape
    answer_tokens: tuple[int, ...]  # token ids of the logits, in their order
    device: device
    dtype: dtype

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (S,) to embeddings (S, C)."""

    def encode_images(self, pixels: Tensor) -> VisionFeatures:
        """Encode 1 to 8 normalised images (N, 3, height, width) float32."""

    def decode(self, chunk: TokenChunk, past: KeyValues | None = None) -> tuple[Tensor, KeyValues]:
        """Logits (B, S, answer tokens) float32 of all rows; keys and values of the chunk.

        `past` holds the keys and values of the P tokens before; None if P is 0.
        """
