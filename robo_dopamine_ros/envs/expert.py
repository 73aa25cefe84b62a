"""Scripted expert of the insertion: turns waypoints and observations into actions.

It observes with errors, moves smoothly and, at the hole, searches by force.
"""

from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.envs.waypoint_plans import Waypoint, WaypointPlan
from robo_dopamine_ros.geometry import rotate_vector, rotate_vector_inverse
from robo_dopamine_ros.sim.world import ACTION_RATE, STEP_ANGLE, STEP_LENGTH, World
from robo_dopamine_ros.types import Pose

INSERTION_FORCE = 8.0  # force on the rim while searching for the hole [N]
FORCE_GAIN = 0.025  # action per newton of force error [1/N]
LOOKAHEAD_STEPS = 0.6  # steps by which the tip's motion is extrapolated
ALIGNED_OFFSET = 0.001  # offset per axis below which the expert descends [m]


@dataclass(frozen=True)
class ExpertNoise:
    """Errors of the expert's observations and actions."""

    action_noise: float = 0.06  # standard deviation of each action
    position_bias: float = 0.0003  # standard deviation of the hole's position, per attempt [m]
    yaw_bias: float = 0.008  # standard deviation of the hole's yaw, per attempt [rad]
    smoothing: float = 0.45  # share of the last action in the next one

    def __post_init__(self):
        for name in ('action_noise', 'position_bias', 'yaw_bias'):
            if not getattr(self, name) >= 0:
                raise ValueError(f'{name} is {getattr(self, name)}; it must be at least 0')
        if not 0 <= self.smoothing < 1:
            raise ValueError(f'smoothing is {self.smoothing}; it must lie in 0..1, without 1')


@dataclass(frozen=True)
class ExpertObservation:
    """Input of the expert."""

    offset: np.ndarray  # (3,) peg tip in the hole's frame [m]
    yaw: float  # of the peg against the hole [rad]
    hole_yaw: float  # of the hole's frame about z in the base frame [rad]
    contact_force: float  # on the peg [N]


def observe_world(world: World) -> ExpertObservation:
    """Observe a simulated world."""
    yaw = _yaw_difference(world.tip_yaw, world.start.board_yaw)
    return ExpertObservation(world.tip_in_hole, yaw, world.start.board_yaw, world.contact_force)


def observe_poses(
    tool: Pose, hole: Pose, force: np.ndarray, tip_offset: float
) -> ExpertObservation:
    """Observe by poses in the base frame alone, as ROS topics give them; z of the hole points up.

    The peg's tip is `tip_offset` [m] beyond the tool; `force` (3,) [N] is that on the tool.
    """
    tip = tool.position + rotate_vector(np.array([0.0, 0.0, tip_offset]), tool.orientation)
    yaw, hole_yaw = _yaw(tool), _yaw(hole)
    offset = rotate_vector_inverse(tip - hole.position, hole.orientation)
    contact = float(np.linalg.norm(force))
    return ExpertObservation(offset, _yaw_difference(yaw, hole_yaw), hole_yaw, contact)


def _yaw(pose: Pose) -> float:
    """Rotation of a frame's x axis about the base's z [rad]."""
    x, y, _ = rotate_vector(np.array([1.0, 0.0, 0.0]), pose.orientation)
    return float(np.arctan2(y, x))


def _yaw_difference(yaw: float, hole_yaw: float) -> float:
    """Yaw of the peg against the hole [rad]; a square peg fits every quarter turn."""
    quarter = np.pi / 2
    return (yaw - hole_yaw + quarter / 2) % quarter - quarter / 2


