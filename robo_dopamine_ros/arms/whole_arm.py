"""Check of the whole arm before joints are sent: its links against each other, and the table.

A step is refused when a distance would shrink below the margin. Where it is smaller already, as
after somebody pushed the arm, every step that does not shrink it further is free.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from robo_dopamine_ros.arms.arm_shapes import ARM_SHAPES, ArmShape, Capsule
from robo_dopamine_ros.types import require_at_least

if TYPE_CHECKING:
    from robo_dopamine_ros.arms.kinematics import Kinematics

NO_TABLE = -10.0  # [m]
PARALLEL = 1e-12  # squared sine of the angle between two segments, below which they are parallel
SHORTEST_TOOL = 0.02  # shorter tools are part of the last link [m]
FIRST_OVER_TABLE = 2  # the links before stand on it
TOLERANCE = 1e-7  # by which a distance may shrink although it is too small [m]


@dataclass(frozen=True)
class WholeArmConfig:
    """Check of links and table, for arms whose joints we compute."""

    enabled: bool = True  # where the model is fr3, piper or ur5e
    margin: float = 0.02  # between two links, and between links and table [m]
    table: float = NO_TABLE  # height of the table in the base frame [m], -10: none is checked

    def __post_init__(self) -> None:
        require_at_least(0, self, 'margin')
        if not math.isfinite(self.table):
            raise ValueError(f'table = {self.table}; it must be a height [m], -10 for none')


class WholeArm:
    """Distances between the links of one arm, for given joints."""

    def __init__(self, kinematics: 'Kinematics', shape: ArmShape, config: WholeArmConfig) -> None:
        self._kinematics, self._config = kinematics, config
        capsules = [*shape.capsules, *_tool_capsule(kinematics, shape)]
        self._moved_by = np.array([min(c.link, len(kinematics.joints)) for c in capsules])
        self._points = np.array([(c.start, c.end) for c in capsules])  # (k, 2, 3)
        self._radii = np.array([c.radius for c in capsules])
        self._names = [shape.links[c.link] for c in capsules]
        pairs = [
            (i, j)
            for i, a in enumerate(capsules)
            for j, b in enumerate(capsules)
            if (a.link, b.link) in shape.pairs
        ]
        self._first, self._second = np.array(pairs).T
        over = [i for i, c in enumerate(capsules) if c.link >= FIRST_OVER_TABLE]
        self._over_table = np.array(over if config.table > NO_TABLE else [], int)

    def refusal(self, before: np.ndarray, after: np.ndarray) -> str:
        """Return which links would come too near on the way to joints (n,), empty: none."""
        distances, margin = self.distances(after), self._config.margin
        if (distances >= margin).all():
            return ''
        shrinking = distances < np.minimum(margin, self.distances(before)) - TOLERANCE
        if not shrinking.any():
            return ''
        worst = int(np.where(shrinking, distances, np.inf).argmin())
        distance = f'{1e3 * max(distances[worst], 0.0):.0f} mm'
        return f'{self._describe(worst)} would be {distance} apart; {1e3 * margin:.0f} mm are kept'

    def distances(self, q: np.ndarray) -> np.ndarray:
        """Return the distances between the links, then of the links to the table [m]."""
        rotations, origins = self._kinematics.frames(q)
        rotations = np.concatenate([np.eye(3)[None], rotations])[self._moved_by]
        origins = np.concatenate([np.zeros((1, 3)), origins])[self._moved_by]
        points = self._points @ rotations.transpose(0, 2, 1) + origins[:, None]
        a, b = points[self._first], points[self._second]
        between = segment_distances(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
        between = between - self._radii[self._first] - self._radii[self._second]
        heights = points[self._over_table, :, 2].min(axis=1) - self._radii[self._over_table]
        return np.concatenate([between, heights - self._config.table])

    def _describe(self, index: int) -> str:
        if index < len(self._first):
            return f'{self._names[self._first[index]]} and {self._names[self._second[index]]}'
        return f'{self._names[self._over_table[index - len(self._first)]]} and table'


def make_whole_arm(kinematics: 'Kinematics', model: str, config: WholeArmConfig) -> WholeArm | None:
    """Return the check for a model of arm, None where it is off or the shape is not known.

    ValueError where the arm has another number of joints.
    """
    shape = ARM_SHAPES.get(model) if config.enabled else None
    if shape is None:
        return None
    if len(kinematics.joints) != len(shape.links) - 2:
        given, count = len(kinematics.joints), len(shape.links) - 2
        raise ValueError(f'model = {model}, an arm of {count} joints; here are {given}')
    return WholeArm(kinematics, shape, config)


def _tool_capsule(kinematics: 'Kinematics', shape: ArmShape) -> list[Capsule]:
    """Return the capsule from the last joint to the tool, none where that is short."""
    q = np.zeros(len(kinematics.joints))
    rotations, origins = kinematics.frames(q)
    tip = rotations[-1].T @ (kinematics.pose(q).position - origins[-1])
    if np.linalg.norm(tip) < SHORTEST_TOOL:
        return []
    x, y, z = map(float, tip)
    return [Capsule(len(shape.links) - 1, (0.0, 0.0, 0.0), (x, y, z), shape.tool_radius)]


def segment_distances(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Return the distances (m,) between segments from `a` to `b` and from `c` to `d`, (m, 3)."""
    u, v, w = b - a, d - c, a - c
    uu, vv, uv = _dot(u, u), _dot(v, v), _dot(u, v)
    uw, vw = _dot(u, w), _dot(v, w)
    det = uu * vv - uv * uv
    tiny = 1e-60  # of a segment that is a point [m^2]
    crossing = det > PARALLEL * uu * vv
    s = np.where(crossing, (uv * vw - vv * uw) / np.where(crossing, det, 1.0), 0.0)
    s = np.clip(s, 0, 1)
    t = np.clip((uv * s + vw) / np.maximum(vv, tiny), 0, 1)
    s = np.clip((uv * t - uw) / np.maximum(uu, tiny), 0, 1)  # the nearest to that point
    gap = w + s[:, None] * u - t[:, None] * v
    distances: np.ndarray = np.sqrt(_dot(gap, gap))
    return distances


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    product: np.ndarray = np.einsum('ij,ij->i', a, b)
    return product
