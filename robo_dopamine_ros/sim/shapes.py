"""MJCF pieces made from spheres: the convex hull of a few of them is a smooth, rounded part."""

from collections.abc import Iterable, Sequence

import numpy as np

Ball = tuple[float, float, float, float]  # x, y, z, radius [m]


def numbers(values: Iterable[float]) -> str:
    """Values as MJCF writes them."""
    return ' '.join(f'{v:.6g}' for v in values)


def _sphere(around: int = 16, rings: int = 9) -> np.ndarray:
    """Points (n, 3) of the unit sphere."""
    polar = np.linspace(0, np.pi, rings)
    turn = np.linspace(0, 2 * np.pi, around, endpoint=False)
    p, t = (grid.ravel() for grid in np.meshgrid(polar[1:-1], turn, indexing='ij'))
    side = np.stack([np.sin(p) * np.cos(t), np.sin(p) * np.sin(t), np.cos(p)], axis=1)
    return np.vstack([side, [[0, 0, 1], [0, 0, -1]]])


def hull(name: str, balls: Sequence[Ball]) -> str:
    """A mesh asset: the convex hull of the balls."""
    sphere = _sphere()
    points = np.vstack([np.array(ball[:3]) + ball[3] * sphere for ball in balls])
    return f'<mesh name="{name}" vertex="{numbers(points.ravel())}"/>'


def block(half: tuple[float, float, float], radius: float, at: Sequence[float]) -> list[Ball]:
    """The eight balls of a rounded box with the given half sizes around `at`."""
    x, y, z = (size - radius for size in half)
    signs = [(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]
    return [(at[0] + a * x, at[1] + b * y, at[2] + c * z, radius) for a, b, c in signs]


def look_at(eye: Sequence[float], target: Sequence[float], up: Sequence[float]) -> str:
    """The `xyaxes` of a camera at `eye` that looks at `target`."""
    forward = np.subtract(target, eye)
    right = np.cross(forward, up)
    above = np.cross(right, forward)
    axes = [axis / np.linalg.norm(axis) for axis in (right, above)]
    return numbers(np.concatenate(axes))
