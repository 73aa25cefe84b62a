"""A SpaceMouse as spacenav_node tells of it on spacenav/joy: x forward, y left, z up.

It need not say anything while nothing changes, so silence means that the cap stands still, never
that the device died. Before release 3.2 a message names only the button that changed, and calls
those before it released: a button that is not named is as it was, and of two the second is the
dead-man.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.teleop.curve import Curve
from robo_dopamine_ros.teleop.joy import TYPE, Panel, check_scales
from robo_dopamine_ros.teleop.layout import (
    DEAD_MAN,
    MOTIONS,
    Axes,
    Buttons,
    check_axes,
    check_buttons,
    finite,
)
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.teleop.reading import STILL, Reading

TOPIC = 'spacenav/joy'
MOTION = 'motion'  # instead of a button: pushing the cap holds the dead-man


@dataclass(frozen=True)
class SpaceMap:
    """What the axes and buttons of a SpaceMouse do, in its order."""

    axes: tuple[str, ...] = ('x', 'y', 'z', 'roll', 'pitch', 'yaw')  # '-' turns one around
    scales: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)  # share of the pace, 0..1 each
    buttons: tuple[str, ...] = ('gripper', 'dead_man')  # what each does; dead_man while held
    dead_man: str = 'button'  # or motion: held while the cap is pushed, without any button
    curve: Curve = field(default_factory=Curve)
    still_after: float = 0.3  # the cap counts as still after silence of so long [s]

    def __post_init__(self) -> None:
        check_axes('axes', self.axes, MOTIONS)
        check_scales(self.scales, self.axes)
        if self.dead_man not in ('button', MOTION):
            raise ValueError(f'dead_man = {self.dead_man!r}; it must be button or {MOTION}')
        check_buttons('buttons', self.buttons, dead_man=self.dead_man != MOTION)
        if not 0 < self.still_after <= 1:
            raise ValueError(f'still_after = {self.still_after} s; it must be above 0, at most 1')


class SpaceNav:
    """A SpaceMouse."""

    def __init__(self, layout: SpaceMap, pace: Pace):
        self.hears = {TOPIC: TYPE}
        self.silence = math.inf
        self._layout, self._pace = layout, pace
        self._axes, self._buttons = Axes(layout.axes, layout.scales), Buttons(layout.buttons)
        self._down = [0] * len(layout.buttons)
        self._buttons.update(self._down)
        self._held, self._twist, self._heard = False, STILL, -math.inf

    def hear(self, topic: str, value: Panel, now: float) -> Reading:
        """Read the cap and those buttons that are named."""
        values = finite(f'{topic} axes', value.axes, self._axes.count)
        shares = self._layout.curve.shape(values)
        named = value.buttons[: len(self._down)]
        self._down[: len(named)] = named
        held, pressed = self._buttons.update(self._down)
        self._twist, self._heard = self._pace.twist(self._axes.motion(shares)), now
        moves = bool(np.any(self._twist))
        self._held = moves if self._layout.dead_man == MOTION else DEAD_MAN in held
        return Reading(self._held, self._twist, pressed)

    def look(self, now: float) -> Reading | None:
        """What it said last; stillness once that is long ago."""
        if self._heard == -math.inf:
            return None
        if now - self._heard > self._layout.still_after:
            self._twist = STILL
            self._held = self._held and self._layout.dead_man != MOTION
        return Reading(self._held, self._twist)
