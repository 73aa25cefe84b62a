"""The Franka arm: real kinematics and inertias, drawn with our own rounded shapes."""

from dataclasses import dataclass

from robo_dopamine_ros.sim.shapes import Ball, block, hull, numbers

JOINTS = tuple(f'fr3_joint{i}' for i in range(1, 8))
HOME = (0.0, 0.3, 0.0, -2.0, 0.0, 2.3, 0.785)  # [rad] tool pointing down, 0.5 m ahead
FINGERS = ('finger_right', 'finger_left')
STROKE = 0.04  # of each finger [m]
TCP = 0.1034  # hand to tool centre point along the hand's z [m]
WIDE = (-2.8973, 2.8973)  # [rad]


@dataclass(frozen=True)
class Link:
    """One moving link in its parent's frame, and how it looks in its own."""

    pos: tuple[float, float, float]  # [m]
    quat: tuple[float, float, float, float]  # w, x, y, z, not normalised
    limits: tuple[float, float]  # [rad]
    mass: float  # [kg]
    com: tuple[float, float, float]  # [m]
    inertia: tuple[float, float, float, float, float, float]  # xx yy zz xy xz yz [kg m^2]
    shells: tuple[tuple[Ball, ...], ...]  # convex white parts
    ring: tuple[float, float, float, float, float] | None = None  # z from, z to, radius, x, y [m]


BACK, FORTH, STRAIGHT = (1, -1, 0, 0), (1, 1, 0, 0), (1, 0, 0, 0)
LINKS = (
    Link(
        (0, 0, 0.333), STRAIGHT, WIDE, 4.970684, (0.003875, 0.002081, -0.04762),
        (0.70337, 0.70661, 0.009117, -0.000139, 0.006772, 0.019169),
        (((0, 0, -0.125, 0.06), (0, -0.03, 0.0, 0.062), (0, -0.04, -0.03, 0.058)),),
        (-0.192, -0.176, 0.057, 0, 0),
    ),
    Link(
        (0, 0, 0), BACK, (-1.7628, 1.7628), 0.646926, (-0.003141, -0.02872, 0.003495),
        (0.007962, 0.02811, 0.025995, -0.003925, 0.010254, 0.000704),
        (((0, 0, 0.045, 0.058), (0, -0.11, 0.0, 0.058), (0, -0.07, 0.03, 0.056)),),
        (-0.102, -0.088, 0.05, 0, 0),
    ),
    Link(
        (0, -0.316, 0), FORTH, WIDE, 3.228604, (0.027518, 0.039252, -0.066502),
        (0.037242, 0.036155, 0.01083, -0.004761, -0.011396, -0.012805),
        (((0, 0, -0.075, 0.056), (0.07, 0.035, 0.0, 0.05), (0.0825, 0.045, 0, 0.05)),),
        (-0.147, -0.128, 0.055, 0, 0),
    ),
    Link(
        (0.0825, 0, 0), FORTH, (-3.0718, -0.0698), 3.587895, (-0.05317, 0.104419, 0.027454),
        (0.025853, 0.019552, 0.028323, 0.007796, -0.001332, 0.008641),
        (((0, 0, 0.04, 0.05), (-0.06, 0.08, 0.015, 0.05), (-0.0825, 0.075, 0, 0.053)),),
        (-0.012, 0.0, 0.047, 0, 0),
    ),
    Link(
        (-0.0825, 0.384, 0), BACK, WIDE, 1.225946, (-0.011953, 0.041065, -0.038437),
        (0.035549, 0.029474, 0.008627, -0.002117, -0.004037, 0.000229),
        (
            ((0, 0, -0.205, 0.053), (0, 0.02, -0.14, 0.05), (0, 0.055, -0.05, 0.04)),
            ((0, 0.05, -0.06, 0.042), (0, 0.055, 0.0, 0.045)),
        ),
        (-0.262, -0.246, 0.05, 0, 0),
    ),
    Link(
        (0, 0, 0), FORTH, (-0.0175, 3.7525), 1.666555, (0.060149, -0.014117, -0.010517),
        (0.001964, 0.004354, 0.005433, 0.000109, -0.001158, 0.000341),
        (((0, 0, 0.01, 0.048), (0, 0, -0.03, 0.045), (0.088, 0, 0, 0.045)),),
        None,
    ),
    Link(
        (0.088, 0, 0), FORTH, WIDE, 0.735522, (0.010517, -0.004252, 0.061597),
        (0.012516, 0.010027, 0.004815, -0.000428, -0.001196, -0.000741),
        (((0, 0, 0.04, 0.044), (0.0, 0.0, 0.055, 0.044)),),
        (0.088, 0.107, 0.035, 0, 0),
    ),
)  # fmt: skip
FOOT = (
    (*block((0.085, 0.075, 0.02), 0.015, (-0.055, 0, 0.02)), (-0.03, 0, 0.06, 0.06)),
    ((-0.1, 0, 0.03, 0.045), (0, 0, 0.04, 0.06), (0, 0, 0.085, 0.055)),
)
HAND = (
    *block((0.03, 0.102, 0.018), 0.015, (0, 0, 0.03)),
    *block((0.02, 0.08, 0.01), 0.009, (0, 0, 0.057)),
)
"""The gripper's shell, in the hand's frame."""


