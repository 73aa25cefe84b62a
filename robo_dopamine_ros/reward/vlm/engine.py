"""What runs the network of a vision-language GRM, whatever that is: torch, ONNX Runtime, TensorRT.

Tensors go in and come out as torch tensors on the engine's own device and of its own type, so that
the layers above are the same everywhere.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor, device, dtype

KV = tuple[Tensor, ...]  # k0, v0, k1, v1, ...; each (B, heads_kv, P, head_dim)


@dataclass(frozen=True)
class Shape:
    """Sizes of the network and of the one picture size it takes; stored beside its graphs."""

    family: str  # 'qwen2_5_vl' or 'qwen3_vl', see family.py
    layers: int  # of the language model
    heads_kv: int  # heads of keys and values
    head_dim: int
    hidden: int  # C, width of the language model
    deepstack: int  # D, layers that take picture features too; 0 in Qwen2.5-VL
    height: int  # picture rows as the network takes them [px]
    width: int  # picture columns [px]
    rows: int  # of a picture, in language tokens
    columns: int  # of a picture, in language tokens

    @property
    def tokens(self) -> int:
        """T, language tokens of one picture."""
        return self.rows * self.columns


class Seen(NamedTuple):
    """What the vision tower makes of N pictures."""

    embeds: Tensor  # (N, T, C)
    deepstack: Tensor | None = None  # (D, N, T, C); None in a family without


class Chunk(NamedTuple):
    """The next tokens of B queries of equal length."""

    embeds: Tensor  # (B, S, C)
    positions: Tensor  # (3, B, S) int64: time, row, column
    mask: Tensor  # (B, 1, S, P + S) bool, True where a token may look
    deepstack: Tensor | None = None  # (D, B, S, C), zeros where there is text


class Engine(Protocol):
    """Three pure functions of tensors; everything that is kept, is kept by the caller."""

    shape: Shape
    answer_tokens: tuple[int, ...]  # token ids that logits are about, in their order
    device: device
    dtype: dtype

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (S,) to embeddings (S, C)."""

    def see(self, pixels: Tensor) -> Seen:
        """Look at normalised pictures (N, 3, height, width) float32, N from 1 to 8."""

    def read(self, chunk: Chunk, past: KV | None = None) -> tuple[Tensor, KV]:
        """Logits (B, S, answer tokens) float32 of every row, and keys and values of the chunk.

        `past` are those of the P tokens before; None: there are none.
        """
