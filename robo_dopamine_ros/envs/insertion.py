"""Peg insertion as a Gymnasium environment, faster than real time.

Importing this module registers `robo_dopamine_ros/PegInsertion-v0`.
"""

from typing import Any

import gymnasium
import numpy as np

from robo_dopamine_ros.envs.expert import observe_world
from robo_dopamine_ros.sim import ground_truth
from robo_dopamine_ros.sim.domain_randomization import StartDistribution, VisualRandomization
from robo_dopamine_ros.sim.rendering import CameraRenderer
from robo_dopamine_ros.sim.scene import BOARD_POSITION, Workpiece
from robo_dopamine_ros.sim.world import ACTION_RATE, World
from robo_dopamine_ros.types import SECOND, VIEWS

ENV_ID = 'robo_dopamine_ros/PegInsertion-v0'
INSTRUCTION = 'insert the square peg into the hole'
ACTION_SIZES = {'xyz_yaw': 4, 'twist': 6}
SETPOINT_ERROR_SCALE, POSITION_SCALE = 0.02, 0.25  # units of the state [m]
STATE_NAMES = (
    *('x', 'y', 'z'),  # tip relative to the board's default position [0.25 m]
    *('cos yaw', 'sin yaw'),  # of the tip
    *('vx', 'vy', 'vz', 'yaw rate'),  # of the tip [0.1 m/s, 1 rad/s]
    *('fx', 'fy', 'fz'),  # tanh of the force on the peg [20 N]
    *('dx', 'dy', 'dz'),  # setpoint minus tip [0.02 m]: how hard the controller pushes
)
PRIVILEGED_NAMES = ('hole x', 'hole y', 'hole z', 'hole yaw')  # peg against hole [0.05 m, 0.2 rad]
STEP_PERIOD = round(SECOND / ACTION_RATE)  # [ns]
EPISODE_GAP = 10 * SECOND  # between two episodes on the clock of TimestampedEnv [ns]
TRAINING_IMAGE_SIZE = (160, 120)  # width, height [px]


class InsertionEnv(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """Actions at 10 Hz in -1..1: x, y, z and yaw, or a twist; a full one is 0.1 m/s or 1 rad/s.

    Observations hold `state` (see STATE_NAMES; with `privileged` also PRIVILEGED_NAMES) and, with
    `images`, one (H, W, 3) uint8 image per view. The reward is 1 on success, which terminates;
    `info` has the ground truth: `progress`, `grade`, `contact` [N] and `is_success`.
    """

    metadata = {'render_modes': ['rgb_array'], 'render_fps': int(ACTION_RATE)}

    def __init__(
        self,
        images: bool = True,
        size: tuple[int, int] = (128, 128),
        action: str = 'xyz_yaw',
        privileged: bool = False,
        workpiece: Workpiece | None = None,
        starts: StartDistribution | None = None,
        visuals: VisualRandomization | None = None,
        render_mode: str | None = None,
    ):
        """`size` is (width, height) of an image; `visuals` None keeps the default appearance."""
        if action not in ACTION_SIZES:
            raise ValueError(f'action = {action!r}; it must be one of {", ".join(ACTION_SIZES)}')
        if render_mode not in (None, *self.metadata['render_modes']):
            raise ValueError(f'render_mode = {render_mode!r}; it must be rgb_array or None')
        self.render_mode = render_mode
        self.world = World(workpiece)
        self._starts, self._visuals = starts or StartDistribution(), visuals
        self._images, self._privileged, self._size = images, privileged, size
        self._cameras: CameraRenderer | None = None
        length = len(STATE_NAMES) + privileged * len(PRIVILEGED_NAMES)
        spaces: dict[str, gymnasium.Space[Any]] = {
            'state': gymnasium.spaces.Box(-10.0, 10.0, (length,), np.float32)
        }
        if images:
            shape = (size[1], size[0], 3)
            spaces |= {view: gymnasium.spaces.Box(0, 255, shape, np.uint8) for view in VIEWS}
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Dict(spaces)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTION_SIZES[action],), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode; equal seeds give equal episodes."""
        super().reset(seed=seed, options=options)
        self.world.reset(self.np_random, self._starts, self._visuals)
        return self._observe(), self._info()

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Execute an action for 0.1 s; ValueError unless it is finite and of the right shape."""
        command = np.clip(np.asarray(action, dtype=float), -1.0, 1.0)
        if command.shape != self.action_space.shape or not np.isfinite(command).all():
            raise ValueError(f'action = {action}; it must be {self.action_space.shape} and finite')
        self.world.apply_action(command)
        info = self._info()
        return self._observe(), float(info['is_success']), info['is_success'], False, info

    def render(self) -> np.ndarray:
        """Render the front view (H, W, 3)."""
        return self._render_views()[VIEWS[0]]

    def close(self) -> None:
        """Free the OpenGL context."""
        if self._cameras is not None:
            self._cameras.close()
            self._cameras = None

    def _render_views(self) -> dict[str, np.ndarray]:
        if self._cameras is None:
            self._cameras = CameraRenderer(self.world.model, self._size)
        return self._cameras.render(self.world.data)

    def _observe(self) -> dict[str, np.ndarray]:
        world = self.world
        twist, yaw, tip = world.tip_twist, world.tip_yaw, world.tip
        parts = [
            (tip - BOARD_POSITION) / POSITION_SCALE,
            [np.cos(yaw), np.sin(yaw)],
            twist[:3] / 0.1,
            twist[5:],
            np.tanh(world.wrench[:3] / 20.0),
            (world.setpoint.position - tip) / SETPOINT_ERROR_SCALE,
        ]
        if self._privileged:
            hole = observe_world(world)
            parts += [hole.offset / 0.05, [hole.yaw / 0.2]]
        state = np.clip(np.concatenate(parts), -10, 10).astype(np.float32)
        return {'state': state, **(self._render_views() if self._images else {})}

    def _info(self) -> dict[str, Any]:
        world = self.world
        return {
            'progress': world.progress,
            'grade': world.grade,
            'contact': world.contact_force,
            'is_success': world.grade == ground_truth.SUCCESS,
        }


gymnasium.register(id=ENV_ID, entry_point=f'{__name__}:InsertionEnv', max_episode_steps=120)


class TimestampedEnv(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Adds `info['stamp']` [ns]: a clock that rises by 0.1 s per step, through all episodes."""

    def __init__(self, env: InsertionEnv, now: int = SECOND) -> None:
        """The clock starts at `now` [ns]."""
        super().__init__(env)
        self.world = env.world  # for the scripted expert
        self._now = now

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode, 10 s after the last one on the clock."""
        self._now += EPISODE_GAP
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, info | {'stamp': self._now}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Execute an action for 0.1 s."""
        self._now += STEP_PERIOD
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated, truncated, info | {'stamp': self._now}


def make_training_env(clearance: float = 0.002) -> TimestampedEnv:
    """Make the environment of `train`; the hole is `clearance` [m] wider than the peg."""
    workpiece = Workpiece(clearance=clearance)
    return TimestampedEnv(InsertionEnv(size=TRAINING_IMAGE_SIZE, workpiece=workpiece))
