"""Repetition of a message that had no effect: ever more seldom, until its effect is seen."""

import math

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0  # until a message is repeated [s]


class Retry:
    """When one message is due again: after 1, 2, 4 .. 30 s; `now` is steady time [s]."""

    def __init__(self) -> None:
        self.error = ''  # why it had no effect, as far as is known
        self.times = 0  # it was repeated
        self._due, self._delay = math.inf, FIRST_DELAY  # steady time [s]; inf: not at all

    def begin(self, now: float, waits_for_error: bool) -> None:
        """Start anew with a new message; it is repeated only after an error where it waits."""
        self.error, self.times, self._delay = '', 0, FIRST_DELAY
        self._due = math.inf if waits_for_error else now + self._delay

    def fail(self, error: str, now: float) -> None:
        """Note that it had no effect: it must be repeated."""
        self.error, self._due = error, now + self._delay

    def end(self) -> None:
        """Note its effect: it need not be repeated any more."""
        self.error, self.times, self._due = '', 0, math.inf

    def is_due(self, now: float) -> bool:
        """Return whether it must be repeated now, and if so count it as repeated."""
        if now < self._due:
            return False
        self.times += 1
        self._delay = min(2 * self._delay, LONGEST_DELAY)
        self._due = math.inf if self.error else now + self._delay
        return True
