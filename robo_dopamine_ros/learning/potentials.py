"""The potential of any moment of an episode, from the readings of its progress. Pure."""

from bisect import bisect_left

from robo_dopamine_ros.types import Progress


class Potentials:
    """Readings of one episode, and the potentials that were read off them, once per stamp.

    Between two valid readings the potential is linear, before the first and after the last it is
    theirs, without any it is 0. What was given once is given again, whatever is heard later: so
    discounted shaping telescopes at any rate of the readings.
    """

    def __init__(self) -> None:
        self.given: dict[int, float] = {}  # stamp [ns] -> potential
        self._stamps: list[int] = []
        self._values: list[float] = []

    @property
    def until(self) -> int | None:
        """Stamp of the newest reading [ns]; None before the first."""
        return self._stamps[-1] if self._stamps else None

    def hear(self, reading: Progress) -> None:
        """Take a reading in, unless it is none: not valid, not within 0..1, or not newer."""
        newer = not self._stamps or reading.stamp > self._stamps[-1]
        if newer and reading.valid and 0.0 <= reading.progress <= 1.0:
            self._stamps.append(reading.stamp)
            self._values.append(reading.progress)

    def at(self, stamp: int) -> float:
        """Potential at a stamp [ns], from now on the same."""
        if stamp not in self.given:
            self.given[stamp] = self._read(stamp)
        return self.given[stamp]

    def _read(self, stamp: int) -> float:
        if not self._stamps:
            return 0.0
        after = bisect_left(self._stamps, stamp)
        if after == len(self._stamps):
            return self._values[-1]
        if after == 0 or self._stamps[after] == stamp:
            return self._values[after]
        begin, end = self._stamps[after - 1 : after + 1]
        low, high = self._values[after - 1 : after + 1]
        return low + (high - low) * ((stamp - begin) / (end - begin))
