"""The insertion as a place to practise at, and the person who watches.

Its clock rises by a tenth of a second a step, through all episodes.
"""

import numpy as np

from robo_dopamine_ros.sim.env import PegInsertion
from robo_dopamine_ros.sim.operator import Operator, sight
from robo_dopamine_ros.sim.plans import plan
from robo_dopamine_ros.sim.scene import Workpiece
from robo_dopamine_ros.sim.stall import Stall
from robo_dopamine_ros.sim.world import RATE, World
from robo_dopamine_ros.types import SECOND, VIEWS, Views

PERIOD = round(SECOND / RATE)  # [ns]
PAUSE = 10 * SECOND  # between episodes [ns]
SIZE = (160, 120)  # of a picture: columns, rows [px]


class Arena:
    """One world for many episodes; the same seed gives the same start."""

    def __init__(self, clearance: float = 0.002, now: int = SECOND) -> None:
        """The hole is `clearance` [m] wider than the peg; the clock begins at `now` [ns]."""
        self._env = PegInsertion(size=SIZE, piece=Workpiece(clearance=clearance))
        self._now = now

    def reset(self, seed: int) -> tuple[Views, np.ndarray]:
        """Begin an episode: views and proprioception (15,)."""
        self._now += PAUSE
        return self._glance(self._env.reset(seed=seed)[0])

    def act(self, action: np.ndarray) -> tuple[Views, np.ndarray]:
        """Act for a tenth of a second: x, y, z and yaw (4,), each in -1..1."""
        self._now += PERIOD
        return self._glance(self._env.step(action)[0])

    @property
    def succeeded(self) -> bool:
        """The truth: whether the peg is in, deep enough. For reports only."""
        return self._env.world.grade == 'success'

    @property
    def world(self) -> World:
        """What a person sees who stands by."""
        return self._env.world

    def close(self) -> None:
        """Free the cameras."""
        self._env.close()

    def _glance(self, seen: dict[str, np.ndarray]) -> tuple[Views, np.ndarray]:
        images = {view: seen[view] for view in VIEWS}
        return Views(images, dict.fromkeys(VIEWS, self._now)), seen['state']


class Bystander:
    """The scripted person who watches practice and takes over for a moment when it stalls.

    He sees the scene itself, as a person does, but never says how an episode ended.
    """

    def __init__(
        self,
        world: World,
        rng: np.random.Generator,
        until: int = 30,
        grace: int = 10,
        patience: int = 8,
        burst: int = 15,
    ) -> None:
        """He stands by in the first `until` rollouts of practice.

        Nobody is helped in the first `grace` steps; after `patience` steps without progress he
        drives for `burst` steps.
        """
        self._world, self._rng = world, rng
        self._until, self._grace, self._patience, self._burst = until, grace, patience, burst
        self.begin(until)

    def begin(self, rollout: int) -> None:
        """A rollout begins; they are counted from 0."""
        self._present = rollout < self._until
        self._stall = Stall(self._grace, self._patience)
        self._steps, self._left = 0, 0

    def wish(self) -> np.ndarray | None:
        """What he does in the next step; None while he leaves it to the policy."""
        if not self._present:
            return None
        self._steps += 1
        stalls = self._stall.update(self._world.progress, self._steps)
        if self._left == 0 and stalls:
            self._left = self._burst
            self._operator = Operator(plan('demonstration', self._rng), self._rng)
        if self._left == 0:
            return None
        self._left -= 1
        self._stall.excuse(self._steps)
        return self._operator.act(sight(self._world)).astype(np.float32)
