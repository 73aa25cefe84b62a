"""MJCF of the Franka arm: published kinematics and inertias, simplified rounded meshes.

The meshes are convex hulls of a few spheres.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

JOINTS = tuple(f'fr3_joint{i}' for i in range(1, 8))
HOME = (0.0, 0.3, 0.0, -2.0, 0.0, 2.3, 0.785)  # [rad] tool points down, 0.5 m ahead
FINGERS = ('finger_right', 'finger_left')
FINGER_STROKE = 0.04  # of each finger [m]
TCP_OFFSET = 0.1034  # hand to tool centre point along the hand's z [m]
WIDE_RANGE = (-2.8973, 2.8973)  # [rad]
Sphere = tuple[float, float, float, float]  # x, y, z, radius [m]


def format_numbers(values: Iterable[float]) -> str:
    """Format values for an MJCF attribute."""
    return ' '.join(f'{v:.6g}' for v in values)


def _sphere(around: int = 16, rings: int = 9) -> np.ndarray:
    """Points (n, 3) of the unit sphere."""
    polar = np.linspace(0, np.pi, rings)
    turn = np.linspace(0, 2 * np.pi, around, endpoint=False)
    p, t = (grid.ravel() for grid in np.meshgrid(polar[1:-1], turn, indexing='ij'))
    side = np.stack([np.sin(p) * np.cos(t), np.sin(p) * np.sin(t), np.cos(p)], axis=1)
    return np.vstack([side, [[0, 0, 1], [0, 0, -1]]])


def hull_mesh(name: str, spheres: Sequence[Sphere]) -> str:
    """Mesh asset of the convex hull of the spheres."""
    unit = _sphere()
    points = np.vstack([np.array(sphere[:3]) + sphere[3] * unit for sphere in spheres])
    return f'<mesh name="{name}" vertex="{format_numbers(points.ravel())}"/>'


def rounded_box(
    half: tuple[float, float, float], radius: float, at: Sequence[float]
) -> list[Sphere]:
    """Spheres at the eight corners of a rounded box, with the given half sizes, around `at`."""
    x, y, z = (size - radius for size in half)
    signs = [(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]
    return [(at[0] + a * x, at[1] + b * y, at[2] + c * z, radius) for a, b, c in signs]


def look_at(eye: Sequence[float], target: Sequence[float], up: Sequence[float]) -> str:
    """MJCF `xyaxes` of a camera at `eye` that looks at `target`."""
    forward = np.subtract(target, eye)
    right = np.cross(forward, up)
    above = np.cross(right, forward)
    axes = [axis / np.linalg.norm(axis) for axis in (right, above)]
    return format_numbers(np.concatenate(axes))


@dataclass(frozen=True)
class Link:
    """Kinematics, inertia and meshes of one link."""

    pos: tuple[float, float, float]  # [m]
    quat: tuple[float, float, float, float]  # w, x, y, z, not normalised
    limits: tuple[float, float]  # [rad]
    mass: float  # [kg]
    com: tuple[float, float, float]  # [m]
    inertia: tuple[float, float, float, float, float, float]  # xx yy zz xy xz yz [kg m^2]
    hulls: tuple[tuple[Sphere, ...], ...]  # convex white meshes, in the link's frame
    ring: tuple[float, float, float, float, float] | None = None  # z from, z to, radius, x, y [m]


ROT_X_NEG90, ROT_X_POS90, NO_ROTATION = (1, -1, 0, 0), (1, 1, 0, 0), (1, 0, 0, 0)
LINKS = (
    Link(
        (0, 0, 0.333), NO_ROTATION, WIDE_RANGE, 4.970684, (0.003875, 0.002081, -0.04762),
        (0.70337, 0.70661, 0.009117, -0.000139, 0.006772, 0.019169),
        (((0, 0, -0.125, 0.06), (0, -0.03, 0.0, 0.062), (0, -0.04, -0.03, 0.058)),),
        (-0.192, -0.176, 0.057, 0, 0),
    ),
    Link(
        (0, 0, 0), ROT_X_NEG90, (-1.7628, 1.7628), 0.646926, (-0.003141, -0.02872, 0.003495),
        (0.007962, 0.02811, 0.025995, -0.003925, 0.010254, 0.000704),
        (((0, 0, 0.045, 0.058), (0, -0.11, 0.0, 0.058), (0, -0.07, 0.03, 0.056)),),
        (-0.102, -0.088, 0.05, 0, 0),
    ),
    Link(
        (0, -0.316, 0), ROT_X_POS90, WIDE_RANGE, 3.228604, (0.027518, 0.039252, -0.066502),
        (0.037242, 0.036155, 0.01083, -0.004761, -0.011396, -0.012805),
        (((0, 0, -0.075, 0.056), (0.07, 0.035, 0.0, 0.05), (0.0825, 0.045, 0, 0.05)),),
        (-0.147, -0.128, 0.055, 0, 0),
    ),
    Link(
        (0.0825, 0, 0), ROT_X_POS90, (-3.0718, -0.0698), 3.587895, (-0.05317, 0.104419, 0.027454),
        (0.025853, 0.019552, 0.028323, 0.007796, -0.001332, 0.008641),
        (((0, 0, 0.04, 0.05), (-0.06, 0.08, 0.015, 0.05), (-0.0825, 0.075, 0, 0.053)),),
        (-0.012, 0.0, 0.047, 0, 0),
    ),
    Link(
        (-0.0825, 0.384, 0), ROT_X_NEG90, WIDE_RANGE, 1.225946, (-0.011953, 0.041065, -0.038437),
        (0.035549, 0.029474, 0.008627, -0.002117, -0.004037, 0.000229),
        (
            ((0, 0, -0.205, 0.053), (0, 0.02, -0.14, 0.05), (0, 0.055, -0.05, 0.04)),
            ((0, 0.05, -0.06, 0.042), (0, 0.055, 0.0, 0.045)),
        ),
        (-0.262, -0.246, 0.05, 0, 0),
    ),
    Link(
        (0, 0, 0), ROT_X_POS90, (-0.0175, 3.7525), 1.666555, (0.060149, -0.014117, -0.010517),
        (0.001964, 0.004354, 0.005433, 0.000109, -0.001158, 0.000341),
        (((0, 0, 0.01, 0.048), (0, 0, -0.03, 0.045), (0.088, 0, 0, 0.045)),),
        None,
    ),
    Link(
        (0.088, 0, 0), ROT_X_POS90, WIDE_RANGE, 0.735522, (0.010517, -0.004252, 0.061597),
        (0.012516, 0.010027, 0.004815, -0.000428, -0.001196, -0.000741),
        (((0, 0, 0.04, 0.044), (0.0, 0.0, 0.055, 0.044)),),
        (0.088, 0.107, 0.035, 0, 0),
    ),
)  # fmt: skip
BASE_SHELLS = (
    (*rounded_box((0.085, 0.075, 0.02), 0.015, (-0.055, 0, 0.02)), (-0.03, 0, 0.06, 0.06)),
    ((-0.1, 0, 0.03, 0.045), (0, 0, 0.04, 0.06), (0, 0, 0.085, 0.055)),
)
HAND_SHELL = (
    *rounded_box((0.03, 0.102, 0.018), 0.015, (0, 0, 0.03)),
    *rounded_box((0.02, 0.08, 0.01), 0.009, (0, 0, 0.057)),
)
"""Mesh of the gripper, in the hand's frame."""


