"""How the patches of one picture lie: in merged blocks, in windows, in the plane."""

import torch
from torch import Tensor
from torch.nn import functional


def block_order(rows: int, columns: int, merge: int) -> Tensor:
    """Raster numbers of the patches, those of one language token (merge x merge) in sequence."""
    raster = torch.arange(rows * columns)
    blocks = raster.view(rows // merge, merge, columns // merge, merge)
    return blocks.permute(0, 2, 1, 3).flatten()


def windows(rows: int, columns: int, side: int) -> Tensor:
    """Number of the window (side x side) that each of rows x columns lies in, in raster order."""
    across = -(-columns // side)
    down = torch.arange(rows) // side
    return (down[:, None] * across + torch.arange(columns) // side).flatten()


def plane_angles(rows: int, columns: int, head_dim: int, base: float) -> Tensor:
    """Rotary angles (rows * columns, head_dim) of patches in raster order, row before column."""
    quarter = torch.arange(0, head_dim // 2, 2, dtype=torch.float32) / (head_dim // 2)
    frequencies = 1.0 / base**quarter
    raster = torch.arange(rows * columns)
    row, column = raster // columns, raster % columns
    half = torch.cat((row[:, None] * frequencies, column[:, None] * frequencies), 1)
    return torch.cat((half, half), 1)


def resample(table: Tensor, rows: int, columns: int) -> Tensor:
    """A square table (side * side, C) of learnt places, drawn out to (rows * columns, C) float32.

    Bilinear, corner to corner.
    """
    side = round(len(table) ** 0.5)
    square = table.detach().float().T.reshape(1, -1, side, side)
    drawn = functional.interpolate(
        square, size=(rows, columns), mode='bilinear', align_corners=True
    )
    return drawn[0].flatten(1).T.contiguous()
