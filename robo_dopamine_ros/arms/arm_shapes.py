"""Shapes of arms for the check of the whole arm: capsules fixed to their links.

Link 0 is the base, link i is moved by the i-th joint; points are in the frame of that joint, or in
the base frame. Links that may touch, because they are next to each other, are not compared.
"""

from dataclasses import dataclass

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Capsule:
    """All points within `radius` of a segment."""

    link: int
    start: Point  # [m]
    end: Point  # [m]
    radius: float  # [m]


@dataclass(frozen=True)
class ArmShape:
    """Capsules of an arm without its tool, and the pairs of links that must keep apart."""

    links: tuple[str, ...]  # names for people, the base first, the tool last
    capsules: tuple[Capsule, ...]
    pairs: tuple[tuple[int, int], ...]  # the tool is the last link
    tool_radius: float = 0.04  # of the capsule from the last joint to the tool [m]


# Capsules as in `franka_arm.xacro` of franka_description, its model of the robot's own check.
FR3 = ArmShape(
    links=tuple(f'link {i}' for i in range(8)) + ('tool',),
    capsules=(
        Capsule(0, (-0.09, 0.0, 0.06), (-0.06, 0.0, 0.06), 0.06),
        Capsule(1, (0.0, 0.0, -0.333), (0.0, 0.0, -0.05), 0.06),
        Capsule(2, (0.0, 0.0, -0.06), (0.0, 0.0, 0.06), 0.06),
        Capsule(3, (0.0, 0.0, -0.22), (0.0, 0.0, -0.07), 0.06),
        Capsule(4, (0.0, 0.0, -0.06), (0.0, 0.0, 0.06), 0.06),
        Capsule(5, (0.0, 0.0, -0.31), (0.0, 0.0, -0.21), 0.06),
        Capsule(5, (0.0, 0.08, -0.2), (0.0, 0.08, -0.06), 0.025),
        Capsule(6, (0.0, 0.0, -0.07), (0.0, 0.0, 0.01), 0.05),
        Capsule(7, (0.0, 0.0, -0.06), (0.0, 0.0, 0.08), 0.04),
    ),
    pairs=tuple((i, j) for i in range(5) for j in range(i + 3, 9) if (i, j) != (0, 3)),
)

# Joint frames and lateral offsets as in ur_description (upper arm 0.138 m, forearm 0.007 m beside
# the joints); radii of the tubes and joints are estimates, not measured on a UR5e.
UR5E = ArmShape(
    links=('base', 'shoulder', 'upper arm', 'forearm', 'wrist 1', 'wrist 2', 'wrist 3', 'tool'),
    capsules=(
        Capsule(0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.06), 0.075),
        Capsule(1, (0.0, 0.0, -0.03), (0.0, 0.0, 0.0), 0.065),
        Capsule(2, (0.0, 0.0, 0.07), (0.0, 0.0, 0.138), 0.06),
        Capsule(2, (0.0, 0.0, 0.138), (-0.425, 0.0, 0.138), 0.055),
        Capsule(3, (0.0, 0.0, 0.07), (0.0, 0.0, 0.007), 0.055),
        Capsule(3, (0.0, 0.0, 0.007), (-0.3922, 0.0, 0.007), 0.05),
        Capsule(4, (0.0, 0.0, -0.06), (0.0, 0.0, 0.0), 0.045),
        Capsule(5, (0.0, 0.0, -0.04), (0.0, 0.0, 0.0), 0.045),
        Capsule(6, (0.0, 0.0, -0.03), (0.0, 0.0, -0.01), 0.04),
    ),
    pairs=((0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (1, 3), (1, 4), (1, 5), (1, 6), (1, 7))
    + ((2, 4), (2, 5), (2, 6), (2, 7), (3, 5), (3, 6), (3, 7)),
)

# Along the joint frames of AgileX's URDF; radii are estimates, not measured on a PiPER.
PIPER = ArmShape(
    links=('base', 'shoulder', 'upper arm', 'forearm', 'wrist 1', 'wrist 2', 'flange', 'tool'),
    capsules=(
        Capsule(0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.09), 0.055),
        Capsule(1, (0.0, 0.0, -0.02), (0.0, 0.0, 0.0), 0.05),
        Capsule(2, (0.06, 0.0, 0.0), (0.28503, 0.0, 0.0), 0.04),
        Capsule(3, (0.0, -0.06, 0.0), (-0.021984, -0.25075, 0.0), 0.04),
        Capsule(5, (0.0, -0.06, 0.0), (0.0, -0.091, 0.0), 0.035),
    ),
    pairs=((0, 3), (0, 5), (0, 7), (1, 3), (1, 5), (1, 7), (2, 5), (2, 7)),
    tool_radius=0.035,
)
ARM_SHAPES = {'fr3': FR3, 'ur5e': UR5E, 'piper': PIPER}
