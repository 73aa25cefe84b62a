"""One source of wishes as the gate hears it: policy, person or reset motion. Pure."""

import math

from robo_dopamine_ros.safety.mode import Voice
from robo_dopamine_ros.safety.refuse import malformed, misplaced, mistimed
from robo_dopamine_ros.types import Action


class Source:
    """Keeps the newest wish and watches for silence, by the steady time of arrivals [s]."""

    def __init__(self, name: str, timeout: float, future: float, frame: str) -> None:
        """`name` is its topic; wishes must be in `frame`."""
        self.name = name
        self.wish = Action(0, valid=False)  # newest that was not refused
        self._timeout, self._future, self._frame = timeout, future, frame
        self._since = -math.inf  # arrival of the newest wish that counts as a sign of life
        self._newest = -math.inf  # arrival of anything at all
        self._stamp = 0  # of the wish that a next one may not be older than [ns]
        self._refused = ''  # why the newest was refused

    def hear(self, wish: Action, frame: str, stamp: int, now: float) -> str:
        """Take in a wish; gives why it is refused. `stamp` is ROS time now [ns].

        Who wants nothing is heard whatever else is wrong with the message: it only ends motion.
        """
        # Refusals that go on are no sign of life; the first after silence is one.
        spoke_before = now - self._newest <= self._timeout and self.voice(now) is not Voice.QUIET
        self._newest = now
        self._refused = self._refusal(wish, frame, stamp) if wish.valid else ''
        if not self._refused:
            self.wish, self._since = wish, now
            self._stamp = wish.stamp if wish.valid else max(wish.stamp, self._stamp)
        elif not spoke_before:
            self._since = now
        return self._refused

    def _refusal(self, wish: Action, frame: str, stamp: int) -> str:
        oldest = self._timeout
        return (
            misplaced(frame, self._frame)
            or mistimed(wish.stamp, self._stamp, stamp, oldest, self._future)
            or malformed(wish)
        )

    def voice(self, now: float) -> Voice:
        """What is heard of it."""
        if not self._refused and not self.wish.valid:
            return Voice.QUIET
        if now - self._newest > self._timeout:
            return Voice.LOST
        if not self._refused:
            return Voice.LIVE
        return Voice.BARRED if now - self._since > self._timeout else Voice.REFUSED

    def word(self, now: float) -> str:
        """Why its wish is not followed; empty when it may be."""
        voice, age = self.voice(now), now - self._newest
        if voice in (Voice.REFUSED, Voice.BARRED):
            lasting = f' for {now - self._since:.2f} s' if voice is Voice.BARRED else ''
            return f'{self.name} refused{lasting}: {self._refused}'
        if voice is Voice.QUIET:
            if self._newest == -math.inf:
                return f'{self.name}: nothing heard yet'
            return f'{self.name}: {self.wish.reason or "nothing is wanted"}'
        if voice is Voice.LOST:
            return f'{self.name} is silent for {age:.2f} s, longer than {self._timeout:.2f} s'
        return ''
