"""Distances between the links of an arm, and to the table, by the collision library coal.

The capsules are those that the product knows of an arm; where they are and how far apart is
computed here.
"""

import coal
import numpy as np
import pinocchio as pin
from search_arms import KINEMATICS, Setup

from robo_dopamine_ros.arms.arm_shapes import ARM_SHAPES

SHRINKING = 2e-5  # what counts as nearer than before, of distances that are too small [m]


class Links:
    """Distances of the pairs of one arm that must keep apart."""

    def __init__(self, setup: Setup) -> None:
        name = setup.described.name
        shape, self._kinematics = ARM_SHAPES[name], KINEMATICS[name]
        self.margin, self._table = 0.02, setup.table
        self._capsules = []
        for capsule in shape.capsules:
            a, b = np.array(capsule.start), np.array(capsule.end)
            self._capsules.append((capsule.link, *_capsule(a, b, capsule.radius)))
        tip = self._kinematics.tip()
        last = len(shape.links) - 1
        if np.linalg.norm(tip) >= 0.02:
            self._capsules.append((last, *_capsule(np.zeros(3), tip, shape.tool_radius)))
        links = [link for link, _, _ in self._capsules]
        pairs = [(i, j) for i, a in enumerate(links) for j, b in enumerate(links)]
        self._pairs = [(i, j) for i, j in pairs if (links[i], links[j]) in shape.pairs]
        self._before: np.ndarray | None = None

    def excess(self, joints: np.ndarray) -> tuple[float, str]:
        """Return by how much a distance that is too small shrank since the joints before [m]."""
        now, before = self._distances(joints), self._before
        self._before = now
        if before is None:
            return 0.0, ''
        shrunk = np.where(now < self.margin, np.minimum(before, self.margin) - now, 0.0)
        worst = int(shrunk.argmax())
        text = f'pair {worst}: {1e3 * before[worst]:.2f} mm apart, then {1e3 * now[worst]:.2f} mm'
        return float(shrunk[worst]), text

    def restart(self) -> None:
        """Forget the joints before, as after a pause."""
        self._before = None

    def _distances(self, joints: np.ndarray) -> np.ndarray:
        joints_now = self._kinematics.placements(joints)
        frames = [pin.SE3.Identity(), *joints_now]
        placed = []
        for link, shape, offset in self._capsules:
            at = frames[min(link, len(joints))] * offset
            placed.append((shape, coal.Transform3s(at.rotation, at.translation), at))
        request, distances = coal.DistanceRequest(), []
        for i, j in self._pairs:
            result = coal.DistanceResult()
            (a, at_a, _), (b, at_b, _) = placed[i], placed[j]
            distances.append(coal.distance(a, at_a, b, at_b, request, result))
        if self._table is not None:
            over = [p for p, c in zip(placed, self._capsules, strict=True) if c[0] >= 2]
            distances += [_height(shape, at) - self._table for shape, _, at in over]
        return np.array(distances)


def _height(shape: coal.Capsule, at: pin.SE3) -> float:
    """Height of the lowest point of a capsule [m]."""
    half = abs(float(at.rotation[2, 2])) * shape.halfLength
    return float(at.translation[2]) - half - shape.radius


def _capsule(a: np.ndarray, b: np.ndarray, radius: float) -> tuple[coal.Capsule, pin.SE3]:
    """Return a capsule, whose axis is z, and where it is."""
    along = b - a
    length = float(np.linalg.norm(along))
    rotation = pin.Quaternion.FromTwoVectors(np.array([0.0, 0.0, 1.0]), along / max(length, 1e-12))
    return coal.Capsule(radius, length), pin.SE3(rotation.toRotationMatrix(), (a + b) / 2)
