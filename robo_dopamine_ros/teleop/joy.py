"""A gamepad as game_controller_node tells of it: left and forward are positive.

It repeats what holds 20 times a second by default, so its silence means that the device or its
driver is dead; `autorepeat_rate` must stay 20 or more. Its triggers go from 0 to -1, and read 0
until they are moved.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.teleop.curve import Curve
from robo_dopamine_ros.teleop.layout import (
    DEAD_MAN,
    MOTIONS,
    TILT,
    Axes,
    Buttons,
    check_axes,
    check_buttons,
    finite,
)
from robo_dopamine_ros.teleop.pace import Pace
from robo_dopamine_ros.teleop.reading import BadReadingError, Reading

TOPIC, TYPE = 'joy', 'sensor_msgs/msg/Joy'
AXES = ('LX', 'LY', 'RX', 'RY', 'LT', 'RT')  # as game_controller_node orders them
BUTTONS = (
    *('A', 'B', 'X', 'Y', 'BACK', 'GUIDE', 'START', 'LSTICK', 'RSTICK', 'LB', 'RB'),
    *('DPAD_UP', 'DPAD_DOWN', 'DPAD_LEFT', 'DPAD_RIGHT'),
)
DOES = (
    *('release', 'stop', 'tilt', 'take_over', 'rearm', '', 'start', '', '', 'dead_man', 'gripper'),
    *('success', 'failure', 'slower', 'faster'),
)


@dataclass(frozen=True)
class Panel:
    """What a Joy message holds."""

    axes: tuple[float, ...]
    buttons: tuple[int, ...]


@dataclass(frozen=True)
class JoyMap:
    """What a gamepad's axes and buttons do, in its order."""

    axes: tuple[str, ...] = ('y', 'x', 'yaw', 'z', '', '')  # what each moves; '-' turns it around
    tilted: tuple[str, ...] = ('-roll', 'pitch', 'yaw', 'z', '', '')  # while tilt is held
    scales: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)  # share of the pace, 0..1 each
    buttons: tuple[str, ...] = DOES  # what each does; dead_man and tilt while held
    curve: Curve = field(default_factory=Curve)
    silence: float = 0.2  # without a message for so long it is dead [s]

    def __post_init__(self) -> None:
        check_axes('axes', self.axes)
        check_axes('tilted', self.tilted)
        check_buttons('buttons', self.buttons)
        check_scales(self.scales, self.axes)
        if len(self.tilted) != len(self.axes):
            raise ValueError(f'tilted = {self.tilted}; it must be as long as axes = {self.axes}')
        if not 0 < self.silence <= 1:
            raise ValueError(f'silence = {self.silence} s; it must be above 0, at most 1')


class Joy:
    """A gamepad."""

    def __init__(self, layout: JoyMap, pace: Pace, topic: str = TOPIC):
        self.hears = {topic: TYPE}
        self.silence = layout.silence
        self._pace, self._curve = pace, layout.curve
        self._straight = Axes(layout.axes, layout.scales)
        self._tilted = Axes(layout.tilted, layout.scales)
        self._buttons = Buttons(layout.buttons)

    def hear(self, topic: str, value: Panel, now: float) -> Reading:
        """Read sticks and buttons."""
        axes = finite(f'{topic} axes', value.axes, max(self._straight.count, self._tilted.count))
        if len(value.buttons) < self._buttons.count:
            few = f'{len(value.buttons)} buttons; there must be {self._buttons.count} or more'
            raise BadReadingError(f'{topic}: {few}')
        held, pressed = self._buttons.update(value.buttons)
        opening = self._straight.opening(axes)
        shares = (self._tilted if TILT in held else self._straight).motion(self._curve.shape(axes))
        return Reading(DEAD_MAN in held, self._pace.twist(shares), pressed, opening)

    def look(self, now: float) -> None:
        """It speaks by itself."""


def practised(layout: JoyMap, pace: Pace, twist: np.ndarray, down: Collection[str]) -> Panel:
    """What a person who knows the gamepad does for a twist (6,) [m/s, rad/s], and to press `down`.

    No more than the axes give: beyond the pace they stand at their end.
    """
    shares = np.append(twist[:3] / pace.speed, twist[3:] / pace.turning)
    axes = [0.0] * len(layout.axes)
    for index, (name, scale) in enumerate(zip(layout.axes, layout.scales, strict=True)):
        bare, sign = name.removeprefix('-'), -1.0 if name.startswith('-') else 1.0
        if bare in MOTIONS and scale > 0:
            axes[index] = sign * shares[MOTIONS.index(bare)] / scale
    axes = layout.curve.unshape(np.array(axes)).tolist()
    return Panel(tuple(axes), tuple(int(bool(name) and name in down) for name in layout.buttons))


def check_scales(scales: tuple[float, ...], axes: tuple[str, ...]) -> None:
    """Raise ValueError unless there is a share for every axis."""
    if len(scales) != len(axes) or not np.all([0 <= scale <= 1 for scale in scales]):
        raise ValueError(f'scales = {scales}; it must be {len(axes)} shares, each in 0..1')
