"""The interface of a teleoperation device and what one reading of it contains; no ROS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy as np

ZERO_TWIST = np.zeros(6)


class ButtonEvent(str, Enum):
    """What a button triggers at the moment it goes down."""

    TAKE_OVER = 'take_over'  # the person controls the arm, without moving it
    RELEASE = 'release'  # hand the arm back
    STOP = 'stop'  # stop and latch
    REARM = 'rearm'  # release the latch
    GRIPPER = 'gripper'  # open a closed gripper, close an open one
    START = 'start'  # start an episode
    SUCCESS = 'success'  # end the episode: the task is done
    FAILURE = 'failure'  # end the episode: the task cannot be done any more
    FASTER = 'faster'  # double the speed
    SLOWER = 'slower'  # halve the speed


class InvalidReadingError(ValueError):
    """A message that the device should not send; the text names the topic and the fault."""


@dataclass(frozen=True)
class DeviceReading:
    """The state of a device at one moment, the same for every device.

    The twist is in the frame that `TeleopMotion.frame` names. It is None while the topic with the
    motion is silent: buttons still count, but the device is not alive.
    """

    held: bool  # whether the dead-man is held
    twist: np.ndarray | None = field(default_factory=lambda: ZERO_TWIST)  # (6,) [m/s, rad/s]
    pressed: frozenset[ButtonEvent] = frozenset()  # since the previous reading
    opening: float | None = None  # requested, 0 closed .. 1 open; None: no axis for it
    enabled: bool = False  # whether the control of hold-to-run is held
    reported: tuple[float, ...] = ()  # everything it reported; only a change proves a device
    fault: str = ''  # why the device must not be used although it reports
    off_rest: str = ''  # the axis that is off its rest position, and its value
    notice: str = ''  # for the person: what a press still needs


class Device(Protocol):
    """One device; `now` is steady time [s]."""

    timeout: float  # the device is dead after so long without a reading [s]; infinite: never
    touch: str  # what a person does once, so that the device is seen to be there

    @property
    def topics(self) -> Mapping[str, str]:
        """Message type of every topic to subscribe to; empty for a terminal."""

    def on_message(self, topic: str, value: Any, now: float) -> DeviceReading:
        """Convert one message; raises InvalidReadingError for one that cannot be used."""

    def lost(self, now: float) -> str:
        """Return why the device counts as gone though its driver publishes; empty: it does not."""

    def poll(self, now: float) -> DeviceReading | None:
        """Return the reading that holds without a new message; None if only messages count."""
