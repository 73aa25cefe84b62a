"""What an episode knows of its reward model: its newest reading and its success candidate. Pure."""

from robo_dopamine_ros.types import SECOND, Instant, Progress


class ReadingWatch:
    """Follows the readings of the running episode."""

    def __init__(self) -> None:
        self._heard = False  # whether a reading ever arrived
        self._arrival: int | None = None  # of the last one in this episode, steady time [ns]
        self._candidate_since: int | None = None  # start of the success candidate, likewise
        self._step = 0  # of the newest valid reading

    @property
    def candidate(self) -> bool:
        """Whether the model proposes success."""
        return self._candidate_since is not None

    def begin(self, now: Instant) -> None:
        """Begin an episode; a reward model that was heard before must go on."""
        self._arrival = now.steady if self._heard else None
        self._step, self._candidate_since = 0, None

    def on_reading(self, reading: Progress, own: bool, now: Instant) -> bool:
        """Follow a reading, `own` if of the running episode; whether the model was restarted."""
        self._heard = True
        if not own:
            return False
        if reading.valid and reading.step < self._step:
            return True
        self._arrival, self._step = now.steady, max(self._step, reading.step)
        if not reading.success_candidate:
            self._candidate_since = None
        elif self._candidate_since is None:
            self._candidate_since = now.steady
        return False

    def silent(self, timeout: float, now: Instant) -> bool:
        """Whether no reading came for `timeout` [s]; 0: never."""
        late = self._arrival is not None and now.steady - self._arrival >= timeout * SECOND
        return timeout > 0.0 and late

    def candidate_holds(self, duration: float, now: Instant) -> bool:
        """Whether success has been proposed for `duration` [s]."""
        since = self._candidate_since
        return since is not None and now.steady - since >= duration * SECOND
