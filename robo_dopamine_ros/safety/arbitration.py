"""Arbitration of the command sources: one pure state machine, evaluated once per gate tick.

Inputs are checked in order of danger: stop conditions first, then HUMAN, RESET and POLICY.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from robo_dopamine_ros.types import Mode, Phase

COMMAND_SOURCES = (Mode.HUMAN, Mode.RESET, Mode.POLICY)  # in order of priority
SOURCE_PHASES = {Mode.RESET: Phase.RESETTING, Mode.POLICY: Phase.RUNNING}  # when each may act
NUMBER = re.compile(r'[\d.]+')


class SourceStatus(IntEnum):
    """Status of a command source."""

    IDLE = 0  # no command received yet, or the newest is announced as `valid = false`
    ACTIVE = 1  # its newest command may be executed
    REFUSED = 2  # its newest command was refused
    REFUSED_TOO_LONG = 3  # its commands have been refused for longer than its timeout
    TIMED_OUT = 4  # no command that counts for longer than its timeout, and the last was valid


REQUESTING = (SourceStatus.ACTIVE, SourceStatus.REFUSED, SourceStatus.REFUSED_TOO_LONG)
FAILED = (SourceStatus.REFUSED_TOO_LONG, SourceStatus.TIMED_OUT)  # of the active source: latch


@dataclass(frozen=True)
class ArbiterInputs:
    """Inputs of one arbitration update."""

    stop_reason: str = ''  # condition that must stop the arm now; empty: none
    statuses: Mapping[Mode, SourceStatus] = field(default_factory=dict)  # by source; absent: IDLE
    status_reasons: Mapping[Mode, str] = field(default_factory=dict)  # why a source is not ACTIVE
    phase: Phase = Phase.IDLE
    episode: str = ''  # id of the current episode
    episode_error: str = ''  # why the phase is not known; empty: it is
    enable_error: str = ''  # why policy and reset motion are not enabled; empty: they are
    enable_silent: bool = False  # whether that is because the enabling switch is silent
    take_over: bool = False  # a person requests control of the arm
    release: bool = False  # a person hands control back
    rearm: bool = False  # a person releases the latch

    def status(self, source: Mode) -> SourceStatus:
        """Status of a command source."""
        return self.statuses.get(source, SourceStatus.IDLE)


@dataclass(frozen=True)
class ArbiterState:
    """Current mode, and what the next update depends on."""

    mode: Mode = Mode.HOLD
    latch_reason: str = ''  # why the gate is STOPPED until rearmed; empty: not latched
    taken_over: bool = False  # a person took over and has not released yet
    active_source: Mode = Mode.HOLD  # source in control, also while its newest command is refused
    blocked: frozenset[Mode] = frozenset()  # sources that must start anew since the last rearm
    rearm_episode: str = ''  # id of the episode during which the gate was rearmed


def arbitrate(state: ArbiterState, inputs: ArbiterInputs) -> ArbiterState:
    """Return the next state.

    Rearming never starts motion. Every source is blocked until it starts anew: HUMAN by releasing
    the dead-man switch, RESET and POLICY with the next episode phase that is theirs.
    """
    if inputs.stop_reason:
        state = _latch(state, inputs.stop_reason)
    taken_over = (state.taken_over or inputs.take_over) and not inputs.release
    state = replace(state, taken_over=taken_over)
    if state.latch_reason:
        if inputs.stop_reason or not inputs.rearm:
            return state
        state = ArbiterState(
            taken_over=state.taken_over,
            blocked=frozenset(COMMAND_SOURCES),
            rearm_episode=inputs.episode,
        )
    blocked = frozenset(m for m in state.blocked if not _unblocks(m, state, inputs))
    state = replace(state, blocked=blocked)
    if inputs.status(Mode.HUMAN) in REQUESTING:
        state = replace(state, taken_over=True)
    active = next((m for m in COMMAND_SOURCES if _in_control(m, state, inputs)), Mode.HOLD)
    if active in SOURCE_PHASES and inputs.episode_error:
        return _latch(state, inputs.episode_error)
    if inputs.status(active) in FAILED:
        return _latch(state, inputs.status_reasons.get(active, f'{active.name} is lost'))
    enabled = active not in SOURCE_PHASES or not inputs.enable_error
    if not enabled and inputs.enable_silent and state.mode in SOURCE_PHASES:
        return _latch(state, inputs.enable_error)
    mode = active if enabled and inputs.status(active) is SourceStatus.ACTIVE else Mode.HOLD
    return replace(state, mode=mode, active_source=active)


def _latch(state: ArbiterState, reason: str) -> ArbiterState:
    """Return the latched state; the first reason is kept."""
    reason = state.latch_reason or reason
    return replace(state, mode=Mode.STOPPED, latch_reason=reason, active_source=Mode.HOLD)


def _unblocks(source: Mode, state: ArbiterState, inputs: ArbiterInputs) -> bool:
    """Whether a blocked source has ended the motion during which the gate was rearmed."""
    if source is Mode.HUMAN:
        return inputs.status(source) is SourceStatus.IDLE
    return inputs.phase is not SOURCE_PHASES[source] or inputs.episode != state.rearm_episode


def _in_control(source: Mode, state: ArbiterState, inputs: ArbiterInputs) -> bool:
    """Whether a source may act and requests to, or was active until it timed out."""
    if source in state.blocked:
        return False
    was_active = state.active_source is source
    if source in SOURCE_PHASES:
        if state.taken_over or inputs.phase is not SOURCE_PHASES[source]:
            return False
        if inputs.episode_error and not was_active:
            return False
    status = inputs.status(source)
    return status in REQUESTING or (status is SourceStatus.TIMED_OUT and was_active)


def hold_reason(
    state: ArbiterState, inputs: ArbiterInputs, rearm_obstacle: str, topics: Mapping[Mode, str]
) -> str:
    """Return why no source moves the arm; empty while one may.

    `rearm_obstacle` is what keeps the gate from being rearmed, `topics` the topic of each source.
    """
    if state.latch_reason:
        return _latched_reason(state.latch_reason, rearm_obstacle)
    if state.mode in COMMAND_SOURCES:
        return ''
    if rearm_obstacle:
        return rearm_obstacle
    if state.active_source in SOURCE_PHASES and inputs.enable_error:
        return f'{topics[state.active_source]} waits: {inputs.enable_error}'
    if state.active_source in COMMAND_SOURCES:
        return inputs.status_reasons[state.active_source]
    if state.taken_over:
        return _taken_over_reason(state, inputs, topics)
    if inputs.episode_error:
        return inputs.episode_error
    source = next((m for m, phase in SOURCE_PHASES.items() if phase is inputs.phase), None)
    if source is None:
        return f'no episode runs: {inputs.phase.name.lower()}'
    if source in state.blocked:
        return (
            f'this episode began before the gate was rearmed; {topics[source]} waits for the next'
        )
    return inputs.status_reasons[source]


def _latched_reason(latch_reason: str, rearm_obstacle: str) -> str:
    """Say why the gate is latched, and whether it can be rearmed."""
    if not rearm_obstacle:
        return f'stopped: {latch_reason}; rearm to go on (robo-dopamine rearm)'
    if NUMBER.sub('', rearm_obstacle) == NUMBER.sub('', latch_reason):
        return f'stopped: {rearm_obstacle}'  # the same condition, with its current numbers
    return f'stopped: {latch_reason}; and now: {rearm_obstacle}'


def _taken_over_reason(
    state: ArbiterState, inputs: ArbiterInputs, topics: Mapping[Mode, str]
) -> str:
    """Say why the person in control does not move the arm."""
    human = Mode.HUMAN
    if human in state.blocked and inputs.status(human) is not SourceStatus.IDLE:
        return f'{topics[human]} was active when the gate was rearmed; let go of the dead-man first'
    return f'a person took over and has not handed back; {inputs.status_reasons[human]}'
