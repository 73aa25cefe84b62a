"""Motion of the tool to its home pose, as a stream of twists. Pure: poses and times come in."""

import math
from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.geometry import limit_twist, pose_difference
from robo_dopamine_ros.types import Pose, require_positive

SETTLE_TIME = 0.3  # the tool must stay within tolerance so long [s]
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class HomePose:
    """Pose of the tool at the start of an episode, base frame, and the motion that leads there."""

    position: tuple[float, ...] = (0.45, 0.0, 0.35)  # of the tool, base frame [m]
    orientation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)  # unit quaternion x, y, z, w
    gripper: float = -1.0  # opening 0 closed .. 1 open; below 0: unchanged
    lift_height: float = 0.05  # straight up first, at most to the height of the home pose [m]
    gain: float = 2.0  # proportional gain of the speed [1/s]
    speed: float = 0.1  # at most; the limits of the gate hold as well [m/s]
    angular_speed: float = 0.5  # at most [rad/s]
    position_tolerance: float = 0.01  # within it the tool has arrived [m]
    orientation_tolerance: float = 0.05  # within it the tool has arrived [rad]

    def __post_init__(self) -> None:
        if len(self.position) != 3 or not all(map(math.isfinite, self.position)):
            raise ValueError(f'position = {self.position}; it must be x, y, z [m]')
        if len(self.orientation) != 4 or not abs(math.hypot(*self.orientation) - 1) < 1e-3:
            raise ValueError(f'orientation = {self.orientation}; it must be a unit quaternion')
        if not self.gripper <= 1.0:
            raise ValueError(f'gripper = {self.gripper}; it must be at most 1')
        tolerances = ('position_tolerance', 'orientation_tolerance')
        require_positive(self, 'gain', 'speed', 'angular_speed', *tolerances)
        if not 0.0 <= self.lift_height < math.inf:
            raise ValueError(f'lift_height = {self.lift_height} m; it must be 0 or more')

    @property
    def pose(self) -> Pose:
        """The home pose in the base frame."""
        return Pose(np.array(self.position), np.array(self.orientation))


def proportional_twist(pose: Pose, goal: Pose, home: HomePose) -> np.ndarray:
    """Twist (6,) [m/s, rad/s] towards a goal, proportional to the distance, within the limits."""
    return limit_twist(home.gain * pose_difference(pose, goal), home.speed, home.angular_speed)


def pose_distance(pose: Pose, goal: Pose) -> tuple[float, float]:
    """Distance between two poses [m], [rad]."""
    difference = pose_difference(pose, goal)
    return float(np.linalg.norm(difference[:3])), float(np.linalg.norm(difference[3:]))


class HomeMotion:
    """One motion to the home pose: straight up first, then directly; `now` is steady time [s]."""

    def __init__(self, home: HomePose) -> None:
        self.remaining = (math.inf, math.inf)  # distance to the home pose [m], [rad]
        self.arrived = False
        self._home = home
        self._lift_goal: Pose | None = None
        self._lifted = False
        self._within_since: float | None = None

    def update(self, pose: Pose, now: float) -> np.ndarray:
        """Give the next twist (6,) [m/s, rad/s] of the tool, which is at `pose`."""
        home, goal = self._home, self._home.pose
        if self._lift_goal is None:
            height_below = max(0.0, goal.position[2] - pose.position[2])
            above = pose.position + min(home.lift_height, height_below) * UP
            self._lift_goal = Pose(above, pose.orientation)
        metres, radians = self.remaining = pose_distance(pose, goal)
        if not (metres <= home.position_tolerance and radians <= home.orientation_tolerance):
            self._within_since = None
        elif self._within_since is None:
            self._within_since = now
        self.arrived = self._within_since is not None and now - self._within_since >= SETTLE_TIME
        lift_height = self._lift_goal.position[2] - home.position_tolerance
        self._lifted |= bool(pose.position[2] >= lift_height)
        return proportional_twist(pose, goal if self._lifted else self._lift_goal, home)
