"""Which episode runs and how it ended: the rules of the conductor. Pure: stamps come in."""

import math
from dataclasses import dataclass, replace

from robo_dopamine_ros.types import SECOND, Episode, Outcome, Phase, Progress


@dataclass(frozen=True)
class EpisodeParameters:
    """When episodes end by themselves."""

    task: str = ''  # instruction of episodes that are started without one
    time_limit: float = 120.0  # an episode is cut off then [s], 0: never
    accept_candidates: bool = False  # whether the reward model's proposal may become a success
    grace: float = 1.0  # a proposal must stand so long, and a person may overrule it [s]
    silence: float = 2.0  # without any reading for so long an episode is cut off [s], 0: never

    def __post_init__(self) -> None:
        for name in ('time_limit', 'grace', 'silence'):
            if not 0.0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value} s; it must be 0 or more')


class Episodes:
    """Keeps `episode`; every verb gives the reason when it refuses, or whether something changed.

    A person's word is final at once. The reward model only proposes: its proposal becomes final
    after the grace time, unless it is withdrawn or a person ends the episode otherwise before.
    """

    def __init__(self, parameters: EpisodeParameters, run: str) -> None:
        """`run` makes ids unique among runs."""
        self.episode = Episode(task=parameters.task)
        self._parameters = parameters
        self._run = run
        self._started = 0  # stamp of the running episode's start [ns]
        self._count = 0
        self._heard = 0  # stamp at which a reading arrived [ns], 0: none yet in this episode
        self._proposed = 0  # stamp since which success is proposed [ns], 0: it is not

    @property
    def running(self) -> bool:
        """Whether an episode runs."""
        return self.episode.phase is Phase.RUNNING

    @property
    def proposed(self) -> bool:
        """Whether a success stands proposed and a person may overrule it."""
        return self.running and self._proposed > 0

    def start(self, task: str, now: int) -> str:
        """Start an episode; gives why not, or nothing."""
        if self.running:
            return f'episode {self.episode.id} runs; end it first'
        task = task or self.episode.task
        if not task:
            return 'no task; say what is to be done'
        self.episode = Episode(
            id=f'{self._run}-{self._count:04d}',
            index=self._count,
            task=task,
            phase=Phase.RUNNING,
            stamp=now,
        )
        self._started, self._heard, self._proposed = now, 0, 0
        self._count += 1
        return ''

    def end(self, outcome: Outcome, decided_by: str, now: int) -> str:
        """End the running episode; gives why not, or nothing."""
        if not self.running:
            ended = self.episode
            if ended.phase is not Phase.ENDED:
                return 'no episode runs'
            said = f'{ended.outcome.name} by {ended.decided_by}'
            return f'no episode runs; {ended.id} has ended: {said}'
        if outcome is Outcome.NONE:
            return 'outcome = NONE; it must be SUCCESS, FAILURE, TIME_LIMIT or ABORTED'
        self.episode = replace(
            self.episode, phase=Phase.ENDED, outcome=outcome, decided_by=decided_by, stamp=now
        )
        return ''

    def hear(self, reading: Progress, now: int) -> None:
        """Take in what the reward model says of the running episode."""
        if not self.running or reading.episode != self.episode.id:
            return
        self._heard = now
        if not reading.success_candidate:
            self._proposed = 0
        elif not self._proposed:
            self._proposed = now

    def tick(self, now: int) -> bool:
        """End what time ends; whether the episode changed."""
        if not self.running:
            return False
        limits = self._parameters
        stands = self._proposed and now - self._proposed >= limits.grace * SECOND
        if stands and limits.accept_candidates:
            return not self.end(Outcome.SUCCESS, 'grm', now)
        if limits.time_limit and now - self._started >= limits.time_limit * SECOND:
            return not self.end(Outcome.TIME_LIMIT, 'clock', now)
        if limits.silence and self._heard and now - self._heard >= limits.silence * SECOND:
            return not self.end(Outcome.ABORTED, 'silence of the reward model', now)
        return False
