"""Arbitration: laws checked over every reachable state of the machine and every input."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product

import pytest

from robo_dopamine_ros.safety.arbitration import (
    COMMAND_SOURCES,
    FAILED,
    REQUESTING,
    SOURCE_PHASES,
    ArbiterInputs,
    ArbiterState,
    SourceStatus,
    arbitrate,
)
from robo_dopamine_ros.types import Mode, Phase

USUAL = (SourceStatus.IDLE, SourceStatus.ACTIVE, SourceStatus.REFUSED, SourceStatus.TIMED_OUT)
SWITCHES = (
    {'enable_error': 'the enabling switch is released'},
    {'enable_error': 'the enabling switch is silent', 'enable_silent': True},
)
ASKED: tuple[dict[str, bool], ...] = ({}, {'take_over': True}, {'release': True}, {'rearm': True})
Law = Callable[[ArbiterState, ArbiterInputs, ArbiterState], bool]


def all_inputs() -> Iterator[ArbiterInputs]:
    """Every input; ENDED acts like IDLE, and with a stop reason the other inputs hardly matter."""
    phases = (Phase.IDLE, Phase.RESETTING, Phase.RUNNING)
    reasons = {source: f'{source.name} is lost' for source in COMMAND_SOURCES}
    for statuses, phase, episode_manager, asked in product(
        product(SourceStatus, repeat=3), phases, ('', 'episode manager silent'), ASKED
    ):
        given = dict(zip(COMMAND_SOURCES, statuses, strict=True))
        yield ArbiterInputs('', given, reasons, phase, 'one', episode_manager, **asked)
    for statuses, phase, switch, asked in product(
        product(USUAL, repeat=3), phases, SWITCHES, ASKED
    ):
        given = dict(zip(COMMAND_SOURCES, statuses, strict=True))
        yield ArbiterInputs('', given, reasons, phase, 'one', **switch, **asked)
    for status, phase, asked in product(SourceStatus, phases, ASKED):
        yield ArbiterInputs(
            'arm fault', dict.fromkeys(COMMAND_SOURCES, status), reasons, phase, 'one', '', **asked
        )


@cache
def steps() -> list[tuple[ArbiterState, ArbiterInputs, ArbiterState]]:
    """Every step from every reachable state."""
    every = list(all_inputs())
    found, fresh = [], {ArbiterState(), ArbiterState(Mode.STOPPED, 'not armed yet')}
    seen = set(fresh)
    while fresh:
        state = fresh.pop()
        for inputs in every:
            after = arbitrate(state, inputs)
            found.append((state, inputs, after))
            if after not in seen:
                seen.add(after)
                fresh.add(after)
    return found


def wanted(inputs: ArbiterInputs, source: Mode) -> bool:
    return inputs.status(source) in REQUESTING


def a_stop_reason_stops(_: ArbiterState, inputs: ArbiterInputs, after: ArbiterState) -> bool:
    return not inputs.stop_reason or (after.mode is Mode.STOPPED and after.latch_reason != '')


def a_latch_has_a_reason_and_means_stopped(
    _: ArbiterState, __: ArbiterInputs, after: ArbiterState
) -> bool:
    return (after.mode is Mode.STOPPED) == (after.latch_reason != '')


def a_latch_and_its_first_reason_stay_until_rearmed(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    return not before.latch_reason or inputs.rearm or after.latch_reason == before.latch_reason


def the_moving_source_is_active(
    _: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    return after.mode not in COMMAND_SOURCES or inputs.status(after.mode) is SourceStatus.ACTIVE


def policy_and_reset_act_in_their_phase_alone(
    _: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    return after.mode not in SOURCE_PHASES or (
        inputs.phase is SOURCE_PHASES[after.mode]
        and not inputs.episode_error
        and not after.taken_over
    )


def a_person_takes_over_at_once(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    free = not (inputs.stop_reason or before.latch_reason or Mode.HUMAN in before.blocked)
    live = inputs.status(Mode.HUMAN) is SourceStatus.ACTIVE
    return not (free and live) or after.mode is Mode.HUMAN


def a_refused_person_takes_over_too(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    stopped = bool(inputs.stop_reason or before.latch_reason)
    refused = inputs.status(Mode.HUMAN) in (SourceStatus.REFUSED, SourceStatus.REFUSED_TOO_LONG)
    still = after.mode in (Mode.HOLD, Mode.STOPPED)
    return stopped or not refused or (after.taken_over and still)


def a_person_refused_for_long_latches(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    free = not before.latch_reason and Mode.HUMAN not in before.blocked
    return (
        not free
        or inputs.status(Mode.HUMAN) is not SourceStatus.REFUSED_TOO_LONG
        or after.mode is Mode.STOPPED
    )


def the_arm_is_a_persons_until_released(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    return not before.taken_over or inputs.release or after.taken_over


def release_frees_the_arm_unless_the_person_acts(
    _: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    return not inputs.release or wanted(inputs, Mode.HUMAN) or not after.taken_over


def rearming_moves_nothing(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    return not before.latch_reason or after.mode in (Mode.HOLD, Mode.STOPPED)


def a_stop_reason_outlives_rearming(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    return not (before.latch_reason and inputs.stop_reason) or after.mode is Mode.STOPPED


def after_rearming_the_dead_man_must_be_let_go(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    held = Mode.HUMAN in before.blocked and inputs.status(Mode.HUMAN) is not SourceStatus.IDLE
    return not held or (
        after.mode is not Mode.HUMAN and (after.latch_reason != '' or Mode.HUMAN in after.blocked)
    )


def after_rearming_the_phase_must_restart(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    same = before.rearm_episode == inputs.episode
    return not any(
        source in before.blocked
        and inputs.phase is SOURCE_PHASES[source]
        and same
        and after.mode is source
        for source in SOURCE_PHASES
    )


def an_active_source_that_fails_latches(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    acted = before.mode
    if acted not in COMMAND_SOURCES or inputs.status(acted) not in FAILED:
        return True
    replaced = acted in SOURCE_PHASES and (
        inputs.phase is not SOURCE_PHASES[acted] or inputs.take_over or wanted(inputs, Mode.HUMAN)
    )
    return replaced or after.mode is Mode.STOPPED


def an_idle_source_may_be_lost(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    idle = before.active_source is Mode.HOLD and not before.latch_reason and not inputs.stop_reason
    lost = all(
        inputs.status(source) in (SourceStatus.TIMED_OUT, SourceStatus.IDLE)
        for source in COMMAND_SOURCES
    )
    return not (idle and lost) or after.mode is Mode.HOLD


def a_silent_episode_manager_latches_policy_and_reset(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    acted = before.mode
    goes_on = (
        acted in SOURCE_PHASES
        and inputs.phase is SOURCE_PHASES[acted]
        and inputs.status(acted) is SourceStatus.ACTIVE
    )
    taken = inputs.take_over or wanted(inputs, Mode.HUMAN)
    return not (goes_on and inputs.episode_error) or taken or after.mode is Mode.STOPPED


def policy_and_reset_need_the_enabling_switch(
    _: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    return not inputs.enable_error or after.mode not in SOURCE_PHASES


def well(inputs: ArbiterInputs) -> bool:
    """Whether nothing but the enabling switch can latch."""
    failed = any(inputs.status(source) in FAILED for source in COMMAND_SOURCES)
    return not (failed or inputs.stop_reason or inputs.episode_error)


def a_released_switch_latches_nothing(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    released = inputs.enable_error and not inputs.enable_silent
    return not (released and well(inputs) and not before.latch_reason) or not after.latch_reason


def a_silent_switch_latches_motion_under_way_and_nothing_else(
    before: ArbiterState, inputs: ArbiterInputs, after: ArbiterState
) -> bool:
    if not inputs.enable_silent or before.latch_reason or not well(inputs):
        return True
    taken = inputs.take_over or wanted(inputs, Mode.HUMAN)
    goes_on = (
        before.mode in SOURCE_PHASES
        and inputs.phase is SOURCE_PHASES[before.mode]
        and wanted(inputs, before.mode)
    )
    if goes_on and not taken:
        return after.latch_reason == inputs.enable_error
    return not after.latch_reason or before.mode in SOURCE_PHASES


LAWS: tuple[Law, ...] = (
    a_stop_reason_stops,
    a_latch_has_a_reason_and_means_stopped,
    a_latch_and_its_first_reason_stay_until_rearmed,
    the_moving_source_is_active,
    policy_and_reset_act_in_their_phase_alone,
    a_person_takes_over_at_once,
    a_refused_person_takes_over_too,
    a_person_refused_for_long_latches,
    the_arm_is_a_persons_until_released,
    release_frees_the_arm_unless_the_person_acts,
    rearming_moves_nothing,
    a_stop_reason_outlives_rearming,
    after_rearming_the_dead_man_must_be_let_go,
    after_rearming_the_phase_must_restart,
    an_active_source_that_fails_latches,
    an_idle_source_may_be_lost,
    a_silent_episode_manager_latches_policy_and_reset,
    policy_and_reset_need_the_enabling_switch,
    a_released_switch_latches_nothing,
    a_silent_switch_latches_motion_under_way_and_nothing_else,
)


@pytest.mark.parametrize('law', LAWS, ids=lambda law: law.__name__)
def test_law(law: Law) -> None:
    broken = next((step for step in steps() if not law(*step)), None)
    assert broken is None, '\n'.join(map(str, broken or ()))


def test_every_mode_is_reached_from_every_mode() -> None:
    """From every mode, each other mode is one or two steps away."""
    direct = {(before.mode, after.mode) for before, _, after in steps()}
    for start, end in product(Mode, Mode):
        two = any((start, m) in direct and (m, end) in direct for m in Mode)
        assert (start, end) in direct or two, f'{start.name} never becomes {end.name}'


def test_after_rearming_the_policy_acts_in_the_next_episode() -> None:
    live = {Mode.POLICY: SourceStatus.ACTIVE}
    rearm = ArbiterInputs(statuses=live, phase=Phase.RUNNING, episode='one', rearm=True)
    state = arbitrate(ArbiterState(Mode.STOPPED, 'stop was called'), rearm)
    assert state.mode is Mode.HOLD
    same = ArbiterInputs(statuses=live, phase=Phase.RUNNING, episode='one')
    assert arbitrate(state, same).mode is Mode.HOLD
    another = ArbiterInputs(statuses=live, phase=Phase.RUNNING, episode='two')
    assert arbitrate(state, another).mode is Mode.POLICY
