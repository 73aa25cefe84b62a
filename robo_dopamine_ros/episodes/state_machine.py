"""State machine of episodes: when one starts, runs and ends. Pure: instants come in.

Every limit counts steady time, so that an episode ends in time whatever ROS time does.
"""

import math
from dataclasses import replace

from robo_dopamine_ros.episodes.config import EpisodeParameters
from robo_dopamine_ros.episodes.correction import NO_OUTCOME, PendingOutcome
from robo_dopamine_ros.episodes.liveness import RECORDER, LivenessMonitor
from robo_dopamine_ros.episodes.reading_watch import ReadingWatch
from robo_dopamine_ros.episodes.stats import EpisodeStats
from robo_dopamine_ros.types import (
    SECOND,
    Episode,
    Instant,
    Outcome,
    Phase,
    Progress,
    RecorderStatus,
)

GATE_TIMEOUT = 1.0  # silence after which a gate that has published is lost [s]
MAX_CONSECUTIVE_LOSSES = 3  # episodes in a row aborted by a lost node, then a person must act
CONFIRM_DELAY = 1.0  # an earlier second start request does not confirm a manual reset [s]
NEXT_EPISODE_KEY = 'next episode'  # of `next_episode` in the diagnostics
STARTS_AUTOMATICALLY = 'the next begins by itself'
STARTS_ON_REQUEST = 'start_episode begins the next'
ALL_DONE = 'episodes are done'


