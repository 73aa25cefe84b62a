"""Safety inputs of the gate: stop locks, the enabling switch, and watched zones. Pure.

`now` is steady time [s]. Every topic must have one publisher, which the gate's node checks: where
there are several, one that says `false` would mask another that says `true` or has died. Several
devices of a kind therefore have topics of their own.
"""

import math
from collections.abc import Collection
from enum import IntEnum

import numpy as np

from robo_dopamine_ros.geometry import clip_norm, vector_norm
from robo_dopamine_ros.safety.limiter import Limits
from robo_dopamine_ros.types import check_timeout

MAX_DEVICES = 16  # named on the topics of zones; a name that changes all the time is an error


class ZoneState(IntEnum):
    """What a watched zone allows."""

    CLEAR = 0  # full speed
    SLOW = 1
    STOP = 2


class StopLocks:
    """Stop locks by topic: all must be open, and those that are required must be heard."""

    def __init__(self, required: Collection[str], timeout: float) -> None:
        self._timeout = timeout
        self._locked: dict[str, bool] = {}
        self._arrivals = dict.fromkeys(required, -math.inf)  # of required ones [s]

    def on_message(self, topic: str, locked: bool, now: float) -> None:
        """Store the state of a lock."""
        self._locked[topic] = locked
        if topic in self._arrivals:
            self._arrivals[topic] = now

    def check(self, now: float) -> str:
        """Return which lock stops the arm; empty: none."""
        for topic, locked in self._locked.items():
            if locked:
                return f'{_lock(topic)} is locked'
        silent = (
            check_timeout(_lock(topic), now - arrival, self._timeout)
            for topic, arrival in self._arrivals.items()
        )
        return next(filter(None, silent), '')


class EnablingSwitch:
    """A switch that a person holds as long as policy or reset motion may go on (hold-to-run).

    It counts once it was seen released: one that is held when it is heard for the first time, or
    again after silence, may be held by nobody.
    """

    def __init__(self, required: bool, timeout: float) -> None:
        self._required, self._timeout = required, timeout
        self._held = self._seen_released = False
        self._arrival = -math.inf

    def on_message(self, held: bool, now: float) -> None:
        """Store the state of the switch."""
        was_silent = now - self._arrival > self._timeout
        self._seen_released = not held or (self._seen_released and not was_silent)
        self._held, self._arrival = held, now

    def is_silent(self, now: float) -> bool:
        """Whether it is required and was not heard for longer than its timeout."""
        return self._required and now - self._arrival > self._timeout

    def check(self, now: float) -> str:
        """Return why policy and reset motion are not enabled; empty: they are."""
        if not self._required:
            return ''
        if self.is_silent(now):
            return check_timeout('the enabling switch', now - self._arrival, self._timeout)
        if not self._held:
            return 'the enabling switch is released'
        if not self._seen_released:
            return 'the enabling switch was held before it was watched; release it first'
        return ''


class Zones:
    """States of all watched zones; the worst counts."""

    def __init__(self, required: Collection[str], timeout: float) -> None:
        """`required` are the topics whose silence stops the arm."""
        self._required, self._timeout = tuple(required), timeout
        self._devices: dict[tuple[str, str], tuple[ZoneState, float]] = {}  # state and arrival

    def on_message(self, topic: str, state: int, device: str, now: float) -> None:
        """Store the state that a device reports; an unknown value counts as STOP."""
        known = ZoneState(state) if state in ZoneState.__members__.values() else ZoneState.STOP
        if len(self._devices) < MAX_DEVICES or (topic, device) in self._devices:
            self._devices[topic, device] = known, now

    @property
    def stops(self) -> bool:
        """Whether a zone says stop."""
        return any(state is ZoneState.STOP for state, _ in self._devices.values())

    def check(self, now: float) -> str:
        """Return which zone stops the arm; empty: none."""
        for (topic, device), (state, _) in self._devices.items():
            if state is ZoneState.STOP:
                return f'{_zone(topic, device)} says stop'
        if len(self._devices) >= MAX_DEVICES:
            return f'{MAX_DEVICES} devices or more on zones; the name of a device may not change'
        silent = (check_timeout(name, age, self._timeout) for name, age in self._ages(now))
        return next(filter(None, silent), '')

    def slow_reason(self) -> str:
        """Return which zone slows the arm; empty: none."""
        slow = (where for where, (state, _) in self._devices.items() if state is ZoneState.SLOW)
        where = next(slow, None)
        return f'{_zone(*where)} says slow' if where else ''

    def _ages(self, now: float) -> list[tuple[str, float]]:
        """Return names and ages [s] of all messages that may not be missing."""
        heard = {topic for topic, _ in self._devices}
        ages = [(topic, math.inf) for topic in self._required if topic not in heard]
        for (topic, device), (_, arrival) in self._devices.items():
            if topic in self._required:
                ages.append((_zone(topic, device), now - arrival))
        return ages


def slow_down(twist: np.ndarray, limits: Limits, reason: str) -> tuple[np.ndarray, list[str]]:
    """Limit a commanded twist (6,) [m/s, rad/s] to the speeds near a person; say what was limited.

    It is limited before the acceleration is, so that the arm brakes no faster than it may.
    """
    parts, limited = [], []
    for part, limit, unit in (
        (twist[:3], limits.slow_scale * limits.speed, 'm/s'),
        (twist[3:], limits.slow_scale * limits.angular_speed, 'rad/s'),
    ):
        if (speed := vector_norm(part)) > limit:
            limited.append(f'{reason}: {speed:.3g} {unit} limited to {limit:.3g} {unit}')
        parts.append(clip_norm(part, limit))
    return np.concatenate(parts), limited


def _lock(topic: str) -> str:
    return 'the stop lock' if topic == 'stop_lock' else f'the stop lock {topic}'


def _zone(topic: str, device: str) -> str:
    return f'{topic} of {device!r}' if device else topic
