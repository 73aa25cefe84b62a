"""Why the arm holds or is stopped, in words. Pure."""

import re
from collections.abc import Mapping

from robo_dopamine_ros.safety.mode import MOVERS, TURNS, Charge, Events, Voice
from robo_dopamine_ros.types import Mode

NUMBER = re.compile(r'[\d.]+')


def why(charge: Charge, events: Events, standing: str, names: Mapping[Mode, str]) -> str:
    """Say why nobody moves the arm, nothing when somebody may; `standing` keeps it from rearming.

    `names` are the topics of the movers.
    """
    if charge.latch:
        return _latched(charge.latch, standing)
    if charge.mode in MOVERS:
        return ''
    if standing:
        return standing
    if charge.duty in MOVERS:
        return events.words[charge.duty]
    if charge.owned:
        return _owned(charge, events, names)
    if events.conductor:
        return events.conductor
    mover = next((m for m, phase in TURNS.items() if phase is events.phase), None)
    if mover is None:
        return f'no episode runs: {events.phase.name.lower()}'
    if mover in charge.spent:
        return f'this episode began before the gate was rearmed; {names[mover]} waits for the next'
    return events.words[mover]


def _latched(cause: str, standing: str) -> str:
    """Say why the gate is latched, and whether it can be rearmed."""
    if not standing:
        return f'stopped: {cause}; rearm to go on'
    if NUMBER.sub('', standing) == NUMBER.sub('', cause):
        return f'stopped: {standing}'  # the cause itself, with the numbers of now
    return f'stopped: {cause}; and now: {standing}'


def _owned(charge: Charge, events: Events, names: Mapping[Mode, str]) -> str:
    """Say why the person who owns the arm does not move it."""
    human = Mode.HUMAN
    if human in charge.spent and events.voice(human) is not Voice.QUIET:
        return f'{names[human]} was active when the gate was rearmed; let go of the dead-man first'
    return f'a person took over and has not handed back; {events.words[human]}'
