"""The language model with keys and values as inputs and outputs, and only the answer's logits."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, dtype
from torch.nn import functional

from robo_dopamine_ros.reward.vlm.network.exact import Exact

MASKED = -30000.0  # nothing is left of it after a softmax, and half precision can add to it


def additive(mask: Tensor, kind: dtype) -> Tensor:
    """A mask that is True where a token may look, as what is added to attention scores."""
    return torch.zeros_like(mask, dtype=kind).masked_fill(~mask, MASKED)


class Past:
    """The cache as the layers of transformers see it: what came before, and what they add."""

    def __init__(self, before: Sequence[Tensor]) -> None:
        self.before = before
        self.added: list[Tensor] = []

    def update(
        self, key: Tensor, value: Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Keep what a layer adds, and give it everything there is."""
        self.added += (key, value)
        if not self.before:
            return key, value
        old_key, old_value = self.before[2 * layer : 2 * layer + 2]
        return torch.cat((old_key, key), 2), torch.cat((old_value, value), 2)


class Decoder(Exact):
    """The next S tokens of B queries -> logits (B, S, answer tokens) float32, new k0, v0, k1, ...

    Inputs: embeds (B, S, C); positions (3, B, S) int64; mask (B, 1, S, P + S), additive and of the
    network's type; then, with `deepstack` D > 0 only, features (D, B, S, C), zeros where there is
    text; then k0, v0, k1, v1, ... of the P tokens before, each (B, heads_kv, P, head_dim), or none
    of them when P is 0. New keys and values are (B, heads_kv, S, head_dim).
    """

    exact = ('frequencies', 'head')
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
        share = torch.arange(0, width, 2, dtype=torch.float32) / width
        interleaved = config.model_type.startswith('qwen3')
        axis = rope_axes(rope['mrope_section'], interleaved)
        self.register_buffer('frequencies', (1.0 / rope['rope_theta'] ** share).to(weight.device))
        self.register_buffer('axis', torch.tensor(axis, device=weight.device))
        self.register_buffer('head', weight.detach()[list(answer_tokens)].float())

    def forward(
        self, embeds: Tensor, positions: Tensor, mask: Tensor, *others: Tensor
    ) -> tuple[Tensor, ...]:
        """As the class says."""
        features = others[0] if self.deepstack else None
        past = Past(others[1:] if self.deepstack else others)
        rope = self._rope(positions, embeds.dtype)
        hidden = embeds
        for index, layer in enumerate(self.layers):
            hidden = layer(
                hidden, attention_mask=mask, position_embeddings=rope, past_key_values=past
            )
            if features is not None and index < self.deepstack:
                hidden = hidden + features[index]
        logits = functional.linear(self.norm(hidden).float(), self.head)
        return logits, *past.added

    def _rope(self, positions: Tensor, kind: dtype) -> tuple[Tensor, Tensor]:
        """Cosine and sine (B, S, head_dim): angles in float32, cast after as the published do."""
        placed = positions.float().index_select(0, self.axis).permute(1, 2, 0)
        angles = placed * self.frequencies
        angles = torch.cat((angles, angles), -1)
        return angles.cos().to(kind), angles.sin().to(kind)


def rope_axes(section: Sequence[int], interleaved: bool) -> list[int]:
    """Which of time, row, column (0, 1, 2) each frequency turns with."""
    if not interleaved:
        return [axis for axis, count in enumerate(section) for _ in range(count)]
    return [index % 3 if index < 3 * section[index % 3] else 0 for index in range(sum(section))]
