"""Which episode runs and how it ended: the rules of the conductor. Pure: stamps come in."""

import math
from dataclasses import dataclass, replace

from robo_dopamine_ros.ros.tally import Tally
from robo_dopamine_ros.types import SECOND, Episode, Kept, Outcome, Phase, Progress

GATE_SILENCE = 1.0  # a gate that spoke and is silent so long is gone [s]
RECORDER_SILENCE = 2.0  # so long an episode may go on unrecorded [s]
SECOND_THOUGHT = 1.0  # asking again earlier is the same wish twice, no confirmation [s]


@dataclass(frozen=True)
class EpisodeParameters:
    """When episodes begin and end by themselves."""

    task: str = ''  # instruction of episodes that are started without one
    time_limit: float = 120.0  # an episode is cut off then [s], 0: never
    accept_candidates: bool = False  # whether the reward model's proposal may become a success
    grace: float = 1.0  # a proposal must stand so long, and a person may overrule it [s]
    silence: float = (
        2.0  # of the reward model, once it has spoken, cuts an episode off [s], 0: never
    )
    auto: bool = False  # after an episode the next begins by itself, unless it was aborted
    interval: float = 3.0  # from an end to that beginning [s]
    rollouts: int = 0  # so many, the one a person starts included; 0: without end
    recorded: bool = False  # whether none runs without a recorder that keeps it

    def __post_init__(self) -> None:
        for name in ('time_limit', 'grace', 'silence', 'interval'):
            if not 0.0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value} s; it must be 0 or more')
        if not self.rollouts >= 0:
            raise ValueError(f'rollouts = {self.rollouts}; it must be 0 or more')