def mesh_assets() -> str:
    """Return the mesh assets of all links."""
    parts = {'foot': BASE_SHELLS, 'hand': (HAND_SHELL,)}
    parts |= {f'link{i}': link.hulls for i, link in enumerate(LINKS, 1)}
    return ''.join(
        hull_mesh(f'{name}_{k}', spheres)
        for name, shells in parts.items()
        for k, spheres in enumerate(shells)
    )


def _shells(name: str, count: int) -> str:
    return ''.join(
        f'<geom class="shell" type="mesh" mesh="{name}_{k}" material="shell"/>'
        for k in range(count)
    )


def _ring(ring: tuple[float, float, float, float, float] | None) -> str:
    if ring is None:
        return ''
    low, high, radius, x, y = ring
    ends = format_numbers((x, y, low, x, y, high))
    return f'<geom class="shell" type="cylinder" fromto="{ends}" size="{radius}" material="joint"/>'


def _finger(name: str, side: int) -> str:
    """One finger; its body is moved along y to open it. `side` is -1 or 1."""
    return (
        f'<body name="{name}">'
        f'<geom class="shell" type="box" pos="0 {side * 0.008} 0.078" size="0.009 0.008 0.02" '
        'material="joint"/>'
        f'<geom class="shell" type="box" pos="0 {side * 0.005} 0.102" '
        'size="0.008 0.005 0.012" material="joint"/></body>'
    )


def arm_mjcf(tool: str) -> str:
    """Return the bodies from base to hand; `tool` is the MJCF of what is fixed to the hand."""
    text = (
        '<body name="base" gravcomp="1"><site name="base" size="0.001" rgba="0 0 0 0"/>'
        '<inertial mass="0.63" pos="-0.04 0 0.05" diaginertia="0.003 0.004 0.004"/>'
        f'{_shells("foot", len(BASE_SHELLS))}{_ring((0.12, 0.143, 0.058, 0, 0))}'
    )
    for i, link in enumerate(LINKS, 1):
        text += (
            f'<body name="link{i}" pos="{format_numbers(link.pos)}" '
            f'quat="{format_numbers(link.quat)}" gravcomp="1">'
            f'<inertial mass="{link.mass}" pos="{format_numbers(link.com)}" '
            f'fullinertia="{format_numbers(link.inertia)}"/>'
            f'<joint name="{JOINTS[i - 1]}" range="{format_numbers(link.limits)}"/>'
            f'{_shells(f"link{i}", len(link.hulls))}{_ring(link.ring)}'
        )
    hand = (
        '<body name="hand" pos="0 0 0.107" quat="0.9238795 0 0 -0.3826834" gravcomp="1">'
        '<inertial mass="0.9" pos="0 0 0.04" diaginertia="0.003 0.003 0.002"/>'
        f'{_shells("hand", 1)}{_finger(FINGERS[0], -1)}{_finger(FINGERS[1], 1)}{tool}</body>'
    )
    return text + hand + '</body>' * (len(LINKS) + 1)