class EpisodeStateMachine:
    """Holds the current `episode` and moves it between its phases.

    Requests (`start`, `end`, `pause`, `reset_done`) give the reason of a refusal, or an empty
    text. Inputs (`on_*`, `tick`) give whether the episode changed.

    A person's outcome (`claim`) ends the episode at once; a success or failure stays NONE, to be
    corrected, for the correction time or until the next start. A success candidate of the reward
    model becomes final after the grace period, unless it is withdrawn or a person ends the episode
    otherwise before; the time limit waits for the grace period.
    """

    def __init__(
        self,
        parameters: EpisodeParameters,
        run: str,
        needs_reset: bool = False,
        manual_reset: bool = False,
    ) -> None:
        """`run` makes ids unique among runs.

        With `needs_reset` an episode runs after `reset_done`, or a second `start` (`manual_reset`).
        """
        self.episode = Episode(task=parameters.task)
        self.stats = EpisodeStats()
        self.auto_start_blocked = 'nobody has begun the first' if parameters.auto_start else ''
        self._parameters = parameters
        self._run = run
        self._needs_reset, self._manual_reset = needs_reset, manual_reset
        self._losses = 0  # consecutive episodes aborted because a node was lost
        self._paused = False
        self._phase_began = -math.inf  # steady time [ns], as all that follow
        self._gate_arrival: int | None = None  # of the last message of the gate
        self._latch_reason = ''  # empty: the gate is not latched
        self._liveness = LivenessMonitor(parameters.require_recorder, parameters.reward_timeout)
        self._readings = ReadingWatch()
        self._pending = PendingOutcome(parameters.correction_time)

    @property
    def running(self) -> bool:
        """Whether an episode runs."""
        return self.episode.phase is Phase.RUNNING

    @property
    def resetting(self) -> bool:
        """Whether an episode waits for its reset."""
        return self.episode.phase is Phase.RESETTING

    @property
    def success_candidate(self) -> bool:
        """Whether there is a success candidate that a person may still overrule."""
        return self.running and self._readings.candidate

    def start(self, task: str, now: Instant) -> str:
        """Start an episode, or confirm a manual reset; an empty task repeats the last one."""
        waited = _elapsed(self._phase_began, CONFIRM_DELAY, now)
        if self.resetting and self._manual_reset and waited:
            return self.reset_done(now)
        self._decide()
        if reason := self._start_blocked(task):
            return reason
        self.auto_start_blocked, self._losses = '', 0
        self._start(task or self.episode.task, now)
        return ''

    def reset_done(self, now: Instant) -> str:
        """Arm and scene are reset: the episode runs from now on."""
        if not self.resetting:
            return 'no episode waits for its reset'
        self._enter(replace(self.episode, phase=Phase.RUNNING), now)
        self._readings.begin(now)
        return ''

    def end(self, outcome: Outcome, decided_by: str, now: Instant) -> str:
        """End the episode; one that does not run yet can only be aborted."""
        if not (self.running or self.resetting):
            last = self.episode
            if last.phase is not Phase.ENDED:
                return 'no episode runs'
            how = f'{last.outcome.name} by {last.decided_by}'
            return f'no episode runs; {last.id} has ended: {how}'
        if outcome is Outcome.NONE:
            return NO_OUTCOME
        if self.resetting and outcome is not Outcome.ABORTED:
            return f'outcome = {outcome.name}; an episode that does not run yet can be ABORTED only'
        self._end(outcome, decided_by, now)
        self._decide()
        return ''

    def claim(self, outcome: Outcome, decided_by: str, now: Instant) -> str:
        """End the episode by a person, who may correct a success or failure for a while."""
        if not self._pending and not (self.running and self._pending.holds(outcome)):
            return self.end(outcome, decided_by, now)
        if outcome is Outcome.NONE:
            return NO_OUTCOME
        if self._pending:
            self.episode = replace(self.episode, decided_by=decided_by)
            self._pending.outcome = outcome
        else:
            self._end(outcome, decided_by, now)
        return ''

    def _end(self, outcome: Outcome, decided_by: str, now: Instant) -> None:
        self._pending.begin(outcome, now)
        self._enter(replace(self.episode, phase=Phase.ENDED, decided_by=decided_by), now)

    def _decide(self) -> bool:
        """Make a person's outcome final; the stamp stays that of the end."""
        outcome, decided_by = self._pending.take(), self.episode.decided_by
        if outcome is Outcome.NONE:
            return False
        self.episode = replace(self.episode, outcome=outcome)
        self.stats.on_episode(self.episode)
        if outcome is Outcome.ABORTED:
            self.auto_start_blocked = f'{self.episode.id} was aborted by {decided_by}'
        else:
            self._losses = 0
        return True

    def pause(self, paused: bool) -> str:
        """Block further episodes, or allow them again, the first automatic one too."""
        if not paused:
            if self._latch_reason:
                return self._latched
            self.auto_start_blocked, self._losses = '', 0
        self._paused = paused
        return ''

    def on_progress(self, reading: Progress, now: Instant) -> bool:
        """Follow the reward model; a restart of it in the middle aborts the episode."""
        self._liveness.on_progress(now.steady)
        own = self.running and reading.episode == self.episode.id
        restarted = self._readings.on_reading(reading, own, now)
        return restarted and self._abort_lost('restart of the reward model', now)

    def on_control(self, latched: bool, reason: str, now: Instant) -> bool:
        """Follow the gate; a latch aborts the episode."""
        self._gate_arrival = now.steady
        self._latch_reason = (reason or 'it does not say why') if latched else ''
        return latched and self._abort_gate(f'gate: {self._latch_reason}', now)

    def on_recorder_status(self, status: RecorderStatus, now: Instant) -> bool:
        """Follow the recorder, if required; one that stores nothing aborts the episode."""
        if not self._parameters.require_recorder:
            return False
        self._liveness.on_recorder_status(status, now.steady)
        return bool(status.reason) and self._abort_lost(f'recorder: {status.reason}', now)

    def tick(self, now: Instant) -> bool:
        """Apply time-outs, the time limit and the automatic start."""
        if self._gate_arrival is not None and _elapsed(self._gate_arrival, GATE_TIMEOUT, now):
            self._gate_arrival, self._latch_reason = None, ''
            return self._abort_gate('gate: silent', now)
        if RECORDER in self._liveness.tick(now.steady):
            return self._abort_lost('recorder: silent', now)
        if self.running:
            return self._end_by_time(now)
        if self._pending:
            return self._pending.due(now) and self._decide()
        due = _elapsed(self._phase_began, self._parameters.interval, now)
        if due and self.next_episode == STARTS_AUTOMATICALLY:
            self._start(self.episode.task, now)
            return True
        return False

    @property
    def status(self) -> str:
        """The state in one line, for logs and diagnostics."""
        if self.running:
            return 'running, success proposed' if self.success_candidate else 'running'
        first, latch = self._pending.describe(self.episode), self._latch_reason
        latched = f'the gate is latched{"" if latch in first else f": {latch}"}' if latch else ''
        why = self.auto_start_blocked if self._parameters.auto_start and not latch else ''
        last = f'no next episode by itself: {why}' if why else self._all_done
        parts = (first, latched, self._liveness.silent, 'paused' if self._paused else '', last)
        return '; '.join(part for part in parts if part)

    @property
    def next_episode(self) -> str:
        """What starts the next episode, or why none starts."""
        if self.running or self.resetting:
            return f'{self.episode.id} is {self.episode.phase.name.lower()}'
        if blocked := self._start_blocked(''):
            return blocked
        if not self._parameters.auto_start:
            return STARTS_ON_REQUEST
        if self._all_done:
            return self._all_done
        blocked = self.auto_start_blocked
        return f'none by itself: {blocked}' if blocked else STARTS_AUTOMATICALLY

    @property
    def unavailable(self) -> str:
        """Which node that an episode needs is not available; empty if all are."""
        return self._liveness.unavailable(self.episode)

    @property
    def _all_done(self) -> str:
        """The text that all rollouts are done; empty if some are left."""
        p = self._parameters
        done = p.auto_start and 0 < p.rollouts <= self._next_index
        return f'all {p.rollouts} {ALL_DONE}' if done else ''

    @property
    def _next_index(self) -> int:
        return self._parameters.first_index + self.stats.started

    @property
    def _latched(self) -> str:
        return f'the gate is latched: {self._latch_reason}; rearm it first (robo-dopamine rearm)'

    def _start_blocked(self, task: str) -> str:
        """Why no episode can start; empty if one can."""
        if self.running:
            return f'episode {self.episode.id} runs; end it first'
        if self.resetting:
            return f'episode {self.episode.id} begins after its reset'
        if self._paused:
            return 'paused; call pause with false first'
        if self._latch_reason:
            return self._latched
        if self.unavailable:
            return self.unavailable
        return '' if task or self.episode.task else 'no task; say what is to be done'

    def _start(self, task: str, now: Instant) -> None:
        index = self._next_index
        self._enter(Episode(f'{self._run}-{index:04d}', index, task, Phase.RESETTING), now)
        self.stats.started += 1
        if not self._needs_reset:
            self.reset_done(now)

    def _enter(self, episode: Episode, now: Instant) -> None:
        """Begin a phase of an episode."""
        self.episode, self._phase_began = replace(episode, stamp=now.stamp), now.steady

    def _abort_gate(self, reason: str, now: Instant) -> bool:
        """Abort, and block the automatic start until a person allows it, also between episodes."""
        self.auto_start_blocked = reason
        return (self.running or self.resetting) and not self.end(Outcome.ABORTED, reason, now)

    def _abort_lost(self, reason: str, now: Instant) -> bool:
        """Abort because a node was lost; `unavailable` blocks the start until it is back.

        After several consecutive losses a person must allow the next episode.
        """
        blocked = self.auto_start_blocked
        lost = (self.running or self.resetting) and not self.end(Outcome.ABORTED, reason, now)
        self._losses += lost
        if lost and self._losses >= MAX_CONSECUTIVE_LOSSES:
            blocked = f'{reason}, {self._losses} episodes in a row'
        self.auto_start_blocked = blocked
        return lost

    def _end_by_time(self, now: Instant) -> bool:
        limits, readings = self._parameters, self._readings
        if readings.silent(limits.reward_timeout, now):
            return self._abort_lost('silence of the reward model', now)
        if limits.accept_candidates and readings.candidate:
            due = readings.candidate_holds(limits.grace_period, now)
            return due and not self.end(Outcome.SUCCESS, 'grm', now)
        if limits.time_limit and _elapsed(self._phase_began, limits.time_limit, now):
            return not self.end(Outcome.TIME_LIMIT, 'clock', now)
        return False


def _elapsed(since: float, seconds: float, now: Instant) -> bool:
    return now.steady - since >= seconds * SECOND
