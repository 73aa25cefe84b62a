"""A scripted person at the controls, who sees roughly, moves smoothly and feels for the hole."""

from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.geometry import rotated, unrotated
from robo_dopamine_ros.sim.plans import Leg, Plan
from robo_dopamine_ros.sim.world import RATE, STEP, TURN, World
from robo_dopamine_ros.types import Pose

LIGHT = 8.0  # force the operator pushes with while feeling for the hole [N]
SOFT = 0.025  # action per newton off that force [1/N]
LEAD = 0.6  # steps the operator looks ahead along the tip's motion
ALIGNED = 0.001  # offset per axis below which the operator goes down [m]


@dataclass(frozen=True)
class Hand:
    """How unsteady the operator is."""

    noise: float = 0.06  # standard deviation of each action
    bias: float = 0.0003  # of where the hole seems to be, drawn anew at every attempt [m]
    skew: float = 0.008  # of how the hole seems to be turned [rad]
    inertia: float = 0.45  # share of the last action in the next one

    def __post_init__(self):
        for name in ('noise', 'bias', 'skew'):
            if not getattr(self, name) >= 0:
                raise ValueError(f'{name} is {getattr(self, name)}; it must be at least 0')
        if not 0 <= self.inertia < 1:
            raise ValueError(f'inertia is {self.inertia}; it must lie in 0..1, without 1')


@dataclass(frozen=True)
class Sight:
    """What the operator goes by."""

    offset: np.ndarray  # (3,) peg tip in the hole's frame [m]
    yaw: float  # of the peg against the hole [rad]
    turn: float  # of the hole's frame about z in the base frame [rad]
    contact: float  # force on the peg [N]


def sight(world: World) -> Sight:
    """What there is to see."""
    return Sight(world.offset, _apart(world.yaw, world.start.turn), world.start.turn, world.contact)


def seen(tool: Pose, hole: Pose, force: np.ndarray, reach: float) -> Sight:
    """What there is to see, from poses in the base frame alone; z of the hole points up.

    The peg's tip is `reach` [m] beyond the tool; `force` (3,) [N] is that on the tool.
    """
    tip = tool.position + rotated(np.array([0.0, 0.0, reach]), tool.orientation)
    yaw, turn = _heading(tool), _heading(hole)
    offset = unrotated(tip - hole.position, hole.orientation)
    return Sight(offset, _apart(yaw, turn), turn, float(np.linalg.norm(force)))


def _heading(pose: Pose) -> float:
    """Turn of a frame's x axis about the base's z [rad]."""
    x, y, _ = rotated(np.array([1.0, 0.0, 0.0]), pose.orientation)
    return float(np.arctan2(y, x))


def _apart(yaw: float, turn: float) -> float:
    """Turn of the peg against the hole; a square one looks the same every quarter turn."""
    quarter = np.pi / 2
    return (yaw - turn + quarter / 2) % quarter - quarter / 2


class Operator:
    """Walks a plan leg by leg; an action is x, y, z and yaw in the base frame, each in -1..1."""

    def __init__(self, plan: Plan, rng: np.random.Generator, hand: Hand | None = None):
        self._plan, self._rng, self._hand = plan, rng, hand or Hand()
        self._index, self._last = 0, np.zeros(4)
        self._before: np.ndarray | None = None
        self._begin()

    def _begin(self) -> None:
        self._steps = self._stayed = self._stuck = self._lift = 0
        self._look()

    def _look(self) -> None:
        self._bias = self._rng.normal(0, self._hand.bias, 2)
        self._skew = self._rng.normal(0, self._hand.skew)

    @property
    def done(self) -> bool:
        """Whether the plan is walked."""
        return self._index >= len(self._plan)

    def act(self, sight: Sight) -> np.ndarray:
        """The action (4,) for the next step; zeros once done."""
        if self.done:
            return np.zeros(4)
        leg = self._plan[self._index]
        if self._before is None:
            self._before = sight.offset
        error = np.append(np.array(leg.place) - sight.offset, leg.yaw - sight.yaw)
        error[:2] += self._bias - LEAD * (sight.offset - self._before)[:2]
        self._before = sight.offset
        error[3] += self._skew
        self._count(leg, error, sight)
        wish = self._feel(leg, error, sight) if leg.insert else self._go(leg, error)
        keep = self._hand.inertia
        self._last = keep * self._last + (1 - keep) * wish
        noisy = self._last + self._rng.normal(0, self._hand.noise, 4) * self._calm(leg, error)
        c, s = np.cos(sight.turn), np.sin(sight.turn)
        x, y, z, yaw = np.clip(noisy, -1, 1)
        return np.clip([c * x - s * y, s * x + c * y, z, yaw], -1, 1)

    def _calm(self, leg: Leg, error: np.ndarray) -> float:
        """A careful operator shakes less close to the goal."""
        return 0.3 if leg.insert else float(np.clip(np.abs(error[:3]).max() / 0.03, 0.3, 1.0))

    def _count(self, leg: Leg, error: np.ndarray, sight: Sight) -> None:
        """Decide whether the leg is over."""
        pressed = leg.place[2] < 0 and not leg.insert and sight.contact > 4.0
        close = np.abs(error[:3]).max() < leg.within + 0.001 and abs(error[3]) < 0.06
        self._steps += 1
        if close or pressed or self._stayed or self._steps > leg.patience:
            self._stayed += 1
        if self._stayed > leg.dwell:
            self._index += 1
            self._begin()

    def _go(self, leg: Leg, error: np.ndarray) -> np.ndarray:
        """Head straight for the place, slower on arrival."""
        wish = np.append(error[:3] / STEP * 0.7, error[3] / TURN * 0.7)
        top = leg.speed / (STEP * RATE)
        length = float(np.linalg.norm(wish[:3]))
        wish[:3] *= min(1.0, top / length) if length > 0 else 1.0
        wish[3] = np.clip(wish[3], -0.7, 0.7)
        return wish

    def _feel(self, leg: Leg, error: np.ndarray, sight: Sight) -> np.ndarray:
        """Go down once aligned; in contact push lightly and wiggle; stuck, lift and look anew."""
        level, height = np.append(error[:2], [0.0, error[3]]), sight.offset[2]
        wish = self._go(leg, level)
        wish[2] = np.clip(error[2] / STEP * 0.7, -leg.speed / (STEP * RATE), 0.5)
        aligned = np.abs(error[:2]).max() < ALIGNED and abs(error[3]) < 0.05
        if self._lift > 0:
            self._lift -= 1
            wish[2] = 0.5
        elif height < -0.002:
            wish[:2] *= 0.3
        elif height < 0.0015 and sight.contact > 2.0:
            self._stuck += 1
            wish[2] = (sight.contact - LIGHT) * SOFT
            wish[:2] += self._rng.normal(0, 0.1, 2)
            if self._stuck > 6:
                self._stuck, self._lift = 0, 2
                self._look()
        elif not aligned:
            wish[2] = 0.5 * (0.004 - height) / STEP if height < 0.010 else min(0.0, wish[2])
        return wish