class ScriptedExpert:
    """Follows a waypoint plan; actions are x, y, z and yaw in the base frame, each in -1..1."""

    def __init__(
        self, plan: WaypointPlan, rng: np.random.Generator, noise: ExpertNoise | None = None
    ):
        self._plan, self._rng, self._noise = plan, rng, noise or ExpertNoise()
        self._index, self._last_action = 0, np.zeros(4)
        self._last_offset: np.ndarray | None = None
        self._start_waypoint()

    def _start_waypoint(self) -> None:
        self._steps = self._dwelled = self._stuck_steps = self._lift_steps = 0
        self._sample_bias()

    def _sample_bias(self) -> None:
        self._position_bias = self._rng.normal(0, self._noise.position_bias, 2)
        self._yaw_bias = self._rng.normal(0, self._noise.yaw_bias)

    @property
    def done(self) -> bool:
        """Whether the last waypoint was reached or given up."""
        return self._index >= len(self._plan)

    def act(self, observation: ExpertObservation) -> np.ndarray:
        """Return the action (4,) of the next step; zeros once done."""
        if self.done:
            return np.zeros(4)
        waypoint, offset = self._plan[self._index], observation.offset
        if self._last_offset is None:
            self._last_offset = offset
        error = np.append(np.array(waypoint.position) - offset, waypoint.yaw - observation.yaw)
        error[:2] += self._position_bias - LOOKAHEAD_STEPS * (offset - self._last_offset)[:2]
        self._last_offset = offset
        error[3] += self._yaw_bias
        self._advance(waypoint, error, observation)
        if waypoint.insert:
            action = self._insert(waypoint, error, observation)
        else:
            action = self._approach(waypoint, error)
        share = self._noise.smoothing
        self._last_action = share * self._last_action + (1 - share) * action
        noise = self._rng.normal(0, self._noise.action_noise, 4) * _noise_scale(waypoint, error)
        c, s = np.cos(observation.hole_yaw), np.sin(observation.hole_yaw)
        x, y, z, yaw = np.clip(self._last_action + noise, -1, 1)
        return np.clip([c * x - s * y, s * x + c * y, z, yaw], -1, 1)

    def _advance(
        self, waypoint: Waypoint, error: np.ndarray, observation: ExpertObservation
    ) -> None:
        """Go to the next waypoint once this one was reached, pressed on or given up."""
        pressed = (
            waypoint.position[2] < 0 and not waypoint.insert and observation.contact_force > 4.0
        )
        close = np.abs(error[:3]).max() < waypoint.tolerance + 0.001 and abs(error[3]) < 0.06
        self._steps += 1
        if close or pressed or self._dwelled or self._steps > waypoint.max_steps:
            self._dwelled += 1
        if self._dwelled > waypoint.dwell:
            self._index += 1
            self._start_waypoint()

    def _approach(self, waypoint: Waypoint, error: np.ndarray) -> np.ndarray:
        """Proportional control towards the waypoint, at most at its speed."""
        action = np.append(error[:3] / STEP_LENGTH * 0.7, error[3] / STEP_ANGLE * 0.7)
        top = waypoint.speed / (STEP_LENGTH * ACTION_RATE)
        length = float(np.linalg.norm(action[:3]))
        action[:3] *= min(1.0, top / length) if length > 0 else 1.0
        action[3] = np.clip(action[3], -0.7, 0.7)
        return action

    def _insert(
        self, waypoint: Waypoint, error: np.ndarray, observation: ExpertObservation
    ) -> np.ndarray:
        """Descend once aligned; on the rim control the force and search; stuck, lift and retry."""
        level, height = np.append(error[:2], [0.0, error[3]]), observation.offset[2]
        action = self._approach(waypoint, level)
        top = waypoint.speed / (STEP_LENGTH * ACTION_RATE)
        action[2] = np.clip(error[2] / STEP_LENGTH * 0.7, -top, 0.5)
        aligned = np.abs(error[:2]).max() < ALIGNED_OFFSET and abs(error[3]) < 0.05
        if self._lift_steps > 0:
            self._lift_steps -= 1
            action[2] = 0.5
        elif height < -0.002:
            action[:2] *= 0.3
        elif height < 0.0015 and observation.contact_force > 2.0:
            self._stuck_steps += 1
            action[2] = (observation.contact_force - INSERTION_FORCE) * FORCE_GAIN
            action[:2] += self._rng.normal(0, 0.1, 2)
            if self._stuck_steps > 6:
                self._stuck_steps, self._lift_steps = 0, 2
                self._sample_bias()
        elif not aligned:
            descent = 0.5 * (0.004 - height) / STEP_LENGTH
            action[2] = descent if height < 0.010 else min(0.0, action[2])
        return action


def _noise_scale(waypoint: Waypoint, error: np.ndarray) -> float:
    """Share of the action noise: less near the waypoint."""
    return 0.3 if waypoint.insert else float(np.clip(np.abs(error[:3]).max() / 0.03, 0.3, 1.0))
