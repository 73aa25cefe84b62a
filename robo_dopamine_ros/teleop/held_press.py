"""Buttons that must be held for a while before they count, so that a bump triggers nothing."""

from collections.abc import Collection

from robo_dopamine_ros.teleop.device import ButtonEvent

HELD_EVENTS = (ButtonEvent.REARM, ButtonEvent.START, ButtonEvent.SUCCESS)
PRESS = 0.5  # [s]


class HeldPress:
    """Passes on every press at once, but those of HELD_EVENTS after `duration` [s]."""

    def __init__(self, duration: float):
        self.notice = ''  # for the person who presses; empty: nothing to say
        self._duration = duration
        self._pressed_at: dict[ButtonEvent, float] = {}  # of the buttons still held [s]

    def update(
        self, pressed: Collection[ButtonEvent], held: Collection[str], now: float
    ) -> frozenset[ButtonEvent]:
        """Return the events that count now, from what went down and what is held."""
        counted = set(pressed)
        for event in counted.intersection(HELD_EVENTS):
            self._pressed_at[event] = now
            self.notice = f'{event.value}: keep holding for {self._duration:g} s'
        counted.difference_update(HELD_EVENTS)
        for event, since in list(self._pressed_at.items()):
            if event.value not in held:
                self.notice = f'{event.value}: let go too early; hold it for {self._duration:g} s'
                del self._pressed_at[event]
            elif now - since >= self._duration:
                self.notice = ''
                counted.add(event)
                del self._pressed_at[event]
        return frozenset(counted)
