"""Signs of life that the gate waits for: stop lock, conductor, and its own ticks. Pure."""

import math

from robo_dopamine_ros.safety.limits import Limits
from robo_dopamine_ros.types import Episode


class Watch:
    """Keeps steady times of arrival [s]."""

    def __init__(self, limits: Limits, lock_required: bool) -> None:
        self.episode = Episode()  # the conductor's newest word
        self._limits, self._lock_required = limits, lock_required
        self._locked = False
        self._heard_lock = self._heard_episode = -math.inf
        self._ticked = math.nan  # NaN: never

    def lock(self, locked: bool, now: float) -> None:
        """Hear the stop lock."""
        self._locked, self._heard_lock = locked, now

    def note(self, episode: Episode, now: float) -> None:
        """Hear the conductor."""
        self.episode, self._heard_episode = episode, now

    def tick(self, now: float) -> float:
        """Give the time since the tick before [s], 0 at the first."""
        elapsed = max(0.0, now - self._ticked) if math.isfinite(self._ticked) else 0.0
        self._ticked = now
        return elapsed

    def stalled(self, elapsed: float) -> str:
        """Say so when the gate itself stood still."""
        if elapsed <= self._limits.stall:
            return ''
        return f'the gate stood still for {elapsed:.2f} s, longer than {self._limits.stall:.2f} s'

    def locked(self, now: float) -> str:
        """Say why the stop lock is locked, nothing when it is open."""
        if self._locked:
            return 'the stop lock is locked'
        if not self._lock_required:
            return ''
        return _silent('the stop lock', now - self._heard_lock, self._limits.lock_timeout)

    def conductor(self, now: float) -> str:
        """Say why the episode cannot be relied on, nothing when it can."""
        return _silent('episode', now - self._heard_episode, self._limits.episode_timeout)


def _silent(name: str, age: float, most: float) -> str:
    if age <= most:
        return ''
    if not math.isfinite(age):
        return f'{name}: nothing heard yet'
    return f'{name} is silent for {age:.2f} s, longer than {most:.2f} s'
