"""Corrupted view sets as negative samples for the familiarity head.

Evaluation uses other corruptions (reward/ood_inputs.py). All functions take view sets
(N, V, 3, H, W) in 0..1 and a generator, and return sets of the same shape.
"""

import torch
from torch import Tensor
from torch.nn import functional


def colour_fields(count: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Smooth or blocky random colour fields (count, 3, H, W), coarser than single pixels."""
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
    """Images cut in tiles, permuted, some of them mirrored."""
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
    """Views exchanged between cameras; with one camera, tiles shuffled."""
    views = sets.shape[1]
    if views == 1:
        return shuffled(sets, generator)
    turn = int(torch.randint(1, views, (), generator=generator))
    return sets.roll(turn, 1)


def blotched(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Random colour fields blended with the scene."""
    count, views, _, height, width = sets.shape
    paint = colour_fields(count * views, (height, width), generator).view_as(sets)
    weight = 0.4 + 0.6 * torch.rand(count, 1, 1, 1, 1, generator=generator)
    return sets + (paint - sets) * weight


def doubled(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Double exposure: every view blended with that of another camera."""
    weight = 0.4 + 0.2 * torch.rand(len(sets), 1, 1, 1, 1, generator=generator)
    return sets + (swapped(sets, generator) - sets) * weight


def recoloured(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Colour channels exchanged and scaled."""
    turn = 1 + int(torch.randint(2, (), generator=generator))
    stretch = torch.exp(torch.randn(len(sets), 1, 3, 1, 1, generator=generator) * 0.5)
    return (sets.roll(turn, 2) * stretch).clamp(0, 1)


def displaced(sets: Tensor, generator: torch.Generator) -> Tensor:
    """A displaced camera: the scene mostly outside the image, or far too close."""
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


CORRUPTIONS = (flat, shuffled, swapped, blotched, doubled, recoloured, displaced)


def corrupt(sets: Tensor, generator: torch.Generator) -> Tensor:
    """Corrupt every view set by one random family; sometimes only its first view."""
    out = []
    for one in sets.split(1):
        family = CORRUPTIONS[int(torch.randint(len(CORRUPTIONS), (), generator=generator))]
        corrupted = family(one, generator)
        if family is not swapped and bool(torch.rand((), generator=generator) < 0.35):
            corrupted = torch.cat([corrupted[:, :1], one[:, 1:]], 1)
        out.append(corrupted)
    return torch.cat(out)
