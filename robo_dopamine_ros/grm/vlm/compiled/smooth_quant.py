"""SmoothQuant (arXiv 2211.10438): moves outliers from activations into the weights that read them.

A few channels of a language model are a hundred times larger than the rest, so that one 8-bit scale
for all channels rounds the rest to 0. Each channel is divided by a factor where it is produced (by
a norm, or by the up projection of the feed-forward block) and the weights that consume it are
multiplied by the same factor. The output of the network does not change.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

SMOOTHED_PATHS = {  # producer of the channels -> its consumers, in a layer of either family
    'input_layernorm': ('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'),
    'post_attention_layernorm': ('mlp.gate_proj', 'mlp.up_proj'),
    'mlp.up_proj': ('mlp.down_proj',),
}
MIN_CHANNEL = 1e-5  # channels with a smaller range are not scaled


@torch.no_grad()
def smooth_layers(layers: Any, inputs: Mapping[str, Tensor], strength: float) -> dict[str, Tensor]:
    """Smooth all layers in place; returns the input ranges (in,) by linear layer after that.

    `strength` 0 keeps the outliers in the activations, 1 moves them into the weights entirely.
    """
    if not 0.0 <= strength <= 1.0:
        raise ValueError(f'strength = {strength}; it must be within 0..1')
    smoothed = dict(inputs)
    for number, layer in enumerate(layers):
        for producer, readers in SMOOTHED_PATHS.items():
            names = [f'{number}.{reader}' for reader in readers]
            consumers = [layer.get_submodule(reader) for reader in readers]
            factor = _factor(smoothed[names[0]], consumers, strength)
            _multiply(layer.get_submodule(producer), 1.0 / factor)
            for name, consumer in zip(names, consumers, strict=True):
                weight = consumer.weight
                weight.copy_(weight.float() * factor.to(weight.device))
                smoothed[name] = smoothed[name] / factor
    return smoothed


def _factor(input_max: Tensor, consumers: list[nn.Linear], strength: float) -> Tensor:
    """Eq 4: the divisor (in,) of each channel."""
    columns = [c.weight.detach().abs().amax(0).float().to(input_max.device) for c in consumers]
    weight_max = torch.stack(columns).amax(0)
    factor = input_max**strength / weight_max.clamp(min=MIN_CHANNEL) ** (1.0 - strength)
    scaled = (input_max > MIN_CHANNEL) & (weight_max > MIN_CHANNEL)
    return torch.where(scaled, factor, torch.ones_like(factor))


def _multiply(producer: nn.Module, factor: Tensor) -> None:
    """Scale the outputs of a norm or of a linear layer."""
    for part in producer.parameters(recurse=False):
        scale = factor.to(part.device)
        part.copy_(part.float() * (scale[:, None] if part.ndim == 2 else scale))
