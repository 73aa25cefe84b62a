import math

from robo_dopamine_ros.types import Recording, Views


class Playhead:
    """Plays a recording against a clock: what is due is given, what is overdue is left out.

    The next frame is decoded ahead, so that a due one can be shown at once.
    """

    def __init__(self, recording: Recording, speed: float = 1.0):
        """`speed` is how many times faster than recorded it plays."""
        if not 0 < speed <= 100:
            raise ValueError(f'speed = {speed}; it must be above 0 and at most 100')
        self.period = 1 / (recording.rate * speed)  # [s] between frames
        self.skipped = 0
        self._last = recording.length - 1
        self._frames = enumerate(recording.play())
        self._index, self._views = next(self._frames)

    def due(self, elapsed: float) -> int | None:
        """Index of the frame that is due `elapsed` [s] after the start, None if none is yet.

        It is the one nearest in time, so that a timer's jitter does no harm; frames that later
        ones have overtaken are skipped, so that playing keeps its rate.
        """
        wanted = min(self._last, math.floor(elapsed / self.period + 0.5))
        if wanted < self._index:
            return None
        while self._index < wanted:
            self.skipped += 1
            self._index, self._views = next(self._frames)
        return self._index

    @property
    def views(self) -> Views:
        """The pictures at the playhead; the first frame before anything was due."""
        return self._views

    @property
    def finished(self) -> bool:
        """Whether the last frame is at the playhead."""
        return self._index == self._last

    def advance(self) -> None:
        """Decode the next frame, after the present one was shown; the last one stays."""
        if not self.finished:
            self._index, self._views = next(self._frames)
