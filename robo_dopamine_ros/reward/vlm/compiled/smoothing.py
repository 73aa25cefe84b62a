"""SmoothQuant (arXiv 2211.10438): outliers of inputs move into the weights that read them.

A few channels of a language model are a hundred times larger than the rest, and one 8-bit scale for
all of them leaves nothing of the rest. Each channel is divided by a factor where it is made (in a
norm, or in the layer that feeds the product of the feed-forward part), and multiplied where it is
read. What the network says stays the same.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

FED = {  # what makes the channels -> what reads them, in a layer of either family
    'input_layernorm': ('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'),
    'post_attention_layernorm': ('mlp.gate_proj', 'mlp.up_proj'),
    'mlp.up_proj': ('mlp.down_proj',),
}
LEAST = 1e-5  # a channel that is smaller is left alone


@torch.no_grad()
def smoothed(layers: Any, inputs: Mapping[str, Tensor], strength: float) -> dict[str, Tensor]:
    """Smooth all layers in place, and give what their inputs reach now.

    `strength` 0 moves nothing out of the inputs, 1 all of it.
    """
    if not 0.0 <= strength <= 1.0:
        raise ValueError(f'strength = {strength}; it must be within 0..1')
    found = dict(inputs)
    for number, layer in enumerate(layers):
        for maker, readers in FED.items():
            names = [f'{number}.{reader}' for reader in readers]
            consumers = [layer.get_submodule(reader) for reader in readers]
            factor = _factor(found[names[0]], consumers, strength)
            _multiply(layer.get_submodule(maker), 1.0 / factor)
            for name, consumer in zip(names, consumers, strict=True):
                weight = consumer.weight
                weight.copy_(weight.float() * factor.to(weight.device))
                found[name] = found[name] / factor
    return found


def _factor(reach: Tensor, consumers: list[nn.Linear], strength: float) -> Tensor:
    """What each channel is divided by (in,), Eq 4."""
    columns = [c.weight.detach().abs().amax(0).float().to(reach.device) for c in consumers]
    weight = torch.stack(columns).amax(0)
    factor = reach**strength / weight.clamp(min=LEAST) ** (1.0 - strength)
    return torch.where((reach > LEAST) & (weight > LEAST), factor, torch.ones_like(factor))


def _multiply(maker: nn.Module, factor: Tensor) -> None:
    """Scale the outputs of a norm or of a linear layer."""
    for part in maker.parameters(recurse=False):
        scale = factor.to(part.device)
        part.copy_(part.float() * (scale[:, None] if part.ndim == 2 else scale))
