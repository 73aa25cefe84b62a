"""The outcome that a person gave and may still correct, before it is final. Pure."""

from robo_dopamine_ros.types import SECOND, Episode, Instant, Outcome, Phase

NO_OUTCOME = 'outcome = NONE; it must be SUCCESS, FAILURE, TIME_LIMIT or ABORTED'


class PendingOutcome:
    """Holds a person's success or failure for the correction time; an abort is final at once."""

    def __init__(self, duration: float) -> None:
        """`duration` is how long an outcome may be corrected [s]; 0: it is final at once."""
        self.outcome = Outcome.NONE  # that is not final; NONE: there is none
        self._duration = duration
        self._since = 0  # steady time [ns]

    def __bool__(self) -> bool:
        """Whether there is an outcome that is not final."""
        return self.outcome is not Outcome.NONE

    def holds(self, outcome: Outcome) -> bool:
        """Whether an outcome that a person gives now is not final yet."""
        return outcome.terminal and self._duration > 0.0

    def begin(self, outcome: Outcome, now: Instant) -> None:
        """Hold an outcome from `now` on."""
        self.outcome, self._since = outcome, now.steady

    def take(self) -> Outcome:
        """Return the outcome, which is final now; NONE if there is none."""
        outcome, self.outcome = self.outcome, Outcome.NONE
        return outcome

    def due(self, now: Instant) -> bool:
        """Whether the correction time is over, or a correction is final at once."""
        over = now.steady - self._since >= self._duration * SECOND
        return bool(self) and (over or not self.outcome.terminal)

    def describe(self, episode: Episode) -> str:
        """Return the phase of an episode in words, with how it has ended."""
        if episode.phase is not Phase.ENDED:
            return episode.phase.name.lower()
        outcome = (self.outcome or episode.outcome).name.lower().replace('_', ' ')
        correctable = f', can be corrected for {self._duration:g} s' if self else ''
        return f'ended: {outcome} by {episode.decided_by}{correctable}'
