"""What any device of a person says, and what every device can do. Knows no ROS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy as np

STILL = np.zeros(6)


class Press(str, Enum):
    """What a button does at the moment it goes down."""

    TAKE_OVER = 'take_over'  # the arm is the person's, without moving
    RELEASE = 'release'  # hand it back
    STOP = 'stop'  # stop and latch
    REARM = 'rearm'  # release the latch
    GRIPPER = 'gripper'  # open a closed gripper, close an open one
    START = 'start'  # start an episode
    SUCCESS = 'success'  # end it: the task is done
    FAILURE = 'failure'  # end it: the task cannot be done any more
    FASTER = 'faster'  # double the pace
    SLOWER = 'slower'  # halve the pace


class BadReadingError(ValueError):
    """A message that is not what the device should send; the text says what it is and why."""


@dataclass(frozen=True)
class Reading:
    """What a device says at one moment, whatever device it is."""

    held: bool  # whether the dead-man is held
    twist: np.ndarray | None = field(default_factory=lambda: STILL)  # (6,) [m/s, rad/s]; see below
    pressed: frozenset[Press] = frozenset()  # buttons that went down since the reading before
    opening: float | None = None  # wished of the gripper, 0 closed .. 1 open; None: no such axis

    # The twist is in the frame the person means (see `Motion.frame`). It is None while the topic
    # that tells of motion is silent: the buttons speak, but the device is not alive.


class Device(Protocol):
    """One device; `now` is steady time [s]."""

    silence: float  # without a reading for so long it is dead [s]; infinite: silence means still

    @property
    def hears(self) -> Mapping[str, str]:
        """Type of the messages on each topic; no topic for a terminal."""

    def hear(self, topic: str, value: Any, now: float) -> Reading:
        """Take in a message; BadReadingError when it is not what it should be."""

    def look(self, now: float) -> Reading | None:
        """Say what holds though nothing came; None for a device that speaks by itself."""
