"""The dead-man switch of devices that only stream motion: a gamepad button or a Bool topic."""

import math
from dataclasses import dataclass, field
from typing import Any

from robo_dopamine_ros.teleop import joy
from robo_dopamine_ros.teleop.device import ButtonEvent
from robo_dopamine_ros.teleop.mapping import DEAD_MAN, ButtonTracker, check_buttons

JOY_TOPIC, BOOL_TOPIC = joy.TOPIC, 'teleop/dead_man'
SOURCES = {JOY_TOPIC: joy.TYPE, BOOL_TOPIC: 'std_msgs/msg/Bool'}


@dataclass(frozen=True)
class DeadManConfig:
    """Topic of the dead-man, and when it counts as dead."""

    topic: str = JOY_TOPIC  # joy: a button of it; teleop/dead_man: a Bool, true while held
    buttons: tuple[str, ...] = field(default=joy.DEFAULT_BUTTONS)  # function of each joy button
    timeout: float = 0.2  # [s] without a message, then the device is dead; 0: no timeout

    def __post_init__(self) -> None:
        if self.topic not in SOURCES:
            raise ValueError(f'topic = {self.topic!r}; it must be {" or ".join(SOURCES)}')
        check_buttons('buttons', self.buttons)
        if not 0 <= self.timeout <= 1:
            raise ValueError(f'timeout = {self.timeout} s; it must be in 0..1')


class DeadManSwitch:
    """State of the dead-man: `held`, from the last message of its topic."""

    def __init__(self, config: DeadManConfig):
        self.topics = {config.topic: SOURCES[config.topic]}
        self.held = False
        self._buttons = ButtonTracker(config.buttons)
        self._timeout = config.timeout or math.inf
        self._received_at = -math.inf

    def on_message(self, topic: str, value: Any, now: float) -> frozenset[ButtonEvent]:
        """Update from a message of the topic; returns the buttons that went down."""
        pressed: frozenset[ButtonEvent] = frozenset()
        if topic == JOY_TOPIC:
            held, pressed = joy.read_buttons(topic, value, self._buttons)
            self.held = DEAD_MAN in held
        else:
            self.held = bool(value)
        self._received_at = now
        return pressed

    def is_alive(self, now: float) -> bool:
        """Whether a message arrived, and the last one within the timeout."""
        return self._received_at > -math.inf and now - self._received_at <= self._timeout
