"""Maps device readings to arm commands: dead-man, frame, speed and gripper.

Pure: the steady time [s] of the device's timeout and the ROS stamp of the command are arguments.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.geometry import rotate_twist
from robo_dopamine_ros.teleop.device import ButtonEvent, DeviceReading
from robo_dopamine_ros.teleop.mapping import SpeedLimits
from robo_dopamine_ros.types import ArmCommand

FRAMES = ('base', 'tool')
MIN_FACTOR = 1 / 16  # of full speed
AXIS_THRESHOLD = 0.05  # of the opening: a gripper axis that changed by more was moved
RELEASED = 'dead-man released'
NO_GATE = 'nothing heard of the gate'  # so the current gripper command is not known either
RELEASE_FIRST = 'let go of the dead-man first, then hold it'


@dataclass(frozen=True)
class TeleopMotion:
    """Frame and speed of the requested motion."""

    frame: str = 'base'  # of the motion: base, or tool (needs arm/state)
    facing: float = 0.0  # direction the person looks in, about z from the base frame [rad]
    factor: float = 1.0  # initial fraction of full speed; faster and slower change it
    limits: SpeedLimits = field(default_factory=SpeedLimits)

    def __post_init__(self) -> None:
        if self.frame not in FRAMES:
            raise ValueError(f'frame = {self.frame!r}; it must be {" or ".join(FRAMES)}')
        if not -2 * math.pi <= self.facing <= 2 * math.pi:
            raise ValueError(f'facing = {self.facing} rad; it must be in -2 pi..2 pi')
        if not MIN_FACTOR <= self.factor <= 1:
            raise ValueError(f'factor = {self.factor}; it must be in {MIN_FACTOR}..1')


@dataclass(frozen=True)
class ArmFeedback:
    """The arm's state as far as the teleoperation node has received it."""

    orientation: np.ndarray | None = None  # of the tool, x, y, z, w; None: not known
    gripper: float | None = None  # last sent opening, 0 closed .. 1 open; None: the gate is silent


class GripperInput:
    """Requested gripper opening, from the button or the axis, whichever was used last."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Request nothing, as after the dead-man was released: the gripper stays as it is."""
        self._requested: float | None = None
        self._rest: float | None = None  # axis value when it did not count [0..1]
        self._follows_axis = False

    def update(self, toggled: bool, opening: float | None, sent: float) -> float:
        """Return the requested opening from the axis's `opening` and the last `sent` one.

        An axis counts once it moves, so that a trigger at rest does not open a closed gripper.
        """
        if toggled:
            current = sent if self._requested is None else self._requested
            self._requested = 0.0 if current >= 0.5 else 1.0
            self._rest, self._follows_axis = opening, False
        elif opening is not None:
            self._rest = opening if self._rest is None else self._rest
            self._follows_axis = self._follows_axis or abs(opening - self._rest) > AXIS_THRESHOLD
            self._requested = opening if self._follows_axis else self._requested
        return sent if self._requested is None else self._requested


class CommandMapper:
    """Maps the readings of one device to commands; keeps speed factor, dead-man and gripper.

    The dead-man counts only after it was seen released: since the start, and since the device died.
    """

    def __init__(self, motion: TeleopMotion, timeout: float):
        """`timeout` [s] is that of the device, see `Device`."""
        self.factor = motion.factor
        self.dead_reason = ''  # why the device counts as dead; empty: alive, or never heard
        self.held = False  # the dead-man, in the last reading
        self._motion, self._timeout = motion, timeout
        self._released, self._received, self._received_at = False, False, 0.0
        self._gripper = GripperInput()

    @property
    def alive(self) -> bool:
        """Whether a reading with motion has arrived and the device has not died since."""
        return self._received and not self.dead_reason

    def on_reading(
        self, reading: DeviceReading, arm: ArmFeedback, stamp: int, now: float
    ) -> ArmCommand | None:
        """Return the command of a reading; None if the dead-man is held but no motion is known."""
        self.held = reading.held
        if reading.twist is not None:
            self.dead_reason, self._received, self._received_at = '', True, now
        for event, ratio in ((ButtonEvent.FASTER, 2.0), (ButtonEvent.SLOWER, 0.5)):
            if event in reading.pressed:
                self.factor = min(1.0, max(MIN_FACTOR, self.factor * ratio))
        if not reading.held:
            self._released = True
            self._gripper.reset()
            return ArmCommand(stamp, valid=False, reason=RELEASED)
        if not self._released:
            return ArmCommand(stamp, valid=False, reason=RELEASE_FIRST)
        if arm.gripper is None:
            return ArmCommand(stamp, valid=False, reason=NO_GATE)
        toggled = ButtonEvent.GRIPPER in reading.pressed
        opening = self._gripper.update(toggled, reading.opening, arm.gripper)
        if reading.twist is None:
            return None
        return self._command(reading.twist, opening, arm, stamp)

    def check_timeout(self, now: float, lost: str = '') -> bool:
        """Whether the device died in this call: no reading in time, or `lost` names a cause."""
        silent = self._received and now - self._received_at > self._timeout
        cause = f'silent for more than {self._timeout:g} s' if silent else lost
        if self.dead_reason or not (cause and self._received):
            return False
        holding = ' while the dead-man was held' if self.held and self._released else ''
        self.dead_reason, self._released = cause + holding, False
        return True

    def _command(
        self, twist: np.ndarray, opening: float, arm: ArmFeedback, stamp: int
    ) -> ArmCommand:
        twist = self._motion.limits.limit(twist) * self.factor
        if self._motion.frame == 'base':
            half = self._motion.facing / 2
            rotation = np.array([0.0, 0.0, math.sin(half), math.cos(half)])
            return ArmCommand(stamp, rotate_twist(twist, rotation), gripper=opening)
        if arm.orientation is None:
            reason = 'no arm/state: the frame of the tool is not known'
            return ArmCommand(stamp, valid=False, reason=reason)
        return ArmCommand(stamp, rotate_twist(twist, arm.orientation), gripper=opening)
