"""Liveness of the nodes an episode depends on: the reward model, and the recorder if required.

Pure: steady times [ns] come in. A reward model is monitored from its first reading on; it publishes
between episodes too. An episode whose node falls silent is aborted here; the policy has stopped
acting by then, 0.5 s after the recorder's last message (`SendBuffer` in policy/loop.py).
"""

from robo_dopamine_ros.types import SECOND, Episode, RecorderStatus

RECORDER, REWARD_MODEL = 'recorder', 'reward model'
RECORDER_TIMEOUT = 2.0  # [s]


class LivenessMonitor:
    """Detects silent nodes by the arrival of their messages."""

    def __init__(self, require_recorder: bool, reward_timeout: float) -> None:
        """Without `require_recorder` no recorder is missed; `reward_timeout` is [s], 0: none."""
        self._require_recorder = require_recorder
        self._timeouts = {
            RECORDER: RECORDER_TIMEOUT if require_recorder else 0.0,
            REWARD_MODEL: reward_timeout,
        }
        self._arrivals: dict[str, int] = {}  # of the last message by node, steady time [ns]
        self._silent = {RECORDER} if require_recorder else set()
        self._recorder_status = RecorderStatus(0)

    def on_progress(self, now: int) -> None:
        """A reading of the reward model arrived at `now` [ns]."""
        self._on_message(REWARD_MODEL, now)

    def on_recorder_status(self, status: RecorderStatus, now: int) -> None:
        """A status of the recorder arrived at `now` [ns]."""
        self._recorder_status = status
        self._on_message(RECORDER, now)

    def tick(self, now: int) -> set[str]:
        """Check all timeouts at `now` [ns]; gives the nodes that have become silent."""
        late = {node for node, arrival in self._arrivals.items() if self._late(node, now - arrival)}
        new, self._silent = late - self._silent, self._silent | late
        return new

    @property
    def silent(self) -> str:
        """Which node is silent, or why the recorder stores nothing; empty if all is well."""
        if self._silent:
            verb = 'is' if len(self._silent) == 1 else 'are'
            return f'the {" and the ".join(sorted(self._silent))} {verb} silent'
        reason = self._recorder_status.reason
        return f'the recorder can store nothing: {reason}' if reason else ''

    def unavailable(self, last: Episode) -> str:
        """Why no episode may follow `last` now; empty if one may."""
        stored = self._recorder_status.ended_episode == last.id
        if self._require_recorder and last.decided and not (stored or self.silent):
            return f'the recorder has not yet stored the end of {last.id}'
        return self.silent

    def _on_message(self, node: str, now: int) -> None:
        self._arrivals[node] = now
        self._silent.discard(node)

    def _late(self, node: str, age: int) -> bool:
        return 0 < self._timeouts[node] * SECOND <= age
