"""The language model with explicit keys and values, restricted to the logits of answer tokens."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

MASK_BIAS = -30000.0  # 0 after a softmax, and far enough from the float16 limit to add to it


def additive_mask(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Additive attention mask from a boolean one that is True where a token may attend."""
    return torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, MASK_BIAS)


class Fp32BufferModule(nn.Module):
    """A module whose buffers named in `fp32_buffers` change device but never dtype.

    Rotary angles reach a thousand radians, which float16 resolves to half a radian only.
    """

    fp32_buffers: tuple[str, ...] = ()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        kept = {name: getattr(self, name) for name in self.fp32_buffers}
        super()._apply(fn, recurse)
        for name, buffer in kept.items():
            if buffer is not None:
                setattr(self, name, buffer.to(getattr(self, name).device))
        return self


class DecoderCache:
    """Cache interface of the transformers layers: keys and values before, and those they add."""

    def __init__(self, before: Sequence[Tensor]) -> None:
        self.before = before
        self.added: list[Tensor] = []

    def update(
        self, key: Tensor, value: Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Append the keys and values of a layer; returns all of that layer."""
        self.added += (key, value)
        if not self.before:
            return key, value
        old_key, old_value = self.before[2 * layer : 2 * layer + 2]
        return torch.cat((old_key, key), 2), torch.cat((old_value, value), 2)


class Decoder(Fp32BufferModule):
    """The next S tokens of B queries -> logits (B, S, answer tokens) float32, new k0, v0, k1, ...

    Inputs: embeds (B, S, C); positions (3, B, S) int64; additive mask (B, 1, S, P + S) of the dtype
    of the network; with `deepstack` D > 0, features (D, B, S, C), zeros at text tokens; then k0,
    v0, k1, v1, ... of the P tokens before, each (B, heads_kv, P, head_dim), or none if P is 0. New
    keys and values are (B, heads_kv, S, head_dim).
    """

    fp32_buffers = ('frequencies', 'head')
    frequencies: Tensor
    axis: Tensor
    head: Tensor

    def __init__(
        self, language_model: Any, lm_head: Any, answer_tokens: Sequence[int], deepstack: int
    ) -> None:
        super().__init__()
        self.layers, self.norm = language_model.layers, language_model.norm
        self.deepstack = deepstack
        weight, config = lm_head.weight, language_model.config
        rope = config.rope_parameters
        if rope.get('rope_type', 'default') != 'default':
            raise ValueError(f'rotary positions {rope["rope_type"]!r}; only "default" is known')
        width = language_model.layers[0].self_attn.head_dim
        exponent = torch.arange(0, width, 2, dtype=torch.float32) / width
        interleaved = config.model_type.startswith('qwen3')
        axis = rope_axes(rope['mrope_section'], interleaved)
        self.register_buffer(
            'frequencies', (1.0 / rope['rope_theta'] ** exponent).to(weight.device)
        )
        self.register_buffer('axis', torch.tensor(axis, device=weight.device))
        self.register_buffer('head', weight.detach()[list(answer_tokens)].float())

    def forward(
        self, embeds: Tensor, positions: Tensor, mask: Tensor, *others: Tensor
    ) -> tuple[Tensor, ...]:
        """See the class."""
        features = others[0] if self.deepstack else None
        past = DecoderCache(others[1:] if self.deepstack else others)
        rope = self._rope(positions, embeds.dtype)
        x = embeds
        for index, layer in enumerate(self.layers):
            x = layer(x, attention_mask=mask, position_embeddings=rope, past_key_values=past)
            if features is not None and index < self.deepstack:
                x = x + features[index]
        logits = functional.linear(self.norm(x).float(), self.head)
        return logits, *past.added

    def _rope(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosine and sine (B, S, head_dim); angles are float32 and cast last, as published."""
        axis_positions = positions.float().index_select(0, self.axis).permute(1, 2, 0)
        angles = axis_positions * self.frequencies
        angles = torch.cat((angles, angles), -1)
        return angles.cos().to(dtype), angles.sin().to(dtype)


def rope_axes(section: Sequence[int], interleaved: bool) -> list[int]:
    """Position axis of each rotary frequency (M-RoPE): 0 time, 1 row, 2 column."""
    if not interleaved:
        return [axis for axis, count in enumerate(section) for _ in range(count)]
    return [index % 3 if index < 3 * section[index % 3] else 0 for index in range(sum(section))]
