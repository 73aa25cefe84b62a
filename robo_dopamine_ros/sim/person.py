"""The simulated person at a device: takes it up, drives, lets go, presses buttons, hands back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from robo_dopamine_ros.sim.operator import Operator, Sight
from robo_dopamine_ros.sim.world import RATE, STEP, TURN

HELD = frozenset({'dead_man'})
MOMENT = 0.2  # a press takes so long, and so does the pause before it [s]
PATIENCE = 1.0  # the dead-man is held so long without being heeded, before it is pressed anew [s]
DEEP = 0.020  # tip below the mouth from which the person calls it done [m]


class Stage(Enum):
    """What the person is at."""

    IDLE = 'idle'
    DRIVING = 'driving'
    PRESSING = 'pressing'


@dataclass(frozen=True)
class Doing:
    """What hands do at one moment."""

    twist: np.ndarray = field(default_factory=lambda: np.zeros(6))  # (6,) wished [m/s, rad/s]
    down: frozenset[str] = frozenset()  # buttons held, by what they do


class Person:
    """Walks the plans of operators, ten decisions a second; `now` is steady time [s]."""

    def __init__(self, hire: Callable[[], Operator], judges: bool):
        """`hire` gives an operator with a new plan; one who `judges` says how it ended."""
        self.stage = Stage.IDLE
        self._hire, self._judges = hire, judges
        self._twist, self._decided = np.zeros(6), -np.inf
        self._presses: list[str] = []
        self._since = 0.0  # when the press, or the pause before it, began [s]
        self._asked = -np.inf  # when it was last not heeded and began to wait [s]
        self._depth = 0.0  # of the tip, as seen last [m]

    def begin(self) -> None:
        """Set out with a new plan, from wherever the arm is."""
        self._operator, self.stage = self._hire(), Stage.DRIVING
        self._decided = self._asked = -np.inf

    def finish(self, now: float) -> None:
        """Let go and hand back, done or not."""
        if self.stage is Stage.DRIVING:
            self._let_go(['release'], now)

    def update(self, now: float, sight: Sight | None, free: bool, mine: bool) -> Doing:
        """What to do now; without `free` way or sight the person lets go and waits.

        Until the arm is `mine`, as the gate shows it, the dead-man is held without motion; who is
        not heeded lets go and holds it again.
        """
        if self.stage is Stage.PRESSING:
            return self._press(now)
        if self.stage is Stage.IDLE or not free or sight is None:
            self._asked = now
            return Doing()
        if not mine:
            if now - self._asked > PATIENCE:
                self._asked = now
            return Doing() if now - self._asked < MOMENT else Doing(down=HELD)
        self._asked = now - MOMENT
        return self._drive(now, sight)

    def _drive(self, now: float, sight: Sight) -> Doing:
        """The newest decision, until the plan is walked."""
        if (late := now - self._decided - 1 / RATE) >= 0:
            self._decided = now - late if late < 1 / RATE else now
            self._depth = -float(sight.offset[2])
            x, y, z, yaw = self._operator.act(sight) * RATE
            self._twist = np.array([x * STEP, y * STEP, z * STEP, 0, 0, yaw * TURN])
        if self._operator.done:
            word = 'success' if self._depth >= DEEP else 'failure'
            self._let_go([word, 'release'] if self._judges else ['release'], now)
            return Doing()
        return Doing(self._twist, HELD)

    def _let_go(self, presses: Sequence[str], now: float) -> None:
        self.stage, self._presses, self._since = Stage.PRESSING, list(presses), now

    def _press(self, now: float) -> Doing:
        """A pause, then the next button, until all were pressed."""
        if now - self._since >= 2 * MOMENT:
            self._since = now
            self._presses.pop(0)
        if not self._presses:
            self.stage = Stage.IDLE
            return Doing()
        pressed = now - self._since >= MOMENT
        return Doing(down=frozenset(self._presses[:1])) if pressed else Doing()
