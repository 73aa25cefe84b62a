"""Another program's twist, as TwistStamped on teleop/twist, with a dead-man of its own.

Its stamp and frame are not read: arrival counts, and the frame is that of `Motion`.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robo_dopamine_ros.teleop.clutch import Clutch, ClutchMap
from robo_dopamine_ros.teleop.layout import finite
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.teleop.reading import STILL, BadReadingError, Reading

TOPIC, TYPE = 'teleop/twist', 'geometry_msgs/msg/TwistStamped'


@dataclass(frozen=True)
class TwistMap:
    """How twists in m/s and rad/s are taken."""

    scale: float = 1.0  # of the linear part
    turn_scale: float = 1.0  # of the angular part
    silence: float = 0.2  # without a twist for so long the device is dead [s]
    clutch: ClutchMap = field(default_factory=ClutchMap)

    def __post_init__(self) -> None:
        check_stream(self.scale, self.turn_scale, self.silence)


class Twist:
    """A stream of twists; nothing is read of it until the dead-man's topic speaks as well."""

    def __init__(self, layout: TwistMap, pace: Pace):
        self._clutch, self._pace = Clutch(layout.clutch), pace
        self._scales = np.repeat([layout.scale, layout.turn_scale], 3)
        self.hears = {TOPIC: TYPE, **self._clutch.hears}
        self.silence = layout.silence

    def hear(self, topic: str, value: Any, now: float) -> Reading:
        """Take in a twist (6,), or what the clutch's topic says."""
        if topic != TOPIC:
            pressed = self._clutch.hear(topic, value, now)
            return Reading(self._clutch.held, None, pressed)
        twist = six(topic, value)
        if not self._clutch.speaks(now):
            return Reading(self._clutch.held, None)
        held = self._clutch.held
        return Reading(held, self._pace.bounded(twist * self._scales) if held else STILL)

    def look(self, now: float) -> None:
        """It speaks by itself."""


def six(topic: str, value: Any) -> np.ndarray:
    """Give a twist (6,), or BadReadingError."""
    array = finite(topic, value, 6)
    if array.shape != (6,):
        raise BadReadingError(f'{topic}: {array.shape}; it must be six numbers')
    return array


def check_stream(scale: float, turn_scale: float, silence: float) -> None:
    """Raise ValueError for what no stream of motion may be scaled or waited for."""
    for name, value in (('scale', scale), ('turn_scale', turn_scale)):
        if not 0 <= value < math.inf:
            raise ValueError(f'{name} = {value}; it must be 0 or more')
    if not 0 < silence <= 1:
        raise ValueError(f'silence = {silence} s; it must be above 0, at most 1')
