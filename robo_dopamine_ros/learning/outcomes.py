"""How the last episodes ended, by the conductor's word."""

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

from robo_dopamine_ros.types import Episode, Outcome, Phase

RECENT = 20  # episodes that a rate is over
COUNT = (Outcome.SUCCESS, Outcome.FAILURE, Outcome.TIME_LIMIT)  # an aborted one says nothing


class Outcomes:
    """Counts every ended episode once, however often its end is told."""

    def __init__(self, kept: Mapping[str, Any] | None = None) -> None:
        """`kept` is what `facts` gave."""
        kept = kept or {}
        self.count = int(kept.get('count', 0))
        self._recent: deque[bool] = deque(kept.get('recent', ()), RECENT)
        self._last = str(kept.get('last', ''))  # id

    def hear(self, episode: Episode) -> bool:
        """Take the conductor's word; whether it is the end of an episode that counts."""
        ended = episode.phase is Phase.ENDED and episode.outcome in COUNT
        if not ended or episode.id == self._last:
            return False
        self._last = episode.id
        self.count += 1
        self._recent.append(episode.outcome is Outcome.SUCCESS)
        return True

    @property
    def rate(self) -> float:
        """Share of successes among the recent ones; NaN before the first."""
        return sum(self._recent) / len(self._recent) if self._recent else math.nan

    @property
    def facts(self) -> dict[str, Any]:
        """To be kept in a file."""
        return {'count': self.count, 'recent': list(self._recent), 'last': self._last}
