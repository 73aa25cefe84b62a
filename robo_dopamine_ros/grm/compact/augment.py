"""Augmentation of one demonstration to pseudo-episodes of other scenes, lighting and cameras.

What is constant in a real episode (object poses, lighting, lens) is drawn once per pseudo-episode
and view; what varies between frames is drawn for every image. All functions take images
(N, 3, H, W) in 0..1 and a generator, and return images (N, 3, H, W).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class AugmentStrength:
    """Ranges of the random draws."""

    scale: float = 0.16  # largest |log zoom|
    rotation: float = 0.09  # largest angle [rad]
    shift: float = 0.22  # largest translation, relative to half the image
    deformation: float = (
        0.12  # standard deviation of local displacement, relative to half the image
    )
    gain: float = 0.12  # standard deviation of the log gain of each colour channel
    brightness: float = 0.20  # standard deviation of the log gain of all channels
    gamma: float = 0.25  # standard deviation of log gamma
    saturation: float = 0.5  # largest difference from 1

    def scaled(self, factor: float) -> 'AugmentStrength':
        """All ranges multiplied by `factor`."""
        return AugmentStrength(**{name: factor * value for name, value in vars(self).items()})


EPISODE_STRENGTH = AugmentStrength()
FRAME_STRENGTH = AugmentStrength(
    scale=0.02,
    rotation=0.01,
    shift=0.02,
    deformation=0.01,
    gain=0.02,
    brightness=0.05,
    gamma=0.05,
    saturation=0.1,
)


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Uniform random numbers in -1..1."""
    return torch.rand(shape, generator=generator) * 2 - 1


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Standard normal random numbers."""
    return torch.randn(shape, generator=generator)


def draw_warp(
    count: int, strength: AugmentStrength, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Random affine maps (N, 2, 3) and coarse displacements (N, 2, 4, 5) for grid_sample."""
    zoom = torch.exp(uniform((count,), generator) * strength.scale)
    angle = uniform((count,), generator) * strength.rotation
    shift = uniform((count, 2, 1), generator) * strength.shift
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    linear = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], 1)
    return torch.cat([linear, shift], -1), normal(
        (count, 2, 4, 5), generator
    ) * strength.deformation


def warp(images: Tensor, maps: Tensor, displacements: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample images to size (H, W) by affine maps and smooth local displacements."""
    grid = functional.affine_grid(maps, [len(images), 3, *size], align_corners=False)
    displacement = functional.interpolate(displacements, size, mode='bicubic', align_corners=True)
    grid = grid + displacement.permute(0, 2, 3, 1)
    return functional.grid_sample(
        images, grid, mode='bilinear', padding_mode='border', align_corners=False
    )


def draw_colour(count: int, strength: AugmentStrength, generator: torch.Generator) -> Tensor:
    """Random gains of three channels, gamma and saturation, (N, 5)."""
    gains = torch.exp(normal((count, 3), generator) * strength.gain)
    light = torch.exp(normal((count, 1), generator) * strength.brightness)
    gamma = torch.exp(normal((count, 1), generator) * strength.gamma)
    saturation = 1 + uniform((count, 1), generator) * strength.saturation
    return torch.cat([gains * light, gamma, saturation], -1)


def colour(images: Tensor, factors: Tensor) -> Tensor:
    """Apply factors (N, 5) of `draw_colour`."""
    out = images * factors[:, :3, None, None]
    grey = out.mean(1, keepdim=True)
    out = grey + (out - grey) * factors[:, 4, None, None, None]
    return out.clamp(1e-4, 2.0) ** factors[:, 3, None, None, None]


def cutouts(images: Tensor, generator: torch.Generator, most: int = 2) -> Tensor:
    """Cover up to `most` rectangles of each image with a flat colour."""
    count, _, height, width = images.shape
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
        images = torch.where((inside & use)[:, None], paint, images)
    return images


def sensor_effects(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blur about a third of the images and add noise to about a third."""
    count = len(images)
    blurred = functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    blur = torch.rand(count, 1, 1, 1, generator=generator) < 0.3
    images = torch.where(blur, blurred, images)
    amount = torch.rand(count, 1, 1, 1, generator=generator) * 0.06
    amount = amount * (torch.rand(count, 1, 1, 1, generator=generator) < 0.35)
    return images + normal(tuple(images.shape), generator) * amount