def assets() -> str:
    """The meshes of all links."""
    parts = {'foot': FOOT, 'hand': (HAND,)}
    parts |= {f'link{i}': link.shells for i, link in enumerate(LINKS, 1)}
    return ''.join(
        hull(f'{name}_{k}', balls)
        for name, shells in parts.items()
        for k, balls in enumerate(shells)
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
    ends = numbers((x, y, low, x, y, high))
    return f'<geom class="shell" type="cylinder" fromto="{ends}" size="{radius}" material="joint"/>'


def _finger(name: str, side: int) -> str:
    """One finger in a frame of its own, whose y is moved to open it; `side` is -1 or 1."""
    return (
        f'<body name="{name}">'
        f'<geom class="shell" type="box" pos="0 {side * 0.008} 0.078" size="0.009 0.008 0.02" '
        'material="joint"/>'
        f'<geom class="shell" type="box" pos="0 {side * 0.005} 0.102" '
        'size="0.008 0.005 0.012" material="joint"/></body>'
    )


def arm(held: str) -> str:
    """The bodies from base to hand; `held` hangs on the hand."""
    opened = (
        '<body name="base" gravcomp="1"><site name="base" size="0.001" rgba="0 0 0 0"/>'
        '<inertial mass="0.63" pos="-0.04 0 0.05" diaginertia="0.003 0.004 0.004"/>'
        f'{_shells("foot", len(FOOT))}{_ring((0.12, 0.143, 0.058, 0, 0))}'
    )
    for i, link in enumerate(LINKS, 1):
        opened += (
            f'<body name="link{i}" pos="{numbers(link.pos)}" quat="{numbers(link.quat)}" '
            'gravcomp="1">'
            f'<inertial mass="{link.mass}" pos="{numbers(link.com)}" '
            f'fullinertia="{numbers(link.inertia)}"/>'
            f'<joint name="{JOINTS[i - 1]}" range="{numbers(link.limits)}"/>'
            f'{_shells(f"link{i}", len(link.shells))}{_ring(link.ring)}'
        )
    hand = (
        '<body name="hand" pos="0 0 0.107" quat="0.9238795 0 0 -0.3826834" gravcomp="1">'
        '<inertial mass="0.9" pos="0 0 0.04" diaginertia="0.003 0.003 0.002"/>'
        f'{_shells("hand", 1)}{_finger(FINGERS[0], -1)}{_finger(FINGERS[1], 1)}{held}</body>'
    )
    return opened + hand + '</body>' * (len(LINKS) + 1)
