"""A SpaceMouse from spacenav/joy of spacenav_node: x forward, y left, z up.

The node may publish on changes only, so silence means that the cap is still, never that the device
died. Before release 3.2 a message ends with the button that changed and reports those before it as
released. A button beyond the end of a message therefore keeps its state, and the dead-man is the
second of two buttons.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.teleop.device import ZERO_TWIST, DeviceReading
from robo_dopamine_ros.teleop.joy import TYPE, JoyState, check_scales
from robo_dopamine_ros.teleop.mapping import (
    DEAD_MAN,
    MOTIONS,
    AxisMapping,
    ButtonTracker,
    ResponseCurve,
    SpeedLimits,
    check_axes,
    check_buttons,
    finite_array,
)

TOPIC = 'spacenav/joy'
MOTION = 'motion'  # instead of a button: pushing the cap holds the dead-man


@dataclass(frozen=True)
class SpaceMouseConfig:
    """Functions of a SpaceMouse's axes and buttons, in the device's order."""

    axes: tuple[str, ...] = ('x', 'y', 'z', 'roll', 'pitch', 'yaw')  # '-' inverts
    scales: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)  # fraction of full speed, 0..1 each
    buttons: tuple[str, ...] = ('gripper', 'dead_man')  # function of each; dead_man while held
    dead_man: str = 'button'  # or motion: held while the cap is pushed, without any button
    curve: ResponseCurve = field(default_factory=ResponseCurve)
    still_after: float = 0.3  # without a message for so long the cap counts as still [s]

    def __post_init__(self) -> None:
        check_axes('axes', self.axes, MOTIONS)
        check_scales(self.scales, self.axes)
        if self.dead_man not in ('button', MOTION):
            raise ValueError(f'dead_man = {self.dead_man!r}; it must be button or {MOTION}')
        check_buttons('buttons', self.buttons, dead_man=self.dead_man != MOTION)
        if not 0 < self.still_after <= 1:
            raise ValueError(f'still_after = {self.still_after} s; it must be above 0, at most 1')


class SpaceMouse:
    """A SpaceMouse whose dead-man is a button, or the motion of the cap itself."""

    def __init__(self, config: SpaceMouseConfig, limits: SpeedLimits):
        self.topics = {TOPIC: TYPE}
        self.timeout = math.inf
        self._config, self._limits = config, limits
        self._axes = AxisMapping(config.axes, config.scales)
        self._buttons = ButtonTracker(config.buttons)
        self._down = [0] * len(config.buttons)
        self._buttons.update(self._down)
        self._held, self._twist, self._received_at = False, ZERO_TWIST, -math.inf

    def on_message(self, topic: str, value: JoyState, now: float) -> DeviceReading:
        """Convert the cap's axes and the buttons that the message contains."""
        values = finite_array(f'{topic} axes', value.axes, self._axes.count)
        fractions = self._axes.to_fractions(self._config.curve.apply(values))
        reported = value.buttons[: len(self._down)]
        self._down[: len(reported)] = reported
        held, pressed = self._buttons.update(self._down)
        self._twist, self._received_at = self._limits.to_twist(fractions), now
        moves = bool(np.any(self._twist))
        self._held = moves if self._config.dead_man == MOTION else DEAD_MAN in held
        return DeviceReading(self._held, self._twist, pressed)

    def poll(self, now: float) -> DeviceReading | None:
        """Return the last reading, without motion after `still_after`; None before the first."""
        if self._received_at == -math.inf:
            return None
        if now - self._received_at > self._config.still_after:
            self._twist = ZERO_TWIST
            self._held = self._held and self._config.dead_man != MOTION
        return DeviceReading(self._held, self._twist)
