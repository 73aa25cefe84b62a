"""Which episode runs and how it ended: the rules of the conductor. Pure: stamps come in."""

import math
from dataclasses import dataclass, replace

from robo_dopamine_ros.ros.tally import Tally
from robo_dopamine_ros.ros.witnesses import RECORDER, Witnesses
from robo_dopamine_ros.types import SECOND, Episode, Kept, Outcome, Phase, Progress

GATE_SILENCE = 1.0  # a gate that spoke and is silent so long is gone [s]
LOSSES = 3  # so many episodes in a row that lost a witness, and a person must look
NEXT = 'next episode'  # in diagnostics: what begins it, or why none begins
BY_ITSELF, BY_PERSON = 'the next begins by itself', 'start_episode begins the next'
DONE = 'episodes are done'
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
    first: int = 0  # index of the first: so many there were before, as in a run that goes on
    rollouts: int = 0  # once there were so many, `first` included, none by itself; 0: without end
    recorded: bool = False  # whether none runs without a recorder that keeps it

    def __post_init__(self) -> None:
        for name in ('time_limit', 'grace', 'silence', 'interval'):
            if not 0.0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f'{name} = {value} s; it must be 0 or more')
        for name in ('first', 'rollouts'):
            if not (count := getattr(self, name)) >= 0:
                raise ValueError(f'{name} = {count}; it must be 0 or more')


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
        self.halted = 'nobody has begun the first' if parameters.auto else ''  # why none by itself
        self._parameters = parameters
        self._run = run
        self._resets, self._asks = resets, asks
        self._losses = 0  # episodes in a row that lost a witness
        self._paused = False
        self._gate: int | None = None  # stamp at which the gate spoke last [ns]
        self._latch = ''  # why the gate lets nothing through
        self._witnesses = Witnesses(parameters.recorded, parameters.silence)
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
        self.halted, self._losses = '', 0
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
        else:
            self._losses = 0
        return ''

    def pause(self, paused: bool) -> str:
        """Let no next episode begin, or let them go on, the first too; gives why not."""
        if not paused:
            if self._latch:
                return self._latched
            self.halted, self._losses = '', 0
        self._paused = paused
        return ''

    def hear(self, reading: Progress, now: int) -> bool:
        """Take in what the reward model says of the running episode; whether that ended it."""
        self._reads = True
        self._witnesses.hear_model(now)
        if not self.running or reading.episode != self.episode.id:
            return False
        if reading.valid and reading.step < self._step:
            return self._lose('restart of the reward model', now)
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
        self._witnesses.hear_recorder(kept, now)
        return bool(kept.reason) and self._lose(f'recorder: {kept.reason}', now)

    def tick(self, now: int) -> bool:
        """Do what time does; whether the episode changed."""
        if self._gate is not None and now - self._gate >= GATE_SILENCE * SECOND:
            self._gate, self._latch = None, ''
            return self._lose_gate('gate: silent', now)
        if RECORDER in self._witnesses.tick(now):
            return self._lose('recorder: silent', now)
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
        known = self._latch and self._latch in notes[0]
        latched = 'the gate is latched' + ('' if known else f': {self._latch}')
        notes += [latched] if self._latch else []
        notes += [self._witnesses.absent] if self._witnesses.absent else []
        notes += ['paused'] if self._paused else []
        if self._parameters.auto and self.halted and not self._latch:
            notes += [f'no next episode by itself: {self.halted}']
        elif self._done:
            notes += [self._done]
        return '; '.join(notes)

    @property
    def prospect(self) -> str:
        """What begins the next episode, or why none begins."""
        if self.running or self.resetting:
            return f'{self.episode.id} is {self.episode.phase.name.lower()}'
        if hindrance := self._hindrance(''):
            return hindrance
        if not self._parameters.auto:
            return BY_PERSON
        return self._done or (f'none by itself: {self.halted}' if self.halted else BY_ITSELF)

    @property
    def missing(self) -> str:
        """Why an episode that began now would be in vain; empty if it would not."""
        return self._witnesses.missing(self.episode)

    @property
    def _goes_on(self) -> bool:
        """Whether the next episode begins by itself."""
        return self._parameters.auto and not (self.halted or self._hindrance('') or self._done)

    @property
    def _done(self) -> str:
        """That there were as many as were wanted, if so."""
        wanted = self._parameters.rollouts
        enough = self._parameters.auto and 0 < wanted <= self._next
        return f'all {wanted} {DONE}' if enough else ''

    @property
    def _next(self) -> int:
        """Index of the next episode."""
        return self._parameters.first + self.tally.begun

    @property
    def _latched(self) -> str:
        return f'the gate is latched: {self._latch}; rearm it first'

    def _hindrance(self, task: str) -> str:
        """Why no episode can begin."""
        if self.running:
            return f'episode {self.episode.id} runs; end it first'
        if self.resetting:
            return f'episode {self.episode.id} begins after its reset'
        if self._paused:
            return 'paused; call pause with false first'
        if self._latch:
            return self._latched
        if self.missing:
            return self.missing
        return '' if task or self.episode.task else 'no task; say what is to be done'

    def _begin(self, task: str, now: int) -> None:
        index = self._next
        phase = Phase.RESETTING
        self.episode = Episode(f'{self._run}-{index:04d}', index, task, phase, stamp=now)
        self.tally.begun += 1
        if not self._resets:
            self.ready(now)

    def _lose_gate(self, by: str, now: int) -> bool:
        """Abort what is under way; also between episodes a person must let them go on."""
        self.halted = by
        active = self.running or self.resetting
        return active and not self.end(Outcome.ABORTED, by, now)

    def _lose(self, by: str, now: int) -> bool:
        """Abort what is under way, for a witness is lost; the next may begin by itself.

        Nothing is wrong with the arm, and `missing` holds the next back until the witness is there
        again. Where one episode after the other ends so, a person must look.
        """
        halted = self.halted
        lost = (self.running or self.resetting) and not self.end(Outcome.ABORTED, by, now)
        self._losses += lost
        again = self._losses >= LOSSES
        self.halted = f'{by}, {self._losses} episodes in a row' if lost and again else halted
        return lost

    def _end_by_time(self, now: int) -> bool:
        limits = self._parameters
        if (
            limits.silence
            and self._heard is not None
            and self._old(self._heard, limits.silence, now)
        ):
            return self._lose('silence of the reward model', now)
        if limits.accept_candidates and self._proposed is not None:
            due = self._old(self._proposed, limits.grace, now)
            return due and not self.end(Outcome.SUCCESS, 'grm', now)
        if limits.time_limit and self._old(self.episode.stamp, limits.time_limit, now):
            return not self.end(Outcome.TIME_LIMIT, 'clock', now)
        return False

    @staticmethod
    def _old(stamp: int, span: float, now: int) -> bool:
        return now - stamp >= span * SECOND
