"""A gamepad from sensor_msgs/Joy, as game_controller_node publishes it.

Left and forward are positive. The node repeats the state at 20 Hz by default, so that silence means
a dead device or driver; its `autorepeat_rate` must stay at 20 or more. Triggers range from 0 to -1
and read 0 until they are moved.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.teleop.device import ButtonEvent, DeviceReading, InvalidReadingError
from robo_dopamine_ros.teleop.mapping import (
    DEAD_MAN,
    MOTIONS,
    TILT,
    AxisMapping,
    ButtonTracker,
    ResponseCurve,
    SpeedLimits,
    check_axes,
    check_buttons,
    finite_array,
)

TOPIC, TYPE = 'joy', 'sensor_msgs/msg/Joy'
AXES = ('LX', 'LY', 'RX', 'RY', 'LT', 'RT')  # in the order of game_controller_node
BUTTONS = (
    *('A', 'B', 'X', 'Y', 'BACK', 'GUIDE', 'START', 'LSTICK', 'RSTICK', 'LB', 'RB'),
    *('DPAD_UP', 'DPAD_DOWN', 'DPAD_LEFT', 'DPAD_RIGHT'),
)
DEFAULT_BUTTONS = (
    *('release', 'stop', 'tilt', 'take_over', 'rearm', '', 'start', '', '', 'dead_man', 'gripper'),
    *('success', 'failure', 'slower', 'faster'),
)


@dataclass(frozen=True)
class JoyState:
    """Content of a Joy message."""

    axes: tuple[float, ...]
    buttons: tuple[int, ...]


@dataclass(frozen=True)
class JoyConfig:
    """Functions of a gamepad's axes and buttons, in the device's order."""

    axes: tuple[str, ...] = ('y', 'x', 'yaw', 'z', '', '')  # motion of each; '-' inverts
    tilted: tuple[str, ...] = ('-roll', 'pitch', 'yaw', 'z', '', '')  # the same while tilt is held
    scales: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)  # fraction of full speed, 0..1 each
    buttons: tuple[str, ...] = DEFAULT_BUTTONS  # function of each; dead_man and tilt while held
    curve: ResponseCurve = field(default_factory=ResponseCurve)
    timeout: float = 0.2  # without a message for so long the device is dead [s]

    def __post_init__(self) -> None:
        check_axes('axes', self.axes)
        check_axes('tilted', self.tilted)
        check_buttons('buttons', self.buttons)
        check_scales(self.scales, self.axes)
        if len(self.tilted) != len(self.axes):
            raise ValueError(f'tilted = {self.tilted}; it must be as long as axes = {self.axes}')
        if not 0 < self.timeout <= 1:
            raise ValueError(f'timeout = {self.timeout} s; it must be above 0, at most 1')


class JoyDevice:
    """A gamepad whose dead-man is a button."""

    def __init__(self, config: JoyConfig, limits: SpeedLimits, topic: str = TOPIC):
        self.topics = {topic: TYPE}
        self.timeout = config.timeout
        self._limits, self._curve = limits, config.curve
        self._axes = AxisMapping(config.axes, config.scales)
        self._tilted_axes = AxisMapping(config.tilted, config.scales)
        self._buttons = ButtonTracker(config.buttons)

    def on_message(self, topic: str, value: JoyState, now: float) -> DeviceReading:
        """Convert sticks and buttons; raises InvalidReadingError if there are too few."""
        count = max(self._axes.count, self._tilted_axes.count)
        values = finite_array(f'{topic} axes', value.axes, count)
        held, pressed = read_buttons(topic, value, self._buttons)
        mapping = self._tilted_axes if TILT in held else self._axes
        twist = self._limits.to_twist(mapping.to_fractions(self._curve.apply(values)))
        return DeviceReading(DEAD_MAN in held, twist, pressed, self._axes.opening(values))

    def poll(self, now: float) -> None:
        """Return None: only messages count."""


def read_buttons(
    topic: str, state: JoyState, buttons: ButtonTracker
) -> tuple[frozenset[str], frozenset[ButtonEvent]]:
    """Update `buttons` and return the held and the pressed ones; InvalidReadingError if too few."""
    if len(state.buttons) < buttons.count:
        few = f'{len(state.buttons)} buttons; there must be {buttons.count} or more'
        raise InvalidReadingError(f'{topic}: {few}')
    return buttons.update(state.buttons)


def joy_for_twist(
    config: JoyConfig, limits: SpeedLimits, twist: np.ndarray, down: Collection[str]
) -> JoyState:
    """Return the Joy state that requests a twist (6,) [m/s, rad/s], with the buttons `down`.

    The inverse of `JoyDevice.on_message` without tilt; beyond the limits the axes saturate.
    """
    fractions = np.append(twist[:3] / limits.speed, twist[3:] / limits.angular_speed)
    axes = [0.0] * len(config.axes)
    for index, (name, scale) in enumerate(zip(config.axes, config.scales, strict=True)):
        bare, sign = name.removeprefix('-'), -1.0 if name.startswith('-') else 1.0
        if bare in MOTIONS and scale > 0:
            axes[index] = sign * fractions[MOTIONS.index(bare)] / scale
    axes = config.curve.invert(np.array(axes)).tolist()
    return JoyState(tuple(axes), tuple(int(bool(name) and name in down) for name in config.buttons))


def check_scales(scales: tuple[float, ...], axes: tuple[str, ...]) -> None:
    """Raise ValueError unless there is a fraction 0..1 for every axis."""
    if len(scales) != len(axes) or not np.all([0 <= scale <= 1 for scale in scales]):
        raise ValueError(f'scales = {scales}; it must be {len(axes)} shares, each in 0..1')
