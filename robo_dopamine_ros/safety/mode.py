"""Who is in charge of the arm: one machine, one update, in order of danger. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from robo_dopamine_ros.types import Mode, Phase

MOVERS = (Mode.HUMAN, Mode.RESET, Mode.POLICY)  # the first that may act does
TURNS = {Mode.RESET: Phase.RESETTING, Mode.POLICY: Phase.RUNNING}  # when each may act


class Voice(IntEnum):
    """What is heard of a source of wishes."""

    QUIET = 0  # never heard, or it said that it wants nothing
    LIVE = 1  # its wish may be followed
    REFUSED = 2  # it wants something that is refused
    BARRED = 3  # so for longer than its time-out
    LOST = 4  # silent for longer than its time-out, without a word before


WANTS = (Voice.LIVE, Voice.REFUSED, Voice.BARRED)
GONE = (Voice.BARRED, Voice.LOST)  # who is at work and becomes so stops the arm


@dataclass(frozen=True)
class Events:
    """What an update goes by."""

    danger: str = ''  # what must stop the arm now
    voices: Mapping[Mode, Voice] = field(default_factory=dict)  # of each mover; absent: QUIET
    words: Mapping[Mode, str] = field(default_factory=dict)  # why a mover is not LIVE
    phase: Phase = Phase.IDLE
    episode: str = ''  # id of the one under way
    conductor: str = ''  # why the phase cannot be relied on
    take_over: bool = False  # a person asks for the arm
    release: bool = False  # a person hands the arm back
    rearm: bool = False  # a person releases the latch

    def voice(self, mover: Mode) -> Voice:
        """What is heard of a mover."""
        return self.voices.get(mover, Voice.QUIET)


@dataclass(frozen=True)
class Charge:
    """Who is in charge, and what the next update must remember."""

    mode: Mode = Mode.HOLD
    latch: str = ''  # why it is STOPPED until rearmed
    owned: bool = False  # a person took over and has not handed back
    duty: Mode = Mode.HOLD  # mover whose wishes count, though one may just be refused
    spent: frozenset[Mode] = frozenset()  # movers that must begin anew since the rearming
    episode: str = ''  # id of the one in which the latch was released


def update(charge: Charge, events: Events) -> Charge:
    """Say who is in charge now.

    Rearming by itself never moves the arm: whoever could have moved it must begin anew, a person by
    letting go of the dead-man, policy and reset motion with the next phase that is theirs.
    """
    if events.danger:
        charge = _stopped(charge, events.danger)
    charge = replace(charge, owned=(charge.owned or events.take_over) and not events.release)
    if charge.latch:
        if events.danger or not events.rearm:
            return charge
        charge = Charge(owned=charge.owned, spent=frozenset(MOVERS), episode=events.episode)
    spent = frozenset(m for m in charge.spent if not _rests(m, charge, events))
    charge = replace(charge, spent=spent)
    if events.voice(Mode.HUMAN) in WANTS:
        charge = replace(charge, owned=True)
    duty = next((m for m in MOVERS if _acts(m, charge, events)), Mode.HOLD)
    if duty in TURNS and events.conductor:
        return _stopped(charge, events.conductor)
    if events.voice(duty) in GONE:
        return _stopped(charge, events.words.get(duty, f'{duty.name} is lost'))
    mode = duty if events.voice(duty) is Voice.LIVE else Mode.HOLD
    return replace(charge, mode=mode, duty=duty)


def _stopped(charge: Charge, cause: str) -> Charge:
    """Latch; the first cause stays."""
    return replace(charge, mode=Mode.STOPPED, latch=charge.latch or cause, duty=Mode.HOLD)


def _rests(mover: Mode, charge: Charge, events: Events) -> bool:
    """Whether a mover that must begin anew has ended what it was at."""
    if mover is Mode.HUMAN:
        return events.voice(mover) is Voice.QUIET
    return events.phase is not TURNS[mover] or events.episode != charge.episode


def _acts(mover: Mode, charge: Charge, events: Events) -> bool:
    """Whether a mover may act and wants to, or did until it was lost."""
    if mover in charge.spent:
        return False
    acted = charge.duty is mover
    if mover in TURNS:
        if charge.owned or events.phase is not TURNS[mover]:
            return False
        if events.conductor and not acted:
            return False
    voice = events.voice(mover)
    return voice in WANTS or (voice is Voice.LOST and acted)
