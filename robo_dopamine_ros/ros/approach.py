"""The way of the tool back to its start, as twists. Pure: poses and times come in."""

import math
from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.geometry import between, slowed
from robo_dopamine_ros.types import Pose

SETTLED = 0.3  # the tool is there once it has stayed so long [s]
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class StartPose:
    """Where the tool begins, base frame, and how it gets there."""

    position: tuple[float, ...] = (0.45, 0.0, 0.35)  # [m]
    orientation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)  # quaternion x, y, z, w
    gripper: float = -1.0  # opening 0 closed .. 1 open; below 0: as it is
    rise: float = 0.05  # first straight up by this, no higher than the start [m]
    gain: float = 2.0  # speed by distance [1/s]
    speed: float = 0.1  # at most; the limits of the gate hold as well [m/s]
    turning: float = 0.5  # at most [rad/s]
    tolerance: float = 0.01  # so near is there [m]
    tolerance_turn: float = 0.05  # so near is there [rad]

    def __post_init__(self) -> None:
        if len(self.position) != 3 or not all(map(math.isfinite, self.position)):
            raise ValueError(f'position = {self.position}; it must be x, y, z [m]')
        if len(self.orientation) != 4 or not abs(math.hypot(*self.orientation) - 1) < 1e-3:
            raise ValueError(f'orientation = {self.orientation}; it must be a unit quaternion')
        if not self.gripper <= 1.0:
            raise ValueError(f'gripper = {self.gripper}; it must be at most 1')
        for name in ('gain', 'speed', 'turning', 'tolerance', 'tolerance_turn'):
            if not 0.0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value}; it must be above 0')
        if not 0.0 <= self.rise < math.inf:
            raise ValueError(f'rise = {self.rise} m; it must be 0 or more')

    @property
    def pose(self) -> Pose:
        """The start as a pose."""
        return Pose(np.array(self.position), np.array(self.orientation))


def towards(pose: Pose, goal: Pose, start: StartPose) -> np.ndarray:
    """Twist (6,) [m/s, rad/s] that leads to a goal: the faster, the farther, up to a limit."""
    return slowed(start.gain * between(pose, goal), start.speed, start.turning)


def distance(pose: Pose, goal: Pose) -> tuple[float, float]:
    """How far a pose is from another [m], [rad]."""
    step = between(pose, goal)
    return float(np.linalg.norm(step[:3])), float(np.linalg.norm(step[3:]))


class Approach:
    """One way to the start: straight up, then across; `now` is steady time [s]."""

    def __init__(self, start: StartPose) -> None:
        self.away = (math.inf, math.inf)  # from the start [m], [rad]
        self.arrived = False
        self._start = start
        self._above: Pose | None = None  # goal of the way up
        self._risen = False
        self._near_since: float | None = None

    def update(self, pose: Pose, now: float) -> np.ndarray:
        """Give the twist (6,) [m/s, rad/s] to follow from here."""
        start, goal = self._start, self._start.pose
        if self._above is None:
            room = max(0.0, goal.position[2] - pose.position[2])
            lifted = pose.position + min(start.rise, room) * UP
            self._above = Pose(lifted, pose.orientation)
        self.away = distance(pose, goal)
        near = self.away[0] <= start.tolerance and self.away[1] <= start.tolerance_turn
        if not near:
            self._near_since = None
        elif self._near_since is None:
            self._near_since = now
        self.arrived = self._near_since is not None and now - self._near_since >= SETTLED
        self._risen |= bool(pose.position[2] >= self._above.position[2] - start.tolerance)
        return towards(pose, goal if self._risen else self._above, start)