class Episodes:
    """Keeps `episode`; every verb gives the reason when it refuses, or whether something changed.

    A person's word is final at once. The reward model only proposes: its proposal becomes final
    after the grace time, unless it is withdrawn or a person ends the episode otherwise before;
    that time it has even where the time limit falls within.
    """

    def __init__(
        self, parameters: EpisodeParameters, run: str, resets: bool = False, asks: bool = False
    ) -> None:
        """`run` makes ids unique among runs.

        With `resets` an episode runs only once `ready` was told; with `asks` a person tells it, by
        asking for the start again.
        """
        self.episode = Episode(task=parameters.task)
        self.tally = Tally()
        self.halted = ''  # why no next episode begins by itself
        self._parameters = parameters
        self._run = run
        self._resets, self._asks = resets, asks
        self._series = 0  # episodes since a person started one, that included
        self._paused = False
        self._gate: int | None = None  # stamp at which the gate spoke last [ns]
        self._latch = ''  # why the gate lets nothing through
        self._recorder: int | None = None  # stamp at which the recorder spoke last [ns]
        self._kept = Kept(0)  # its word
        self._reads = False  # whether a reading was ever heard, so that there is a reward model
        self._heard: int | None = None  # stamp since which it is silent in this episode [ns]
        self._step = 0  # of the newest valid reading
        self._proposed: int | None = None  # stamp since which success is proposed [ns]

    @property
    def running(self) -> bool:
        """Whether an episode runs."""
        return self.episode.phase is Phase.RUNNING

    @property
    def resetting(self) -> bool:
        """Whether an episode waits for its reset."""
        return self.episode.phase is Phase.RESETTING

    @property
    def proposed(self) -> bool:
        """Whether a success stands proposed and a person may overrule it."""
        return self.running and self._proposed is not None

    def start(self, task: str, now: int) -> str:
        """Start an episode, or confirm that all is ready for it; gives why not, or nothing."""
        if self.resetting and self._asks and now - self.episode.stamp >= SECOND_THOUGHT * SECOND:
            return self.ready(now)
        if reason := self._hindrance(task):
            return reason
        self.halted, self._series = '', 0
        self._begin(task or self.episode.task, now)
        return ''

    def ready(self, now: int) -> str:
        """The scene and the arm are at their start; gives why that changes nothing."""
        if not self.resetting:
            return 'no episode waits for its reset'
        self.episode = replace(self.episode, phase=Phase.RUNNING, stamp=now)
        self._heard, self._step, self._proposed = now if self._reads else None, 0, None
        return ''

    def end(self, outcome: Outcome, decided_by: str, now: int) -> str:
        """End the episode; gives why not, or nothing. What does not run yet can but be aborted."""
        if not (self.running or self.resetting):
            ended = self.episode
            if ended.phase is not Phase.ENDED:
                return 'no episode runs'
            said = f'{ended.outcome.name} by {ended.decided_by}'
            return f'no episode runs; {ended.id} has ended: {said}'
        if outcome is Outcome.NONE:
            return 'outcome = NONE; it must be SUCCESS, FAILURE, TIME_LIMIT or ABORTED'
        if self.resetting and outcome is not Outcome.ABORTED:
            return f'outcome = {outcome.name}; an episode that does not run yet can be ABORTED only'
        self.episode = replace(
            self.episode, phase=Phase.ENDED, outcome=outcome, decided_by=decided_by, stamp=now
        )
        self.tally.count(self.episode)
        if outcome is Outcome.ABORTED:
            self.halted = f'{self.episode.id} was aborted by {decided_by}'
        return ''

    def pause(self, paused: bool) -> None:
        """Let no next episode begin, or let them go on."""
        self._paused = paused
        if not paused:
            self.halted = ''

    def hear(self, reading: Progress, now: int) -> bool:
        """Take in what the reward model says of the running episode; whether that ended it."""
        self._reads = True
        if not self.running or reading.episode != self.episode.id:
            return False
        if reading.valid and reading.step < self._step:
            return not self.end(Outcome.ABORTED, 'restart of the reward model', now)
        self._heard, self._step = now, max(self._step, reading.step)
        if not reading.success_candidate:
            self._proposed = None
        elif self._proposed is None:
            self._proposed = now
        return False

    def hear_gate(self, latched: bool, reason: str, now: int) -> bool:
        """Take in what the gate says; whether that ended the episode."""
        self._gate = now
        self._latch = (reason or 'it does not say why') if latched else ''
        return latched and self._lose_gate(f'gate: {self._latch}', now)

    def hear_recorder(self, kept: Kept, now: int) -> bool:
        """Take in what the recorder says, if episodes depend on it; whether that ended one."""
        if not self._parameters.recorded:
            return False
        self._recorder, self._kept = now, kept
        return bool(kept.reason) and self._lose_recorder(f'recorder: {kept.reason}', now)

    def tick(self, now: int) -> bool:
        """Do what time does; whether the episode changed."""
        if self._gate is not None and now - self._gate >= GATE_SILENCE * SECOND:
            self._gate, self._latch = None, ''
            return self._lose_gate('gate: silent', now)
        if self._recorder is not None and self._old(self._recorder, RECORDER_SILENCE, now):
            self._recorder = None
            return self._lose_recorder('recorder: silent', now)
        if self.running:
            return self._end_by_time(now)
        if self._goes_on and now - self.episode.stamp >= self._parameters.interval * SECOND:
            self._begin(self.episode.task, now)
            return True
        return False

    @property
    def words(self) -> str:
        """What a person should know of it in one line."""
        if self.running:
            return 'running, success proposed' if self.proposed else 'running'
        notes = [self.episode.phase.name.lower()]
        if self.episode.phase is Phase.ENDED:
            how = self.episode.outcome.name.lower().replace('_', ' ')
            notes = [f'ended: {how} by {self.episode.decided_by}']
        notes += [f'the gate is latched: {self._latch}'] if self._latch else []
        notes += [self._deaf] if self._deaf else []
        notes += ['paused'] if self._paused else []
        if self._parameters.auto and self.halted:
            notes += [f'no next episode by itself: {self.halted}']
        return '; '.join(notes)

    @property
    def unrecorded(self) -> str:
        """Why an episode that began now would not be recorded; empty if that is no matter."""
        pending = self.episode.phase is Phase.ENDED and self._kept.ended != self.episode.id
        if self._parameters.recorded and pending and not self._deaf:
            return f'the recorder has not yet kept how {self.episode.id} ended'
        return self._deaf

    @property
    def _deaf(self) -> str:
        """Why the recorder takes nothing; empty if that is no matter."""
        if not self._parameters.recorded:
            return ''
        if self._recorder is None:
            return 'the recorder is silent'
        return f'the recorder keeps nothing: {self._kept.reason}' if self._kept.reason else ''

    @property
    def _goes_on(self) -> bool:
        """Whether the next episode begins by itself."""
        limits = self._parameters
        over = self.episode.phase is Phase.ENDED and not (self.halted or self._hindrance(''))
        return limits.auto and over and (not limits.rollouts or self._series < limits.rollouts)

    def _hindrance(self, task: str) -> str:
        """Why no episode can begin."""
        if self.running:
            return f'episode {self.episode.id} runs; end it first'
        if self.resetting:
            return f'episode {self.episode.id} begins after its reset'
        if self._paused:
            return 'paused; call pause with false first'
        if self._latch:
            return f'the gate is latched: {self._latch}; rearm it first'
        if self.unrecorded:
            return self.unrecorded
        return '' if task or self.episode.task else 'no task; say what is to be done'

    def _begin(self, task: str, now: int) -> None:
        index = self.tally.begun
        phase = Phase.RESETTING
        self.episode = Episode(f'{self._run}-{index:04d}', index, task, phase, stamp=now)
        self.tally.begun += 1
        self._series += 1
        if not self._resets:
            self.ready(now)

    def _lose_gate(self, by: str, now: int) -> bool:
        """Abort what is under way; also between episodes a person must let them go on."""
        self.halted = by
        active = self.running or self.resetting
        return active and not self.end(Outcome.ABORTED, by, now)

    def _lose_recorder(self, by: str, now: int) -> bool:
        """Abort what is under way; unlike after other aborts the next may begin by itself.

        Nothing is wrong with the arm, and `unrecorded` holds it back until all is kept again.
        """
        halted = self.halted
        lost = (self.running or self.resetting) and not self.end(Outcome.ABORTED, by, now)
        self.halted = halted
        return lost

    def _end_by_time(self, now: int) -> bool:
        limits = self._parameters
        if (
            limits.silence
            and self._heard is not None
            and self._old(self._heard, limits.silence, now)
        ):
            return not self.end(Outcome.ABORTED, 'silence of the reward model', now)
        if limits.accept_candidates and self._proposed is not None:
            due = self._old(self._proposed, limits.grace, now)
            return due and not self.end(Outcome.SUCCESS, 'grm', now)
        if limits.time_limit and self._old(self.episode.stamp, limits.time_limit, now):
            return not self.end(Outcome.TIME_LIMIT, 'clock', now)
        return False

    @staticmethod
    def _old(stamp: int, span: float, now: int) -> bool:
        return now - stamp >= span * SECOND
