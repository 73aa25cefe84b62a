"""The dead-man switch of devices that only stream motion: a gamepad button or a Bool topic."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robo_dopamine_ros.teleop import joy
from robo_dopamine_ros.teleop.device import ButtonEvent, DeviceReading
from robo_dopamine_ros.teleop.mapping import DEAD_MAN, ENABLE, check_buttons
from robo_dopamine_ros.teleop.presence import RepeatMonitor

JOY_TOPIC, BOOL_TOPIC = joy.TOPIC, 'teleop/dead_man'
SOURCES = {JOY_TOPIC: joy.TYPE, BOOL_TOPIC: 'std_msgs/msg/Bool'}


@dataclass(frozen=True)
class DeadManConfig:
    """Topic of the dead-man, and when it counts as dead."""

    topic: str = JOY_TOPIC  # joy: a button of it; teleop/dead_man: a Bool, true while held
    buttons: tuple[str, ...] = field(default=joy.DEFAULT_BUTTONS)  # of each joy button, or enable
    timeout: float = 0.2  # [s] without a message, then the device is dead; 0: no timeout

    def __post_init__(self) -> None:
        if self.topic not in SOURCES:
            raise ValueError(f'topic = {self.topic!r}; it must be {" or ".join(SOURCES)}')
        check_buttons('buttons', self.buttons)
        if not 0 <= self.timeout <= 1:
            raise ValueError(f'timeout = {self.timeout} s; it must be in 0..1')


class DeadManSwitch:
    """State of the dead-man, from the last message of its topic."""

    def __init__(self, config: DeadManConfig):
        self.topics = {config.topic: SOURCES[config.topic]}
        self.held = self.enabled = False
        self.reported: tuple[float, ...] = ()  # everything the topic reported
        self._buttons = joy.JoyButtons(config.buttons)
        self._timeout = config.timeout or math.inf
        self._repeats = RepeatMonitor(config.topic, self._timeout)
        self._received_at = -math.inf

    @property
    def notice(self) -> str:
        """What a press still needs, for the person."""
        return self._buttons.notice

    def on_message(self, topic: str, value: Any, now: float) -> frozenset[ButtonEvent]:
        """Update from a message of the topic; returns the buttons that count now."""
        pressed: frozenset[ButtonEvent] = frozenset()
        if topic == JOY_TOPIC:
            pressed = self._buttons.update(topic, value, now)
            self.held = DEAD_MAN in self._buttons.held
            self.enabled = ENABLE in self._buttons.held
            self.reported = (*value.axes, *value.buttons)
            self._repeats.on_message(self.reported, now)
        else:
            self.held, self.reported = bool(value), (float(bool(value)),)
        self._received_at = now
        return pressed

    def is_alive(self, now: float) -> bool:
        """Whether a message arrived, and the last one within the timeout."""
        return self._received_at > -math.inf and now - self._received_at <= self._timeout

    @property
    def fault(self) -> str:
        """Why the topic cannot be relied on; empty: it can."""
        return self._repeats.fault if JOY_TOPIC in self.topics else ''

    def lost(self, now: float) -> str:
        """Return why the topic counts as gone; empty: it does not."""
        return self._repeats.lost(now) if JOY_TOPIC in self.topics else ''

    def reading(
        self,
        twist: np.ndarray | None,
        motion: tuple[float, ...],
        pressed: frozenset[ButtonEvent] = frozenset(),
    ) -> DeviceReading:
        """Return the reading of a device with this switch; `motion` is what its stream reported."""
        return DeviceReading(
            self.held,
            twist,
            pressed,
            enabled=self.enabled,
            reported=(*motion, *self.reported),
            fault=self.fault,
            notice=self.notice,
        )
