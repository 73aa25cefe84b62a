"""Who is in charge: laws over every state the machine can reach, times every event."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product

import pytest

from robo_dopamine_ros.safety.mode import (
    GONE,
    MOVERS,
    TURNS,
    WANTS,
    Charge,
    Events,
    Voice,
    update,
)
from robo_dopamine_ros.types import Mode, Phase

ASKED: tuple[dict[str, bool], ...] = ({}, {'take_over': True}, {'release': True}, {'rearm': True})
Law = Callable[[Charge, Events, Charge], bool]


def events() -> Iterator[Events]:
    """Every event; ENDED is to the machine what IDLE is, and danger leaves nothing to choose."""
    phases = (Phase.IDLE, Phase.RESETTING, Phase.RUNNING)
    words = {mover: f'{mover.name} is lost' for mover in MOVERS}
    for voices, phase, conductor, asked in product(
        product(Voice, repeat=3), phases, ('', 'conductor silent'), ASKED
    ):
        heard = dict(zip(MOVERS, voices, strict=True))
        yield Events('', heard, words, phase, 'one', conductor, **asked)
    for voice, phase, asked in product(Voice, phases, ASKED):
        yield Events('danger', dict.fromkeys(MOVERS, voice), words, phase, 'one', '', **asked)


@cache
def steps() -> list[tuple[Charge, Events, Charge]]:
    """Every step from every state that can be reached."""
    every = list(events())
    found, fresh = [], {Charge(), Charge(Mode.STOPPED, 'not armed yet')}
    seen = set(fresh)
    while fresh:
        charge = fresh.pop()
        for event in every:
            after = update(charge, event)
            found.append((charge, event, after))
            if after not in seen:
                seen.add(after)
                fresh.add(after)
    return found


def wanted(event: Events, mover: Mode) -> bool:
    return event.voice(mover) in WANTS


def danger_stops(_: Charge, event: Events, after: Charge) -> bool:
    return not event.danger or (after.mode is Mode.STOPPED and after.latch != '')


def a_latch_has_a_reason_and_means_stopped(_: Charge, __: Events, after: Charge) -> bool:
    return (after.mode is Mode.STOPPED) == (after.latch != '')


def a_latch_and_its_first_reason_stay_until_rearmed(
    before: Charge, event: Events, after: Charge
) -> bool:
    return not before.latch or event.rearm or after.latch == before.latch


def who_moves_is_heard_now(_: Charge, event: Events, after: Charge) -> bool:
    return after.mode not in MOVERS or event.voice(after.mode) is Voice.LIVE


def policy_and_reset_act_in_their_phase_alone(_: Charge, event: Events, after: Charge) -> bool:
    return after.mode not in TURNS or (
        event.phase is TURNS[after.mode] and not event.conductor and not after.owned
    )


def a_person_takes_over_at_once(before: Charge, event: Events, after: Charge) -> bool:
    free = not (event.danger or before.latch or Mode.HUMAN in before.spent)
    live = event.voice(Mode.HUMAN) is Voice.LIVE
    return not (free and live) or after.mode is Mode.HUMAN


def a_person_who_is_refused_takes_over_too(before: Charge, event: Events, after: Charge) -> bool:
    stopped = bool(event.danger or before.latch)
    refused = event.voice(Mode.HUMAN) in (Voice.REFUSED, Voice.BARRED)
    still = after.mode in (Mode.HOLD, Mode.STOPPED)
    return stopped or not refused or (after.owned and still)


def who_is_refused_for_long_latches(before: Charge, event: Events, after: Charge) -> bool:
    free = not before.latch and Mode.HUMAN not in before.spent
    return not free or event.voice(Mode.HUMAN) is not Voice.BARRED or after.mode is Mode.STOPPED


def the_arm_is_a_persons_until_released(before: Charge, event: Events, after: Charge) -> bool:
    return not before.owned or event.release or after.owned


def release_frees_the_arm_unless_the_person_acts(_: Charge, event: Events, after: Charge) -> bool:
    return not event.release or wanted(event, Mode.HUMAN) or not after.owned


def rearming_moves_nothing(before: Charge, event: Events, after: Charge) -> bool:
    return not before.latch or after.mode in (Mode.HOLD, Mode.STOPPED)


def danger_outlives_rearming(before: Charge, event: Events, after: Charge) -> bool:
    return not (before.latch and event.danger) or after.mode is Mode.STOPPED


def after_rearming_the_dead_man_must_be_let_go(
    before: Charge, event: Events, after: Charge
) -> bool:
    held = Mode.HUMAN in before.spent and event.voice(Mode.HUMAN) is not Voice.QUIET
    return not held or (
        after.mode is not Mode.HUMAN and (after.latch != '' or Mode.HUMAN in after.spent)
    )


def after_rearming_the_phase_must_begin_anew(before: Charge, event: Events, after: Charge) -> bool:
    same = before.episode == event.episode
    return not any(
        mover in before.spent and event.phase is TURNS[mover] and same and after.mode is mover
        for mover in TURNS
    )


def who_acted_and_is_lost_latches(before: Charge, event: Events, after: Charge) -> bool:
    acted = before.mode
    if acted not in MOVERS or event.voice(acted) not in GONE:
        return True
    replaced = acted in TURNS and (
        event.phase is not TURNS[acted] or event.take_over or wanted(event, Mode.HUMAN)
    )
    return replaced or after.mode is Mode.STOPPED


def who_did_not_act_may_be_lost(before: Charge, event: Events, after: Charge) -> bool:
    idle = before.duty is Mode.HOLD and not before.latch and not event.danger
    lost = all(event.voice(mover) in (Voice.LOST, Voice.QUIET) for mover in MOVERS)
    return not (idle and lost) or after.mode is Mode.HOLD


def a_silent_conductor_latches_those_it_directs(
    before: Charge, event: Events, after: Charge
) -> bool:
    acted = before.mode
    goes_on = acted in TURNS and event.phase is TURNS[acted] and event.voice(acted) is Voice.LIVE
    taken = event.take_over or wanted(event, Mode.HUMAN)
    return not (goes_on and event.conductor) or taken or after.mode is Mode.STOPPED


LAWS: tuple[Law, ...] = (
    danger_stops,
    a_latch_has_a_reason_and_means_stopped,
    a_latch_and_its_first_reason_stay_until_rearmed,
    who_moves_is_heard_now,
    policy_and_reset_act_in_their_phase_alone,
    a_person_takes_over_at_once,
    a_person_who_is_refused_takes_over_too,
    who_is_refused_for_long_latches,
    the_arm_is_a_persons_until_released,
    release_frees_the_arm_unless_the_person_acts,
    rearming_moves_nothing,
    danger_outlives_rearming,
    after_rearming_the_dead_man_must_be_let_go,
    after_rearming_the_phase_must_begin_anew,
    who_acted_and_is_lost_latches,
    who_did_not_act_may_be_lost,
    a_silent_conductor_latches_those_it_directs,
)


@pytest.mark.parametrize('law', LAWS, ids=lambda law: law.__name__)
def test_law(law: Law) -> None:
    broken = next((step for step in steps() if not law(*step)), None)
    assert broken is None, '\n'.join(map(str, broken or ()))


def test_every_mode_is_reached_from_every_mode() -> None:
    """Also the order of danger: whoever is in charge, every other mode is one or two steps away."""
    direct = {(before.mode, after.mode) for before, _, after in steps()}
    for start, end in product(Mode, Mode):
        two = any((start, m) in direct and (m, end) in direct for m in Mode)
        assert (start, end) in direct or two, f'{start.name} never becomes {end.name}'


def test_after_rearming_a_new_episode_is_a_new_beginning() -> None:
    live = {Mode.POLICY: Voice.LIVE}
    rearm = Events(voices=live, phase=Phase.RUNNING, episode='one', rearm=True)
    charge = update(Charge(Mode.STOPPED, 'stop was called'), rearm)
    assert charge.mode is Mode.HOLD
    same = Events(voices=live, phase=Phase.RUNNING, episode='one')
    assert update(charge, same).mode is Mode.HOLD
    another = Events(voices=live, phase=Phase.RUNNING, episode='two')
    assert update(charge, another).mode is Mode.POLICY
