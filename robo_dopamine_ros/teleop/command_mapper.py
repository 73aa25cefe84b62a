"""Maps device readings to arm commands: dead-man, frame, speed and gripper.

Pure: the steady time [s] of the device's timeout and the ROS stamp of the command are arguments.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from robo_dopamine_ros.geometry import rotate_twist
from robo_dopamine_ros.teleop.device import ButtonEvent, DeviceReading
from robo_dopamine_ros.teleop.mapping import SpeedLimits
from robo_dopamine_ros.teleop.presence import HoldSwitch, Presence
from robo_dopamine_ros.types import ArmCommand

FRAMES = ('base', 'tool')
MIN_FACTOR = 1 / 16  # of full speed
AXIS_THRESHOLD = 0.05  # of the opening: a gripper axis that changed by more was moved
RELEASED = 'dead-man released'
NO_GATE = 'nothing heard of the gate'  # so the current gripper command is not known either
RELEASE_FIRST = 'let go of the dead-man first, then hold it'
NOT_AT_REST = (
    '{} before the dead-man was held; let go of sticks and dead-man first. If nobody touches them, '
    'this gamepad has another order, or a worn stick: robo-dopamine teleop --check'
)


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

    The device counts only after its values were seen to change: since the start, and since it died.
    The dead-man counts only after it was seen released with all axes at rest, each time.
    """

    def __init__(self, motion: TeleopMotion, timeout: float, touch: str = 'touch the device once'):
        """`timeout` [s] and `touch` are those of the device, see `Device`."""
        self.factor = motion.factor
        self.dead_reason = ''  # why the device counts as dead; empty: alive, or never heard
        self.held = False  # the dead-man, in the last reading
        self._blocked = ''  # why the readings do not count
        self._motion, self._timeout, self._touch = motion, timeout, touch
        self._received, self._received_at = False, 0.0
        self._presence, self._gripper = Presence(), GripperInput()
        self._dead_man, self._enable = HoldSwitch(), HoldSwitch()
        self._off_rest = ''  # the axis that was off its rest when the dead-man was not held

    @property
    def alive(self) -> bool:
        """Whether a reading with motion that counts has arrived and the device is not dead."""
        return self._received and not self.refusal

    @property
    def refusal(self) -> str:
        """Why the device does not count, and what to do; empty: nothing, or it was never heard."""
        if not self.dead_reason:
            return self._blocked
        return f'{self.dead_reason}; when it is back: {self._touch}'

    @property
    def enabled(self) -> bool:
        """Whether the control of hold-to-run is held, on a device that is alive."""
        return self.alive and self._enable.held

    def on_reading(
        self, reading: DeviceReading, arm: ArmFeedback, stamp: int, now: float
    ) -> ArmCommand | None:
        """Return the command of a reading; None if it does not count or its motion is not known."""
        self.held = reading.held
        self._check_presence(reading, now)
        self._enable.update(reading.enabled)
        self._dead_man.update(reading.held, at_rest=not reading.off_rest)
        if not reading.held:
            self._off_rest = reading.off_rest
            self._gripper.reset()
        if self.refusal:
            return None
        for event, ratio in ((ButtonEvent.FASTER, 2.0), (ButtonEvent.SLOWER, 0.5)):
            if event in reading.pressed:
                self.factor = min(1.0, max(MIN_FACTOR, self.factor * ratio))
        if reason := self._invalid(reading, arm):
            return ArmCommand(stamp, valid=False, reason=reason)
        assert arm.gripper is not None
        toggled = ButtonEvent.GRIPPER in reading.pressed
        opening = self._gripper.update(toggled, reading.opening, arm.gripper)
        if reading.twist is None:
            return None
        return self._command(reading.twist, opening, arm, stamp)

    def check_timeout(self, now: float, lost: str = '') -> bool:
        """Whether the device died in this call: no reading in time, or `lost` names a cause."""
        silent = self._received and now - self._received_at > self._timeout
        cause = lost or (f'silent for more than {self._timeout:g} s' if silent else '')
        if self.dead_reason or not (cause and self._received):
            return False
        holding = ' while the dead-man was held' if self._dead_man.held else ''
        self.dead_reason = cause + holding
        self._dead_man.reset()
        self._enable.reset()
        self._presence.lose()
        return True

    def _check_presence(self, reading: DeviceReading, now: float) -> None:
        self._presence.update(reading.reported, now)
        unseen = '' if self._presence.seen else f'nothing has changed yet: {self._touch}'
        self._blocked = reading.fault or unseen
        if reading.twist is not None:
            self._received, self._received_at = True, now
            self.dead_reason = self.dead_reason if self._blocked else ''

    def _invalid(self, reading: DeviceReading, arm: ArmFeedback) -> str:
        """Return why a reading requests no motion; empty: it does."""
        if not reading.held:
            return RELEASED
        if not self._dead_man.held:
            return NOT_AT_REST.format(self._off_rest) if self._off_rest else RELEASE_FIRST
        return NO_GATE if arm.gripper is None else ''

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
