"""Without whom an episode would be in vain: the recorder, where needed, and the reward model.

Pure: stamps come in. The reward model speaks between episodes too; it is missed once it has spoken.
"""

from robo_dopamine_ros.types import SECOND, Episode, Kept, Phase

RECORDER, MODEL = 'recorder', 'reward model'
RECORDER_SILENCE = 2.0  # so long an episode may go on unrecorded [s]


class Witnesses:
    """Knows who is there, by what is heard of them."""

    def __init__(self, recorded: bool, silence: float) -> None:
        """`recorded`: a recorder is needed; `silence` of the reward model is [s], 0: any."""
        self._recorded = recorded
        self._patience = {RECORDER: RECORDER_SILENCE if recorded else 0.0, MODEL: silence}
        self._spoke: dict[str, int] = {}  # stamp at which each spoke last [ns]
        self._gone = {RECORDER} if recorded else set()  # those who are missed
        self._kept = Kept(0)  # the recorder's word

    def hear_model(self, now: int) -> None:
        """The reward model spoke."""
        self._hear(MODEL, now)

    def hear_recorder(self, kept: Kept, now: int) -> None:
        """The recorder spoke."""
        self._kept = kept
        self._hear(RECORDER, now)

    def tick(self, now: int) -> set[str]:
        """Do what time does; gives who has fallen silent."""
        lost = {who for who, stamp in self._spoke.items() if self._late(who, now - stamp)}
        fresh, self._gone = lost - self._gone, self._gone | lost
        return fresh

    @property
    def absent(self) -> str:
        """Who is not there, or keeps nothing; empty if nobody is missed."""
        if self._gone:
            return f'the {" and the ".join(sorted(self._gone))} {self._are} silent'
        return f'the recorder keeps nothing: {self._kept.reason}' if self._kept.reason else ''

    def missing(self, last: Episode) -> str:
        """Why an episode that began now, after this one, would be in vain; or nothing."""
        pending = last.phase is Phase.ENDED and self._kept.ended != last.id
        if self._recorded and pending and not self.absent:
            return f'the recorder has not yet kept how {last.id} ended'
        return self.absent

    @property
    def _are(self) -> str:
        return 'is' if len(self._gone) == 1 else 'are'

    def _hear(self, who: str, now: int) -> None:
        self._spoke[who] = now
        self._gone.discard(who)

    def _late(self, who: str, quiet: int) -> bool:
        return 0 < self._patience[who] * SECOND <= quiet
