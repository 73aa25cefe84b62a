"""Painted surfaces that MJCF's builtin textures cannot give."""

import mujoco
import numpy as np


def planks(size: int, rng: np.random.Generator, count: int = 4) -> np.ndarray:
    """Wooden planks (size, size, 3) uint8 RGB that repeat without a seam along their length."""
    across, along = np.meshgrid(np.arange(size), np.linspace(0, 2 * np.pi, size), indexing='ij')
    plank = across * count // size
    tint, phase = rng.normal(0, 0.05, count)[plank], rng.uniform(0, 2 * np.pi, count)[plank]
    wave = across * 0.55 + 2.0 * np.sin(along + phase) + np.sin(3 * along + 2 * phase)
    grain = 0.035 * np.sin(wave) + 0.02 * np.sin(2.7 * wave + 1) + rng.normal(0, 0.012, along.shape)
    seam = 0.75 * ((across * count) % size < count)
    shade = (1 + tint + grain) * (1 - 0.4 * seam)
    return np.clip(shade[..., None] * (186, 148, 106), 0, 255).astype(np.uint8)


def paint(model: mujoco.MjModel, name: str, picture: np.ndarray) -> None:
    """Replace the pixels of the texture `name`; call it before anything is drawn."""
    texture = model.texture(name).id
    shape = (model.tex_height[texture], model.tex_width[texture], model.tex_nchannel[texture])
    if picture.shape != shape:
        raise ValueError(f'texture {name} holds {shape}, the picture is {picture.shape}')
    start = model.tex_adr[texture]
    model.tex_data[start : start + picture.size] = picture.ravel()
