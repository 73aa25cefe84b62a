"""Broken inputs the network learns to distrust; evaluation uses others (reward/outliers.py).

All functions take picture sets (N, V, 3, H, W) in 0..1 and a generator.
"""

import torch
from torch import Tensor
from torch.nn import functional


def fields(count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Smooth or blocky random colours (count, 3, H, W), never as fine as single pixels."""
    cells = int(48 ** float(torch.rand((), generator=generator)))
    coarse = torch.rand(count, 3, cells, cells + 1, generator=generator)
    smooth = bool(torch.rand((), generator=generator) < 0.5)
    if smooth:
        return functional.interpolate(coarse, size, mode='bilinear', align_corners=True)
    return functional.interpolate(coarse, size, mode='nearest')


def flat(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Covered or dark cameras: one colour with a little noise."""
    level = torch.rand(*sets.shape[:3], 1, 1, generator=generator)
    level = level * (torch.rand(len(sets), 1, 1, 1, 1, generator=generator) < 0.6)
    return (level + 0.01 * torch.randn(sets.shape, generator=generator)).clamp(0, 1)


def shuffled(sets: Tensor, generator: torch.Generator) -> Tensor:
    """The right pieces in the wrong places, some of them mirrored."""
    count, views, _, height, width = sets.shape
    rows, columns = [(1, 2), (2, 2), (2, 4), (4, 4)][int(torch.randint(4, (), generator=generator))]
    pieces = sets.reshape(count, views, 3, rows, height // rows, columns, width // columns)
    pieces = pieces.permute(0, 1, 3, 5, 2, 4, 6).flatten(2, 3)
    pieces = pieces[:, :, torch.randperm(rows * columns, generator=generator)]
    mirror = torch.rand(rows * columns, generator=generator) < 0.5
    pieces = torch.where(mirror[:, None, None, None], pieces.flip(-1), pieces)
    pieces = pieces.unflatten(2, (rows, columns)).permute(0, 1, 4, 2, 5, 3, 6)
    return pieces.reshape(sets.shape)


def swapped(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Cameras plugged into each other's place."""
    views = sets.shape[1]
    if views == 1:
        return shuffled(sets, generator)
    turn = int(torch.randint(1, views, (), generator=generator))
    return sets.roll(turn, 1)


def blotched(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Random colours over or instead of the scene."""
    count, views, _, height, width = sets.shape
    paint = fields(count * views, (height, width), generator).view_as(sets)
    weight = 0.4 + 0.6 * torch.rand(count, 1, 1, 1, 1, generator=generator)
    return sets + (paint - sets) * weight


def doubled(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Every camera shows another one through it."""
    weight = 0.4 + 0.2 * torch.rand(len(sets), 1, 1, 1, 1, generator=generator)
    return sets + (swapped(sets, generator) - sets) * weight


def recoloured(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Colour channels exchanged and stretched."""
    turn = 1 + int(torch.randint(2, (), generator=generator))
    stretch = torch.exp(torch.randn(len(sets), 1, 3, 1, 1, generator=generator) * 0.5)
    return (sets.roll(turn, 2) * stretch).clamp(0, 1)


def displaced(sets: Tensor, generator: torch.Generator) -> Tensor:
    """A camera that was knocked: the scene mostly out of the picture, or far too near."""
    count, views, _, height, width = sets.shape
    sign = torch.where(torch.rand(count * views, 2, 1, generator=generator) < 0.5, -1.0, 1.0)
    shift = sign * (0.9 + 0.6 * torch.rand(count * views, 2, 1, generator=generator))
    zoom = 0.25 + 0.2 * torch.rand(count * views, generator=generator)
    near = torch.rand(count * views, generator=generator) < 0.5
    zoom = torch.where(near, zoom, torch.ones_like(zoom))
    linear = torch.eye(2).expand(count * views, 2, 2) * zoom[:, None, None]
    maps = torch.cat([linear, shift * torch.where(near, 0.5, 1.0)[:, None, None]], -1)
    grid = functional.affine_grid(maps, [count * views, 3, height, width], align_corners=False)
    flat_sets = functional.grid_sample(
        sets.flatten(0, 1), grid, padding_mode='reflection', align_corners=False
    )
    return flat_sets.view_as(sets)


FAMILIES = (flat, shuffled, swapped, blotched, doubled, recoloured, displaced)


def corrupt(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Break every picture set by one family; sometimes only its first view."""
    out = []
    for one in sets.split(1):
        family = FAMILIES[int(torch.randint(len(FAMILIES), (), generator=generator))]
        broken = family(one, generator)
        if family is not swapped and bool(torch.rand((), generator=generator) < 0.35):
            broken = torch.cat([broken[:, :1], one[:, 1:]], 1)
        out.append(broken)
    return torch.cat(out)
