"""Pseudo-episodes: one demonstration seen as if the scene, the light and the cameras differed.

Everything that stays the same through a real episode (where things lie, the light, the lens) is
drawn once a pseudo-episode and view; what varies from picture to picture is drawn each time. All
functions take pictures (N, 3, H, W) in 0..1 and a generator, and return pictures of equal size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Strength:
    """How far one draw may go."""

    scale: float = 0.16  # log of the zoom
    turn: float = 0.09  # [rad]
    shift: float = 0.22  # of half the picture
    bend: float = 0.12  # local displacement, of half the picture (standard deviation)
    gain: float = 0.12  # log, each colour channel
    light: float = 0.20  # log, all channels
    gamma: float = 0.25  # log
    saturation: float = 0.5  # each way of 1

    def times(self, factor: float) -> 'Strength':
        """The same draws, `factor` times as far."""
        return Strength(**{name: factor * value for name, value in vars(self).items()})


SCENE = Strength()
MOMENT = Strength(
    scale=0.02, turn=0.01, shift=0.02, bend=0.01, gain=0.02, light=0.05, gamma=0.05, saturation=0.1
)


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Uniform in -1..1."""
    return torch.rand(shape, generator=generator) * 2 - 1


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Standard normal."""
    return torch.randn(shape, generator=generator)


def draw_warp(count: int, by: Strength, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Affine maps (N, 2, 3) and coarse displacements (N, 2, 4, 5), in grid_sample coordinates."""
    zoom = torch.exp(uniform((count,), generator) * by.scale)
    turn = uniform((count,), generator) * by.turn
    shift = uniform((count, 2, 1), generator) * by.shift
    cos, sin = torch.cos(turn) * zoom, torch.sin(turn) * zoom
    linear = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], 1)
    return torch.cat([linear, shift], -1), normal((count, 2, 4, 5), generator) * by.bend


def warp(pictures: Tensor, maps: Tensor, bends: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample pictures to size (H, W) through affine maps and smooth local displacements."""
    grid = functional.affine_grid(maps, [len(pictures), 3, *size], align_corners=False)
    bend = functional.interpolate(bends, size, mode='bicubic', align_corners=True)
    grid = grid + bend.permute(0, 2, 3, 1)
    return functional.grid_sample(
        pictures, grid, mode='bilinear', padding_mode='border', align_corners=False
    )


def draw_colour(count: int, by: Strength, generator: torch.Generator) -> Tensor:
    """Gains of three channels, gamma and saturation, (N, 5)."""
    gains = torch.exp(normal((count, 3), generator) * by.gain)
    light = torch.exp(normal((count, 1), generator) * by.light)
    gamma = torch.exp(normal((count, 1), generator) * by.gamma)
    saturation = 1 + uniform((count, 1), generator) * by.saturation
    return torch.cat([gains * light, gamma, saturation], -1)


def colour(pictures: Tensor, by: Tensor) -> Tensor:
    """Apply the (N, 5) of `draw_colour`."""
    out = pictures * by[:, :3, None, None]
    grey = out.mean(1, keepdim=True)
    out = grey + (out - grey) * by[:, 4, None, None, None]
    return out.clamp(1e-4, 2.0) ** by[:, 3, None, None, None]


def cutouts(pictures: Tensor, generator: torch.Generator, most: int = 2) -> Tensor:
    """Cover up to `most` rectangles of each picture by a flat colour."""
    count, _, height, width = pictures.shape
    rows = torch.linspace(-1, 1, height)[None, :, None]
    columns = torch.linspace(-1, 1, width)[None, None, :]
    for _ in range(most):
        centre, half = (
            uniform((count, 2, 1, 1), generator),
            torch.rand(count, 2, 1, 1, generator=generator),
        )
        half = 0.06 + 0.3 * half
        use = torch.rand(count, 1, 1, generator=generator) < 0.5
        inside = ((rows - centre[:, 0]).abs() < half[:, 0]) & (
            (columns - centre[:, 1]).abs() < half[:, 1]
        )
        paint = torch.rand(count, 3, 1, 1, generator=generator)
        pictures = torch.where((inside & use)[:, None], paint, pictures)
    return pictures


def sensor(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Blur about a third of the pictures and add noise to another third."""
    count = len(pictures)
    blurred = functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    blur = torch.rand(count, 1, 1, 1, generator=generator) < 0.3
    pictures = torch.where(blur, blurred, pictures)
    amount = torch.rand(count, 1, 1, 1, generator=generator) * 0.06
    amount = amount * (torch.rand(count, 1, 1, 1, generator=generator) < 0.35)
    return pictures + normal(tuple(pictures.shape), generator) * amount
