"""The dead-man of devices that tell of motion only: a button of a gamepad, or a Bool."""

import math
from dataclasses import dataclass, field
from typing import Any

from robo_dopamine_ros.teleop import joy
from robo_dopamine_ros.teleop.layout import DEAD_MAN, Buttons, check_buttons
from robo_dopamine_ros.teleop.reading import BadReadingError, Press

BUTTON, FLAG = joy.TOPIC, 'teleop/dead_man'
SOURCES = {BUTTON: joy.TYPE, FLAG: 'std_msgs/msg/Bool'}


@dataclass(frozen=True)
class ClutchMap:
    """Where the dead-man comes from."""

    topic: str = BUTTON  # joy: a button of it; teleop/dead_man: a Bool, true while held
    buttons: tuple[str, ...] = field(default=joy.DOES)  # what each button of joy does
    silence: float = (
        0.2  # of the topic, then the device is dead [s]; 0: where it tells changes only
    )

    def __post_init__(self) -> None:
        if self.topic not in SOURCES:
            raise ValueError(f'topic = {self.topic!r}; it must be {" or ".join(SOURCES)}')
        check_buttons('buttons', self.buttons)
        if not 0 <= self.silence <= 1:
            raise ValueError(f'silence = {self.silence} s; it must be in 0..1')


class Clutch:
    """Whether the dead-man is held, as far as its topic says."""

    def __init__(self, layout: ClutchMap):
        self.hears = {layout.topic: SOURCES[layout.topic]}
        self.held = False
        self._buttons = Buttons(layout.buttons)
        self._silence = layout.silence or math.inf
        self._heard = -math.inf

    def hear(self, topic: str, value: Any, now: float) -> frozenset[Press]:
        """Take in a message of its topic; gives what was pressed."""
        pressed: frozenset[Press] = frozenset()
        if topic == BUTTON:
            if len(value.buttons) < self._buttons.count:
                few = f'{len(value.buttons)} buttons; there must be {self._buttons.count} or more'
                raise BadReadingError(f'{topic}: {few}')
            held, pressed = self._buttons.update(value.buttons)
            self.held = DEAD_MAN in held
        else:
            self.held = bool(value)
        self._heard = now
        return pressed

    def speaks(self, now: float) -> bool:
        """Whether it has spoken, lately where it should."""
        return self._heard > -math.inf and now - self._heard <= self._silence
