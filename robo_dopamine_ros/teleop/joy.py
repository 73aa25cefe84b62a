"""A gamepad from sensor_msgs/Joy, as game_controller_node publishes it.

Left and forward are positive. The node repeats the state at 20 Hz by default, so that silence means
a dead device or driver; its `autorepeat_rate` must stay at 20 or more. Triggers range from 0 to -1
and read 0 until they are moved.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.teleop.device import ButtonEvent, DeviceReading, InvalidReadingError
from robo_dopamine_ros.teleop.held_press import PRESS, HeldPress
from robo_dopamine_ros.teleop.layouts import AUTO, NAMES, JoyState
from robo_dopamine_ros.teleop.mapping import (
    DEAD_MAN,
    ENABLE,
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
from robo_dopamine_ros.teleop.presence import Presence, RepeatMonitor

TOPIC, TYPE = 'joy', 'sensor_msgs/msg/Joy'
AXES = ('LX', 'LY', 'RX', 'RY', 'LT', 'RT')  # in the order of game_controller_node
BUTTONS = (
    *('A', 'B', 'X', 'Y', 'BACK', 'GUIDE', 'START', 'LSTICK', 'RSTICK', 'LB', 'RB'),
    *('DPAD_UP', 'DPAD_DOWN', 'DPAD_LEFT', 'DPAD_RIGHT'),
)
DEFAULT_AXES = ('y', 'x', 'yaw', 'z', '', 'enable')
DEFAULT_BUTTONS = (
    *('release', 'stop', 'tilt', 'take_over', 'rearm', '', 'start', '', '', 'dead_man', 'gripper'),
    *('success', 'failure', 'slower', 'faster'),
)


@dataclass(frozen=True)
class JoyConfig:
    """Functions of a gamepad's axes and buttons, in the device's order."""

    layout: str = AUTO  # order of axes and buttons; auto: that of the driver, see docs/teleop.md
    axes: tuple[str, ...] = DEFAULT_AXES  # motion of each; '-' inverts; enable: hold-to-run
    tilted: tuple[str, ...] = ('-roll', 'pitch', 'yaw', 'z', '', '')  # the same while tilt is held
    scales: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)  # fraction of full speed, 0..1 each
    buttons: tuple[str, ...] = DEFAULT_BUTTONS  # of each; dead_man, tilt, enable while held
    curve: ResponseCurve = field(default_factory=ResponseCurve)
    timeout: float = 0.2  # without a message for so long the device is dead [s]
    press: float = PRESS  # rearm, start and success count after so long [s]
    max_constant: float = 3.0  # the same deflection for so long: the gamepad counts as gone [s]
    max_unchanged: float = 20.0  # the same for a held dead-man or enable without any change [s]

    def __post_init__(self) -> None:
        check_axes('axes', self.axes)
        check_axes('tilted', self.tilted)
        check_buttons('buttons', self.buttons)
        check_scales(self.scales, self.axes)
        if len(self.tilted) != len(self.axes):
            raise ValueError(f'tilted = {self.tilted}; it must be as long as axes = {self.axes}')
        if not 0 < self.timeout <= 1:
            raise ValueError(f'timeout = {self.timeout} s; it must be above 0, at most 1')
        if self.layout not in NAMES:
            raise ValueError(f'layout = {self.layout!r}; it must be one of {", ".join(NAMES)}')
        if not 0 <= self.press <= 2:
            raise ValueError(f'press = {self.press} s; it must be in 0..2')
        for name in ('max_constant', 'max_unchanged'):
            if not 0.5 <= (value := getattr(self, name)) <= 600:
                raise ValueError(f'{name} = {value} s; it must be in 0.5..600')

    @property
    def custom(self) -> bool:
        """Whether axes or buttons are mapped otherwise than by default."""
        return (self.axes, self.buttons) != (DEFAULT_AXES, DEFAULT_BUTTONS)

    @property
    def enables(self) -> bool:
        """Whether an axis or a button is mapped to hold-to-run."""
        return ENABLE in {name.removeprefix('-') for name in self.axes} | {*self.buttons}


class JoyButtons:
    """The buttons of a gamepad: those held, and those that went down or were held long enough."""

    def __init__(self, names: tuple[str, ...], press: float = PRESS):
        """`press` [s] is how long rearm, start and success must be held."""
        self.held: frozenset[str] = frozenset()
        self._tracker, self._press = ButtonTracker(names), HeldPress(press)

    @property
    def notice(self) -> str:
        """What a press still needs, for the person."""
        return self._press.notice

    def update(self, topic: str, state: JoyState, now: float) -> frozenset[ButtonEvent]:
        """Return the events that count now; InvalidReadingError if there are too few buttons."""
        if len(state.buttons) < self._tracker.count:
            few = f'{len(state.buttons)} buttons; there must be {self._tracker.count} or more'
            raise InvalidReadingError(f'{topic}: {few}')
        self.held, pressed = self._tracker.update(state.buttons)
        return self._press.update(pressed, self.held, now)


class JoyDevice:
    """A gamepad whose dead-man is a button."""

    touch = 'press a button of the gamepad, or move a stick, once'

    def __init__(self, config: JoyConfig, limits: SpeedLimits, topic: str = TOPIC):
        self.topics = {topic: TYPE}
        self.timeout = config.timeout
        self._config, self._limits = config, limits
        self._axes = AxisMapping(config.axes, config.scales)
        self._tilted_axes = AxisMapping(config.tilted, config.scales)
        self._buttons = JoyButtons(config.buttons, config.press)
        self._presence, self._repeats = Presence(), RepeatMonitor(topic, config.timeout)
        self._deflected = self._enabled = False

    def on_message(self, topic: str, value: JoyState, now: float) -> DeviceReading:
        """Convert sticks and buttons; raises InvalidReadingError if there are too few."""
        count = max(self._axes.count, self._tilted_axes.count)
        values = finite_array(f'{topic} axes', value.axes, count)
        pressed = self._buttons.update(topic, value, now)
        reported = (*value.axes, *value.buttons)
        self._presence.update(reported, now)
        self._repeats.on_message(reported, now)
        curve, held = self._config.curve, self._buttons.held
        mapping = self._tilted_axes if TILT in held else self._axes
        twist = self._limits.to_twist(mapping.to_fractions(curve.apply(values)))
        self._deflected = bool(np.any(twist))
        self._enabled = ENABLE in held or self._axes.enabled(values)
        zone = curve.dead_zone
        return DeviceReading(
            DEAD_MAN in held,
            twist,
            pressed,
            self._axes.opening(values),
            self._enabled,
            reported,
            self._repeats.fault,
            self._axes.off_rest(values, zone) or self._tilted_axes.off_rest(values, zone),
            self._buttons.notice,
        )

    def lost(self, now: float) -> str:
        """Return why the gamepad counts as gone: no hand holds it, or its driver never repeats."""
        unchanged, config = now - self._presence.changed_at, self._config
        held = DEAD_MAN in self._buttons.held
        if held and self._deflected and unchanged > config.max_constant:
            return f'the sticks read exactly the same for {config.max_constant:g} s'
        if (held or self._enabled) and unchanged > config.max_unchanged:
            return f'held, but nothing has changed for {config.max_unchanged:g} s'
        return self._repeats.lost(now)

    def poll(self, now: float) -> None:
        """Return None: only messages count."""


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
    for index, name in enumerate(config.axes if ENABLE in down else ()):
        if name.removeprefix('-') == ENABLE:
            axes[index] = 1.0 if name.startswith('-') else -1.0
    return JoyState(tuple(axes), tuple(int(bool(name) and name in down) for name in config.buttons))


def check_scales(scales: tuple[float, ...], axes: tuple[str, ...]) -> None:
    """Raise ValueError unless there is a fraction 0..1 for every axis."""
    if len(scales) != len(axes) or not np.all([0 <= scale <= 1 for scale in scales]):
        raise ValueError(f'scales = {scales}; it must be {len(axes)} shares, each in 0..1')
