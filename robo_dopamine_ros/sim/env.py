"""Peg insertion as a Gymnasium environment, faster than real time.

Importing this module registers `robo_dopamine_ros/PegInsertion-v0`.
"""

from typing import Any

import gymnasium
import numpy as np

from robo_dopamine_ros.sim import truth
from robo_dopamine_ros.sim.cameras import Cameras
from robo_dopamine_ros.sim.operator import sight
from robo_dopamine_ros.sim.scene import BOARD, Workpiece
from robo_dopamine_ros.sim.variation import Looks, Starts
from robo_dopamine_ros.sim.world import RATE, World
from robo_dopamine_ros.types import VIEWS

ID = 'robo_dopamine_ros/PegInsertion-v0'
ACTIONS = {'xyz_yaw': 4, 'twist': 6}
LEAD, CLEAR = 0.02, 0.25  # scales of target minus actual and of the tip's place [m]
STATE = (
    *('x', 'y', 'z'),  # tip from above the board's usual place [0.25 m]
    *('cos yaw', 'sin yaw'),  # of the tip
    *('vx', 'vy', 'vz', 'yaw rate'),  # of the tip [0.1 m/s, 1 rad/s]
    *('fx', 'fy', 'fz'),  # force on the peg [20 N], squashed to -1..1
    *('dx', 'dy', 'dz'),  # setpoint minus tip [0.02 m]: how hard the controller pushes
)
HIDDEN = ('hole x', 'hole y', 'hole z', 'hole yaw')  # peg against hole [0.05 m, 0.2 rad]


class PegInsertion(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """Actions at 10 Hz in -1..1: x, y, z and yaw, or a twist; a full one is 0.1 m/s or 1 rad/s.

    Observations hold `state` (see STATE; with `privileged` also HIDDEN) and, with `images`, one
    (H, W, 3) picture per view. The reward is 1 on success, which terminates; `info` has the true
    `progress`, `grade`, `contact` [N] and `is_success`.
    """

    metadata = {'render_modes': ['rgb_array'], 'render_fps': int(RATE)}

    def __init__(
        self,
        images: bool = True,
        size: tuple[int, int] = (128, 128),
        action: str = 'xyz_yaw',
        privileged: bool = False,
        piece: Workpiece | None = None,
        starts: Starts | None = None,
        looks: Looks | None = None,
        render_mode: str | None = None,
    ):
        """Size is (width, height) of a picture; `looks` None keeps the plain look."""
        if action not in ACTIONS:
            raise ValueError(f'action = {action!r}; it must be one of {", ".join(ACTIONS)}')
        if render_mode not in (None, *self.metadata['render_modes']):
            raise ValueError(f'render_mode = {render_mode!r}; it must be rgb_array or None')
        self.render_mode = render_mode
        self.world = World(piece)
        self._starts, self._looks = starts or Starts(), looks
        self._images, self._privileged, self._size = images, privileged, size
        self._cameras: Cameras | None = None
        length = len(STATE) + privileged * len(HIDDEN)
        spaces: dict[str, gymnasium.Space[Any]] = {
            'state': gymnasium.spaces.Box(-10.0, 10.0, (length,), np.float32)
        }
        if images:
            shape = (size[1], size[0], 3)
            spaces |= {view: gymnasium.spaces.Box(0, 255, shape, np.uint8) for view in VIEWS}
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Dict(spaces)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTIONS[action],), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin an episode; the same seed gives the same one."""
        super().reset(seed=seed, options=options)
        self.world.reset(self.np_random, self._starts, self._looks)
        return self._observe(), self._info()

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Act for 0.1 s."""
        wish = np.clip(np.asarray(action, dtype=float), -1.0, 1.0)
        if wish.shape != self.action_space.shape or not np.isfinite(wish).all():
            raise ValueError(f'action = {action}; it must be {self.action_space.shape} and finite')
        self.world.act(wish)
        info = self._info()
        return self._observe(), float(info['is_success']), info['is_success'], False, info

    def render(self) -> np.ndarray:
        """The front view (H, W, 3)."""
        return self._draw()[VIEWS[0]]

    def close(self) -> None:
        """Free the cameras."""
        if self._cameras is not None:
            self._cameras.close()
            self._cameras = None

    def _draw(self) -> dict[str, np.ndarray]:
        if self._cameras is None:
            self._cameras = Cameras(self.world.model, self._size)
        return self._cameras.draw(self.world.data)

    def _observe(self) -> dict[str, np.ndarray]:
        world = self.world
        twist, yaw, tip = world.twist, world.yaw, world.tip
        parts = [
            (tip - BOARD) / CLEAR,
            [np.cos(yaw), np.sin(yaw)],
            twist[:3] / 0.1,
            twist[5:],
            np.tanh(world.wrench[:3] / 20.0),
            (world.setpoint.position - tip) / LEAD,
        ]
        if self._privileged:
            seen = sight(world)
            parts += [seen.offset / 0.05, [seen.yaw / 0.2]]
        state = np.clip(np.concatenate(parts), -10, 10).astype(np.float32)
        return {'state': state, **(self._draw() if self._images else {})}

    def _info(self) -> dict[str, Any]:
        world = self.world
        return {
            'progress': world.progress,
            'grade': world.grade,
            'contact': world.contact,
            'is_success': world.grade == truth.SUCCESS,
        }


gymnasium.register(id=ID, entry_point=f'{__name__}:PegInsertion', max_episode_steps=120)
