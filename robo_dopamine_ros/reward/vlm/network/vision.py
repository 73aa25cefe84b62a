"""The vision tower for pictures of one size, without anything that depends on their content.

The tower of transformers packs pictures of any sizes into one row and cuts it at lengths that it
computes, which no exporter follows. With one size all of that is constant.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from robo_dopamine_ros.reward.vlm.network.decoder import MASKED
from robo_dopamine_ros.reward.vlm.network.exact import Exact
from robo_dopamine_ros.reward.vlm.network.grid import block_order, plane_angles, resample, windows


def turn(x: Tensor) -> Tensor:
    """A quarter turn of every pair of a rotary embedding whose halves hold the pairs."""
    first, second = x.chunk(2, -1)
    return torch.cat((-second, first), -1)


class VisionFixedGrid(Exact):
    """Pixels (N, 3, height, width) float32 -> embeddings (N, T, C), for any N.

    In Qwen3-VL a second output follows, the deepstack features (D, N, T, C). `visual` is
    `model.model.visual`, whose weights are shared and whose type the outputs have.
    """

    exact = ('taps', 'bias', 'places', 'cosine', 'sine')
    taps: Tensor
    bias: Tensor | None
    places: Tensor | None
    order: Tensor
    back: Tensor | None
    mask: Tensor | None  # of the windows
    cosine: Tensor
    sine: Tensor

    def __init__(self, visual: Any, height: int, width: int) -> None:
        super().__init__()
        config = visual.config
        self.visual, self.heads, self.patch = visual, config.num_heads, config.patch_size
        self.merged = config.spatial_merge_size**2  # patches in a language token
        rows, columns = height // self.patch, width // self.patch
        self.patches = rows * columns
        self.deep: list[int] = list(getattr(config, 'deepstack_visual_indexes', ()))
        self.everywhere = range(config.depth)  # layers that look at the whole picture
        self._lay(rows, columns)

    @torch.no_grad()
    def _lay(self, rows: int, columns: int) -> None:
        """Compute all that is constant for this size of picture."""
        visual, config = self.visual, self.visual.config
        filters, bias = visual.patch_embed.proj.weight, visual.patch_embed.proj.bias
        device = filters.device
        order = block_order(rows, columns, config.spatial_merge_size)
        back = mask = places = None
        if hasattr(config, 'window_size'):
            self.everywhere = config.fullatt_block_indexes
            merge = config.spatial_merge_size
            side = config.window_size // merge // config.patch_size
            window = windows(rows // merge, columns // merge, side)
            by_window = torch.argsort(window, stable=True)
            order, back = order.view(-1, self.merged)[by_window].flatten(), torch.argsort(by_window)
            place = window[by_window].repeat_interleave(self.merged)
            mask = ((place[:, None] != place) * MASKED)[None, None].to(filters.dtype)
        if hasattr(visual, 'pos_embed'):
            places = resample(visual.pos_embed.weight, rows, columns)[order.to(device)]
        base = (getattr(config, 'rope_parameters', None) or {}).get('rope_theta', 10000.0)
        angles = plane_angles(rows, columns, config.hidden_size // config.num_heads, base)[order]
        constants = {
            'taps': filters.double().sum(2).float(),  # a picture is two equal frames
            'bias': None if bias is None else bias.detach().float(),
            'places': places,
            'order': order,
            'back': back,
            'mask': mask,
            'cosine': angles.cos(),
            'sine': angles.sin(),
        }
        for name, constant in constants.items():
            self.register_buffer(name, None if constant is None else constant.to(device))

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """As the class says."""
        visual = self.visual
        seen = functional.conv2d(pixels.float(), self.taps, self.bias, stride=self.patch)
        x = seen.flatten(2).transpose(1, 2).index_select(1, self.order)
        if self.places is not None:
            x = x + self.places
        x = x.to(visual.blocks[0].attn.qkv.weight.dtype)
        features = []
        for index, block in enumerate(visual.blocks):
            mask = None if index in self.everywhere else self.mask
            x = x + self._attend(block.attn, block.norm1(x), mask)
            x = x + block.mlp(block.norm2(x))
            if index in self.deep:
                merger = visual.deepstack_merger_list[self.deep.index(index)]
                features.append(self._merge(merger, x))
        embeds = self._merge(visual.merger, x)
        if features:
            return embeds, torch.stack(features)
        return embeds if self.back is None else embeds.index_select(1, self.back)

    def _attend(self, attention: Any, x: Tensor, mask: Tensor | None) -> Tensor:
        packed = attention.qkv(x).reshape(x.shape[0], self.patches, 3, self.heads, -1)
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        query, key = (
            (y.float() * self.cosine + turn(y.float()) * self.sine).to(value.dtype)
            for y in (query, key)
        )
        out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return attention.proj(out.transpose(1, 2).reshape(x.shape[0], self.patches, -1))

    def _merge(self, merger: Any, x: Tensor) -> Tensor:
        return merger(x).reshape(x.shape[0], self.patches // self.merged, -1)
