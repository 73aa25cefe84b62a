"""A SpaceMouse from spacenav/joy of spacenav_node: x forward, y left, z up.

The node publishes all the time, with or without a device: without news it sends zeros every 31 ms
(`zero_when_static`), or repeats the last deflection, and it repeats the buttons. When the cable is
pulled it therefore reports a cap at rest, or one that stays deflected, and the dead-man still held.
A cap in somebody's hand never reports the same for long, and springs back over several reports.

Before release 3.2 a message ends with the button that changed and reports those before it as
released. A button beyond the end of a message therefore keeps its state, and the dead-man is the
second of two buttons.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.teleop.device import ZERO_TWIST, ButtonEvent, DeviceReading
from robo_dopamine_ros.teleop.held_press import PRESS, HeldPress
from robo_dopamine_ros.teleop.joy import TYPE, check_scales
from robo_dopamine_ros.teleop.layouts import JoyState
from robo_dopamine_ros.teleop.mapping import (
    DEAD_MAN,
    ENABLE,
    MOTIONS,
    AxisMapping,
    ButtonTracker,
    ResponseCurve,
    SpeedLimits,
    check_axes,
    check_buttons,
    finite_array,
)
from robo_dopamine_ros.teleop.presence import Presence

TOPIC = 'spacenav/joy'
MOTION = 'motion'  # instead of a button: pushing the cap holds the dead-man
SNAP = 0.15  # deflection from which a cap does not come to rest between two reports
REPORTS = 'nothing new was reported'
NO_ENABLE = (
    'a SpaceMouse at rest reports the same as an unplugged one, so it cannot be `enable`: '
    'use a gamepad or an enabling switch'
)


@dataclass(frozen=True)
class SpaceMouseConfig:
    """Functions of a SpaceMouse's axes and buttons, in the device's order."""

    axes: tuple[str, ...] = ('x', 'y', 'z', 'roll', 'pitch', 'yaw')  # '-' inverts
    scales: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)  # fraction of full speed, 0..1 each
    buttons: tuple[str, ...] = ('gripper', 'dead_man')  # function of each; dead_man while held
    dead_man: str = 'button'  # or motion: held while the cap is pushed, without any button
    curve: ResponseCurve = field(default_factory=ResponseCurve)
    still_after: float = 0.12  # without a new value for so long the cap counts as still [s]
    report_timeout: float = 0.3  # deflected and nothing new for so long: it counts as unplugged [s]
    rest_timeout: float = 1.0  # the same for a cap at rest while the dead-man button is held [s]

    def __post_init__(self) -> None:
        check_axes('axes', self.axes, MOTIONS)
        check_scales(self.scales, self.axes)
        if self.dead_man not in ('button', MOTION):
            raise ValueError(f'dead_man = {self.dead_man!r}; it must be button or {MOTION}')
        check_buttons('buttons', self.buttons, dead_man=self.dead_man != MOTION)
        if ENABLE in self.buttons:
            raise ValueError(f'buttons = {self.buttons}; {NO_ENABLE}')
        times = (self.still_after, self.report_timeout, self.rest_timeout)
        if not 0 < times[0] <= times[1] <= times[2] <= 5:
            raise ValueError(
                f'still_after, report_timeout, rest_timeout = {times} s; '
                'they must be above 0, at most 5, each as long as the one before or longer'
            )


class SpaceMouse:
    """A SpaceMouse whose dead-man is a button, or the motion of the cap itself."""

    timeout = math.inf
    touch = 'move the SpaceMouse once'

    def __init__(self, config: SpaceMouseConfig, limits: SpeedLimits):
        self.topics = {TOPIC: TYPE}
        self._config, self._limits = config, limits
        self._axes = AxisMapping(config.axes, config.scales)
        self._buttons = ButtonTracker(config.buttons)
        self._down = [0] * len(config.buttons)
        self._buttons.update(self._down)
        self._press = HeldPress(PRESS)
        self._held_buttons: frozenset[str] = frozenset()
        self._values, self._presence = np.zeros(len(config.axes)), Presence()
        self._received_at, self._streams = -math.inf, False  # [s]; the driver repeats itself
        self._snapped = False  # whether the cap went to rest in one step, as by a pulled cable

    def on_message(self, topic: str, value: JoyState, now: float) -> DeviceReading:
        """Convert the cap's axes and the buttons that the message contains."""
        values = finite_array(f'{topic} axes', value.axes, self._axes.count)
        reported = value.buttons[: len(self._down)]
        self._down[: len(reported)] = reported
        deflection, self._values = float(np.max(np.abs(self._values))), values
        if self._presence.update(self._reported(), now):
            self._snapped = deflection > SNAP and not np.any(values)
        elif now - self._received_at < self._config.report_timeout:
            self._streams = True
        self._received_at = now
        self._held_buttons, pressed = self._buttons.update(self._down)
        return self._reading(now, pressed)

    def poll(self, now: float) -> DeviceReading | None:
        """Return the last reading, without motion after `still_after`; None before the first."""
        return None if self._presence.changed_at == -math.inf else self._reading(now)

    def lost(self, now: float) -> str:
        """Return why the device counts as gone: deflected or held, but nothing new comes."""
        unchanged, config = now - self._presence.changed_at, self._config
        limit = config.report_timeout
        if self._streams and now - self._received_at > limit:
            return f'{TOPIC} is silent for more than {limit:g} s'
        if self._snapped:
            cause = f'the cap went to rest in one step and {REPORTS}'
        elif np.any(self._values):
            cause = f'the cap is deflected, but {REPORTS}'
        elif DEAD_MAN in self._held_buttons:
            limit, cause = config.rest_timeout, f'the dead-man is held at rest, and {REPORTS}'
        else:
            return ''
        return f'{cause} for {limit:g} s; it may be unplugged' if unchanged > limit else ''

    def _reading(self, now: float, pressed: frozenset[ButtonEvent] = frozenset()) -> DeviceReading:
        fractions = self._axes.to_fractions(self._config.curve.apply(self._values))
        twist = self._limits.to_twist(fractions)
        held = DEAD_MAN in self._held_buttons
        if self._config.dead_man == MOTION:
            held = self._snapped or bool(np.any(twist))
        off_rest = self._axes.off_rest(self._values, self._config.curve.dead_zone)
        still = now - self._presence.changed_at > self._config.still_after
        return DeviceReading(
            held,
            ZERO_TWIST if still else twist,
            self._press.update(pressed, self._held_buttons, now),
            reported=self._reported(),
            notice=self._press.notice,
            off_rest='' if self._config.dead_man == MOTION else off_rest,
        )

    def _reported(self) -> tuple[float, ...]:
        return (*self._values.tolist(), *self._down)
