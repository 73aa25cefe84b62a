"""Twists of another program, as TwistStamped on teleop/twist, with a dead-man of their own.

Stamp and frame_id are not used: the time of arrival counts, and the frame of `TeleopMotion`.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robo_dopamine_ros.teleop.deadman import DeadManConfig, DeadManSwitch
from robo_dopamine_ros.teleop.device import ZERO_TWIST, DeviceReading, InvalidReadingError
from robo_dopamine_ros.teleop.mapping import SpeedLimits, finite_array

TOPIC, TYPE = 'teleop/twist', 'geometry_msgs/msg/TwistStamped'


@dataclass(frozen=True)
class TwistStreamConfig:
    """Scales and time-outs of the stream."""

    scale: float = 1.0  # of the linear part
    angular_scale: float = 1.0  # of the angular part
    timeout: float = 0.2  # without a twist for so long the device is dead [s]
    dead_man: DeadManConfig = field(default_factory=DeadManConfig)

    def __post_init__(self) -> None:
        check_stream_config(self.scale, self.angular_scale, self.timeout)


class TwistStream:
    """A stream of twists, used only while the dead-man's topic is alive as well."""

    touch = 'send another twist, or press the dead-man once'

    def __init__(self, config: TwistStreamConfig, limits: SpeedLimits):
        self._dead_man, self._limits = DeadManSwitch(config.dead_man), limits
        self._scales = np.repeat([config.scale, config.angular_scale], 3)
        self.topics = {TOPIC: TYPE, **self._dead_man.topics}
        self.timeout = config.timeout
        self._twist: tuple[float, ...] = ()  # as it was received

    def on_message(self, topic: str, value: Any, now: float) -> DeviceReading:
        """Convert a twist (6,), or a message of the dead-man's topic."""
        if topic != TOPIC:
            pressed = self._dead_man.on_message(topic, value, now)
            return self._dead_man.reading(None, self._twist, pressed)
        twist = checked_twist(topic, value)
        self._twist = tuple(twist.tolist())
        if not self._dead_man.is_alive(now):
            return self._dead_man.reading(None, self._twist)
        limited = self._limits.limit(twist * self._scales) if self._dead_man.held else ZERO_TWIST
        return self._dead_man.reading(limited, self._twist)

    def lost(self, now: float) -> str:
        """Return why the dead-man's topic counts as gone."""
        return self._dead_man.lost(now)

    def poll(self, now: float) -> None:
        """Return None: only messages count."""


def checked_twist(topic: str, value: Any) -> np.ndarray:
    """Return the twist (6,); InvalidReadingError unless it is six finite numbers."""
    array = finite_array(topic, value, 6)
    if array.shape != (6,):
        raise InvalidReadingError(f'{topic}: {array.shape}; it must be six numbers')
    return array


def check_stream_config(scale: float, angular_scale: float, timeout: float) -> None:
    """Raise ValueError for a scale below 0 or a timeout outside 0..1 s."""
    for name, value in (('scale', scale), ('angular_scale', angular_scale)):
        if not 0 <= value < math.inf:
            raise ValueError(f'{name} = {value}; it must be 0 or more')
    if not 0 < timeout <= 1:
        raise ValueError(f'timeout = {timeout} s; it must be above 0, at most 1')
