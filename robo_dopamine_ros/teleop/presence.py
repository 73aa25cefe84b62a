"""Whether a device is there, and whether what it holds still counts.

The driver of a device may go on publishing when the device is gone, so a message proves neither
that a device is connected nor that a person holds it. Only a change of what is reported does.
"""

import math

Reported = tuple[float, ...]  # everything that a device reported


class Presence:
    """Whether the values of a device were seen to change, since the start and since its loss."""

    def __init__(self) -> None:
        self.seen = False  # changed since the start, or since `lose`
        self.changed_at = -math.inf  # newest change [s]
        self._reported: Reported | None = None

    def update(self, reported: Reported, now: float) -> bool:
        """Whether this differs from what was reported before; the first is only remembered."""
        if reported == self._reported:
            return False
        self.seen = self.seen or self._reported is not None
        self._reported, self.changed_at = reported, now
        return True

    def lose(self) -> None:
        """Forget everything: the device counts again only after its next change."""
        self.seen, self._reported = False, None


class HoldSwitch:
    """A control that counts as held only after it was seen released."""

    def __init__(self) -> None:
        self.held = False
        self._released = False

    def update(self, held: bool, at_rest: bool = True) -> None:
        """Set its state; a release counts only while the device is `at_rest`."""
        if not held:
            self._released = at_rest
        self.held = held and self._released

    def reset(self) -> None:
        """It must be seen released anew."""
        self.held = self._released = False


class RepeatMonitor:
    """Whether a driver repeats its message while nothing changes, as a time-out needs it."""

    REQUIRED = 2  # repetitions until it counts as repeating

    def __init__(self, topic: str, timeout: float):
        """`timeout` [s] is the longest time between two messages."""
        self._topic, self._timeout = topic, timeout
        self._reported: Reported = ()
        self._received_at = -math.inf
        self._count, self._fell_silent = 0, False

    def on_message(self, reported: Reported, now: float) -> None:
        """Compare a message with the one before."""
        if now - self._received_at > self._timeout:
            self._fell_silent = self._received_at > -math.inf and self._count < self.REQUIRED
            self._count = 0
        elif reported == self._reported:
            self._count += 1
        self._reported, self._received_at = reported, now

    @property
    def fault(self) -> str:
        """Why the driver cannot be relied on; empty once it repeats."""
        if self._count >= self.REQUIRED or self._timeout == math.inf:
            return ''
        if self._fell_silent:
            return self._silence()
        return f'{self._topic} has not repeated a message yet: leave the gamepad still for a moment'

    def lost(self, now: float) -> str:
        """Return the cause when it fell silent without ever having repeated; or empty."""
        silent = now - self._received_at > self._timeout and self._received_at > -math.inf
        return self._silence() if silent and self._count < self.REQUIRED else ''

    def _silence(self) -> str:
        return (
            f'{self._topic} falls silent for more than {self._timeout:g} s while nothing changes, '
            'its driver does not repeat: start it with `-p autorepeat_rate:=20.0`; '
            'if it does that already, use joy_node in place of game_controller_node'
        )
