"""From readings to wishes: the dead-man's word, the frame, the pace, the gripper; and when not.

Pure: steady time [s] comes in for the life of the device, a ROS stamp for the wish.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.geometry import rotated_twist
from robo_dopamine_ros.teleop.gripper import Gripper
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.teleop.reading import Press, Reading
from robo_dopamine_ros.types import Action

FRAMES = ('base', 'tool')
SLOWEST = 1 / 16  # share of the pace
RELEASED = 'dead-man released'
SILENT = 'nothing heard of the gate'  # not even what the gripper must keep
LET_GO = 'let go of the dead-man first, then hold it'


@dataclass(frozen=True)
class Motion:
    """What a person means by forward, and how fast."""

    frame: str = 'base'  # of the motion: base, or tool (needs arm/state)
    facing: float = 0.0  # where the person looks, turned from the base frame about z [rad]
    factor: float = 1.0  # share of the pace to begin with, faster and slower change it
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        if self.frame not in FRAMES:
            raise ValueError(f'frame = {self.frame!r}; it must be {" or ".join(FRAMES)}')
        if not -2 * math.pi <= self.facing <= 2 * math.pi:
            raise ValueError(f'facing = {self.facing} rad; it must be in -2 pi..2 pi')
        if not SLOWEST <= self.factor <= 1:
            raise ValueError(f'factor = {self.factor}; it must be in {SLOWEST}..1')


@dataclass(frozen=True)
class Seen:
    """What the person's side knows of the arm."""

    orientation: np.ndarray | None = None  # of the tool, x, y, z, w; None: not known
    gripper: float | None = None  # told last, 0 closed .. 1 open; None: the gate is silent


class Pilot:
    """Keeps what must be remembered between readings of one device.

    A dead-man counts only once it was seen released: since the start, and since the device died.
    """

    def __init__(self, motion: Motion, silence: float):
        """`silence` [s] is that of the device, see `Device`."""
        self.factor = motion.factor
        self.dead = ''  # why the device counts as dead; empty while it lives, or never spoke
        self.held = False  # the dead-man, as the device said last
        self._motion, self._silence = motion, silence
        self._ready, self._spoke, self._heard = False, False, 0.0
        self._gripper = Gripper()

    @property
    def alive(self) -> bool:
        """Whether the device has spoken, and is not dead since."""
        return self._spoke and not self.dead

    def hear(self, reading: Reading, seen: Seen, stamp: int, now: float) -> Action | None:
        """Give the wish of a reading, None where it holds the dead-man but tells of no motion."""
        self.held = reading.held
        if reading.twist is not None:
            self.dead, self._spoke, self._heard = '', True, now
        for press, ratio in ((Press.FASTER, 2.0), (Press.SLOWER, 0.5)):
            if press in reading.pressed:
                self.factor = min(1.0, max(SLOWEST, self.factor * ratio))
        if not reading.held:
            self._ready = True
            self._gripper.forget()
            return Action(stamp, valid=False, reason=RELEASED)
        if not self._ready:
            return Action(stamp, valid=False, reason=LET_GO)
        if seen.gripper is None:
            return Action(stamp, valid=False, reason=SILENT)
        toggled = Press.GRIPPER in reading.pressed
        opening = self._gripper.update(toggled, reading.opening, seen.gripper)
        if reading.twist is None:
            return None
        return self._wish(reading.twist, opening, seen, stamp)

    def check(self, now: float, lost: str = '') -> bool:
        """Whether the device died just now, of silence or because it is `lost`; see `dead`."""
        silent = self._spoke and now - self._heard > self._silence
        cause = f'silent for more than {self._silence:g} s' if silent else lost
        if self.dead or not (cause and self._spoke):
            return False
        holding = ' while the dead-man was held' if self.held and self._ready else ''
        self.dead, self._ready = cause + holding, False
        return True

    def _wish(self, twist: np.ndarray, opening: float, seen: Seen, stamp: int) -> Action:
        twist = self._motion.pace.bounded(twist) * self.factor
        if self._motion.frame == 'base':
            half = self._motion.facing / 2
            turned = rotated_twist(twist, np.array([0.0, 0.0, math.sin(half), math.cos(half)]))
            return Action(stamp, turned, gripper=opening)
        if seen.orientation is None:
            reason = 'no arm/state: the frame of the tool is not known'
            return Action(stamp, valid=False, reason=reason)
        return Action(stamp, rotated_twist(twist, seen.orientation), gripper=opening)
