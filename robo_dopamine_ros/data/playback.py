import math

from robo_dopamine_ros.types import Recording, Views


class Playback:
    """Plays a recording against a clock: gives the frame that is due and skips overdue ones.

    The next frame is decoded ahead, so that it can be published without delay.
    """

    def __init__(self, recording: Recording, speed: float = 1.0) -> None:
        """`speed` is the ratio to the recorded rate, above 0 and at most 100."""
        if not 0 < speed <= 100:
            raise ValueError(f'speed = {speed}; it must be above 0 and at most 100')
        self.period = 1 / (recording.rate * speed)  # [s] between frames
        self.skipped = 0
        self._last = recording.length - 1
        self._frames = enumerate(recording.play())
        self._index, self._views = next(self._frames)

    def due(self, elapsed: float) -> int | None:
        """Index of the frame that is due `elapsed` [s] after the start, None if none is yet.

        It is the frame nearest in time, so that the jitter of a timer does no harm; earlier frames
        that were not shown are skipped, so that playback keeps its rate.
        """
        index = min(self._last, math.floor(elapsed / self.period + 0.5))
        if index < self._index:
            return None
        while self._index < index:
            self.skipped += 1
            self._index, self._views = next(self._frames)
        return self._index

    @property
    def views(self) -> Views:
        """Images of the current frame; the first one before any was due."""
        return self._views

    @property
    def finished(self) -> bool:
        """Whether the current frame is the last one."""
        return self._index == self._last

    def decode_next(self) -> None:
        """Advance to the next frame, unless the current one is the last."""
        if not self.finished:
            self._index, self._views = next(self._frames)
