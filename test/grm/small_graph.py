"""A small graph with dynamic axes, a sum of two lengths and a KV cache, as in the large ones."""

import torch
from torch import nn

from robo_dopamine_ros.grm.onnx_export import ExportGraph

WIDTH = 4


class Small(nn.Module):
    """x (B, S, 4), index (B, S), mask (B, S, P + S), past k (B, P, 4) -> y (B, S, 4), k of x."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.key, self.table = nn.Linear(WIDTH, WIDTH), nn.Embedding(9, WIDTH)

    def forward(self, x, index, mask, *past):
        key = self.key(x + self.table(index))
        keys = torch.cat((past[0], key), 1)
        weight = torch.softmax(x @ keys.transpose(1, 2) + mask, -1)
        return weight @ keys, key


def feeds(batch, rows, before, dtype=torch.float32, seed=0):
    """Inputs of that size."""
    chance = torch.Generator().manual_seed(seed)
    return {
        'x': torch.randn(batch, rows, WIDTH, generator=chance, dtype=dtype),
        'index': torch.randint(0, 9, (batch, rows), generator=chance),
        'mask': torch.zeros(batch, rows, before + rows, dtype=dtype),
        'k0': torch.randn(batch, before, WIDTH, generator=chance, dtype=dtype),
    }


def small_graph(dtype=torch.float32):
    free = {0: 'B', 1: 'S'}
    return ExportGraph(
        Small().to(dtype).eval(),
        feeds(2, 5, 3, dtype),
        ('y', 'new_k0'),
        {'x': free, 'index': free, 'mask': free | {2: 'P+S'}, 'k0': {0: 'B', 1: 'P'}},
    )


def profile(batch, rows, before):
    """An optimisation profile: of each length the least, the usual and the largest."""
    ends = list(zip(batch, rows, before, strict=True))
    return {
        'x': tuple((b, s, WIDTH) for b, s, _ in ends),
        'index': tuple((b, s) for b, s, _ in ends),
        'mask': tuple((b, s, p + s) for b, s, p in ends),
        'k0': tuple((b, p, WIDTH) for b, _, p in ends),
    }
