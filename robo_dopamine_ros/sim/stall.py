"""When a task has come no closer for a while, so that one who stands by steps in.

Times are in one unit that its user chooses: steps of practice, or seconds of steady time.
"""

CLOSER = 0.02  # of true progress, 0..1: by less it has come no closer


class Stall:
    """Watches one episode."""

    def __init__(self, grace: float, patience: float, now: float = 0) -> None:
        """Nothing counts as stalled in the first `grace`, nor sooner than `patience` after."""
        self._grace, self._patience = grace, patience
        self._began = self._closer = now
        self._best = -1.0

    def update(self, progress: float, now: float) -> bool:
        """See how near the task is; whether it stalls."""
        if progress > self._best + CLOSER:
            self._best, self._closer = progress, now
        return now - self._began > self._grace and now - self._closer >= self._patience

    def excuse(self, now: float) -> None:
        """Somebody sees to it; it may stall again from `now` on."""
        self._closer = now
