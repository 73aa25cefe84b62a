"""The vision tower for images of one fixed size.

The tower of transformers packs images of any size into one sequence and splits it at computed
lengths, which no exporter supports. For one size, all indices, masks and angles are constants.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from robo_dopamine_ros.grm.vlm.network.decoder import MASK_BIAS, Fp32BufferModule


def rotate_half(x: Tensor) -> Tensor:
    """(x1, x2) -> (-x2, x1) on the two halves of the last axis, as rotary embeddings need it."""
    first, second = x.chunk(2, -1)
    return torch.cat((-second, first), -1)


class FixedSizeVisionTower(Fp32BufferModule):
    """Pixels (N, 3, height, width) float32 -> embeddings (N, T, C), for any N.

    Qwen3-VL has a second output, the deepstack features (D, N, T, C). `visual` is
    `model.model.visual`; its weights are shared, and the outputs have its dtype.
    """

    fp32_buffers = ('patch_filters', 'bias', 'position_embeddings', 'cosine', 'sine')
    patch_filters: Tensor
    bias: Tensor | None
    position_embeddings: Tensor | None
    order: Tensor  # of the patches, by window and language token
    unwindow: Tensor | None  # order of the language tokens without windows
    mask: Tensor | None  # of window attention
    cosine: Tensor
    sine: Tensor

    def __init__(self, visual: Any, height: int, width: int) -> None:
        super().__init__()
        config = visual.config
        self.visual, self.heads, self.patch = visual, config.num_heads, config.patch_size
        self.patches_per_token = config.spatial_merge_size**2
        rows, columns = height // self.patch, width // self.patch
        self.patches = rows * columns
        self.deepstack_layers: list[int] = list(getattr(config, 'deepstack_visual_indexes', ()))
        self.full_attention_layers = range(config.depth)
        self._register_constants(rows, columns)

    @torch.no_grad()
    def _register_constants(self, rows: int, columns: int) -> None:
        """Compute the buffers, which depend on the image size only."""
        visual, config = self.visual, self.visual.config
        filters, bias = visual.patch_embed.proj.weight, visual.patch_embed.proj.bias
        device = filters.device
        order = block_order(rows, columns, config.spatial_merge_size)
        unwindow = mask = embeddings = None
        if hasattr(config, 'window_size'):
            self.full_attention_layers = config.fullatt_block_indexes
            merge = config.spatial_merge_size
            side = config.window_size // merge // config.patch_size
            window = window_index(rows // merge, columns // merge, side)
            by_window = torch.argsort(window, stable=True)
            order = order.view(-1, self.patches_per_token)[by_window].flatten()
            unwindow = torch.argsort(by_window)
            patch_window = window[by_window].repeat_interleave(self.patches_per_token)
            other_window = patch_window[:, None] != patch_window
            mask = (other_window * MASK_BIAS)[None, None].to(filters.dtype)
        if hasattr(visual, 'pos_embed'):
            embeddings = resample_positions(visual.pos_embed.weight, rows, columns)
            embeddings = embeddings[order.to(device)]
        base = (getattr(config, 'rope_parameters', None) or {}).get('rope_theta', 10000.0)
        angles = rotary_angles(rows, columns, config.hidden_size // config.num_heads, base)[order]
        constants = {
            'patch_filters': filters.double().sum(2).float(),  # an image is two equal frames
            'bias': None if bias is None else bias.detach().float(),
            'position_embeddings': embeddings,
            'order': order,
            'unwindow': unwindow,
            'mask': mask,
            'cosine': angles.cos(),
            'sine': angles.sin(),
        }
        for name, constant in constants.items():
            self.register_buffer(name, None if constant is None else constant.to(device))

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """See the class."""
        visual = self.visual
        x = functional.conv2d(pixels.float(), self.patch_filters, self.bias, stride=self.patch)
        x = x.flatten(2).transpose(1, 2).index_select(1, self.order)
        if self.position_embeddings is not None:
            x = x + self.position_embeddings
        x = x.to(visual.blocks[0].attn.qkv.weight.dtype)
        features = []
        for index, block in enumerate(visual.blocks):
            mask = None if index in self.full_attention_layers else self.mask
            x = x + self._attend(block.attn, block.norm1(x), mask)
            x = x + block.mlp(block.norm2(x))
            if index in self.deepstack_layers:
                merger = visual.deepstack_merger_list[self.deepstack_layers.index(index)]
                features.append(self._merge(merger, x))
        embeds = self._merge(visual.merger, x)
        if features:
            return embeds, torch.stack(features)
        return embeds if self.unwindow is None else embeds.index_select(1, self.unwindow)

    def _attend(self, attention: Any, x: Tensor, mask: Tensor | None) -> Tensor:
        packed = attention.qkv(x).reshape(x.shape[0], self.patches, 3, self.heads, -1)
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        query, key = (
            (y.float() * self.cosine + rotate_half(y.float()) * self.sine).to(value.dtype)
            for y in (query, key)
        )
        out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return attention.proj(out.transpose(1, 2).reshape(x.shape[0], self.patches, -1))

    def _merge(self, merger: Any, x: Tensor) -> Tensor:
        return merger(x).reshape(x.shape[0], self.patches // self.patches_per_token, -1)


def block_order(rows: int, columns: int, merge: int) -> Tensor:
    """Raster indices of the patches, grouped by language token (merge x merge patches)."""
    raster = torch.arange(rows * columns)
    blocks = raster.view(rows // merge, merge, columns // merge, merge)
    return blocks.permute(0, 2, 1, 3).flatten()


def window_index(rows: int, columns: int, side: int) -> Tensor:
    """Index of the window (side x side) of each of rows x columns tokens, in raster order."""
    across = -(-columns // side)
    down = torch.arange(rows) // side
    return (down[:, None] * across + torch.arange(columns) // side).flatten()


def rotary_angles(rows: int, columns: int, head_dim: int, base: float) -> Tensor:
    """Rotary angles (rows * columns, head_dim) of patches in raster order, rows first."""
    quarter = torch.arange(0, head_dim // 2, 2, dtype=torch.float32) / (head_dim // 2)
    frequencies = 1.0 / base**quarter
    raster = torch.arange(rows * columns)
    row, column = raster // columns, raster % columns
    half = torch.cat((row[:, None] * frequencies, column[:, None] * frequencies), 1)
    return torch.cat((half, half), 1)


def resample_positions(table: Tensor, rows: int, columns: int) -> Tensor:
    """Learnt position embeddings (side * side, C) resampled to (rows * columns, C) float32.

    Bilinear, with aligned corners.
    """
    side = round(len(table) ** 0.5)
    square = table.detach().float().T.reshape(1, -1, side, side)
    out = functional.interpolate(square, (rows, columns), mode='bilinear', align_corners=True)
    return out[0].flatten(1).T.contiguous()
