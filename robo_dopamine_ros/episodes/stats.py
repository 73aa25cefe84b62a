"""Statistics of ended episodes: counts for the episode manager, success rate for the learner."""

import json
import math
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from robo_dopamine_ros.types import Episode, Outcome, Phase

WINDOW = 20  # most recent episodes of a rate
RECENT_KEY = f'last {WINDOW} episodes'  # of the diagnostics: a JSON list


class EpisodeStats:
    """Counts episodes by outcome and by who decided it, since the process started."""

    def __init__(self) -> None:
        self.started = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.deciders: Counter[str] = Counter()  # `decided_by` without the reason after its colon
        self.recent: deque[Outcome] = deque(maxlen=WINDOW)
        self.recent_episodes: deque[Episode] = deque(maxlen=WINDOW)

    def on_episode(self, ended: Episode) -> None:
        """Count an episode that has ended."""
        self.outcomes[ended.outcome] += 1
        self.deciders[ended.decided_by.partition(':')[0]] += 1
        self.recent.append(ended.outcome)
        self.recent_episodes.append(ended)

    def diagnostic_values(self) -> dict[str, object]:
        """All counts by their names in the diagnostics."""
        names: dict[Outcome, str] = {
            outcome: outcome.name.lower().replace('_', ' ')
            for outcome in Outcome
            if outcome is not Outcome.NONE
        }
        return {
            'episodes begun': self.started,
            'episodes ended': sum(self.outcomes.values()),
            **{name: self.outcomes[outcome] for outcome, name in names.items()},
            **{f'decided by {who}': count for who, count in sorted(self.deciders.items())},
            **{f'{name}, last {WINDOW}': self.recent.count(o) for o, name in names.items()},
            RECENT_KEY: json.dumps(
                [
                    {
                        'id': episode.id,
                        'task': episode.task,
                        'outcome': names[episode.outcome],
                        'decided_by': episode.decided_by,
                    }
                    for episode in self.recent_episodes
                ]
            ),
        }


class SuccessRate:
    """Share of successes among the last episodes; aborted episodes do not count."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        """`state` restores what the property `state` gave."""
        state = state or {}
        self.count = int(state.get('count', 0))  # of all episodes
        self._recent: deque[bool] = deque(state.get('recent', ()), WINDOW)
        self._last = str(state.get('last', ''))  # id

    def on_episode(self, episode: Episode) -> bool:
        """Count an episode once it has ended; gives whether it was counted by this call."""
        counts = episode.outcome not in (Outcome.NONE, Outcome.ABORTED)
        if episode.phase is not Phase.ENDED or not counts or episode.id == self._last:
            return False
        self._last = episode.id
        self.count += 1
        self._recent.append(episode.outcome is Outcome.SUCCESS)
        return True

    @property
    def rate(self) -> float:
        """Success rate, 0..1; NaN before the first episode."""
        return sum(self._recent) / len(self._recent) if self._recent else math.nan

    @property
    def state(self) -> dict[str, Any]:
        """The state to save in a checkpoint."""
        return {'count': self.count, 'recent': list(self._recent), 'last': self._last}
