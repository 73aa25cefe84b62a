"""Counts how episodes ended, and by whose word."""

from collections import Counter, deque

from robo_dopamine_ros.types import Episode, Outcome

RECENT = 20  # episodes


class Tally:
    """What ended since the conductor started."""

    def __init__(self) -> None:
        self.begun = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.deciders: Counter[str] = Counter()  # a name, without the reason after its colon
        self.recent: deque[Outcome] = deque(maxlen=RECENT)

    def count(self, ended: Episode) -> None:
        """Take in an episode that has ended."""
        self.outcomes[ended.outcome] += 1
        self.deciders[ended.decided_by.partition(':')[0]] += 1
        self.recent.append(ended.outcome)

    def values(self) -> dict[str, object]:
        """Every count in words, for diagnostics."""
        ends = [outcome for outcome in Outcome if outcome is not Outcome.NONE]
        words = {outcome: outcome.name.lower().replace('_', ' ') for outcome in ends}
        return {
            'episodes begun': self.begun,
            'episodes ended': sum(self.outcomes.values()),
            **{words[outcome]: self.outcomes[outcome] for outcome in ends},
            **{f'decided by {name}': number for name, number in sorted(self.deciders.items())},
            **{f'{words[outcome]}, last {RECENT}': self.recent.count(outcome) for outcome in ends},
        }
