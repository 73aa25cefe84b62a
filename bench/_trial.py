"""One fault played through: what came of it, and whether that was promised."""

import math
import time
from dataclasses import dataclass

from _faults import Row
from _lab import Lab, LabError
from _tape import standstill, strayed

from robo_dopamine_ros.safety.mode import MOVERS
from robo_dopamine_ros.types import SECOND, Mode, Phase

GOES_ON = 1.5  # [s] for which a motion must go on
PATIENCE = 5.0  # [s] for all that is promised
SETTLE, QUIET = 0.3, 2.0  # [s] once the cause is gone; for which nothing moves then
SWAY = 0.002  # [m] that do not count as motion
LEAD = 0.04  # [m] the arm may go on at most
BACK = 45.0  # [s] until it can be rearmed
TRIES = 3


@dataclass
class Seen:
    """What came of a fault; times in seconds from it."""

    row: str
    promise: str
    hold: float = math.nan  # until control said so
    still: float = math.nan  # until the arm stood
    way: float = math.nan  # that the arm went meanwhile [m]
    latched: bool = False
    reason: str = ''  # in control
    diagnosis: str = ''
    ended_by: str = ''  # who decided that the episode ended
    truncated: bool = False  # whether the last reward of the episode said so
    refused: str = ''  # what rearming said while the cause stood
    strayed: float = math.nan  # motion after the cause was gone, and after the rearming [m]
    again: float = math.nan  # from the rearming until the arm moved again, as people have it
    tries: int = 1
    broken: tuple[str, ...] = ()  # promises


class Trial:
    """One row, played through."""

    def __init__(self, lab: Lab, row: Row, slack: float) -> None:
        self._lab, self._tape, self._row, self._slack = lab, lab.tape, row, slack
        self._struck = self._mended = 0
        self._broken: list[str] = []
        self.seen = Seen(row.name, row.promise(slack))

    @property
    def alarm(self) -> str:
        """Why the gate latched though nothing had happened yet that it could have meant."""
        words, controls = self._row.words, self._tape.control_since(self._struck)
        cause = next((c.reason for c in controls if self._struck and c.latched), '')
        return '' if words and words in cause else cause

    def run(self) -> Seen:
        lab, row = self._lab, self._row
        lab.ready(row.mover)
        self._struck = time.time_ns()
        row.fault.strike(lab)
        self._strike()
        row.fault.mend(lab)
        self._mended = time.time_ns()
        if row.latches:
            self._stay()
            self._rearm()
        elif row.becomes is not row.mover:
            self._must(lab.watch(lambda: lab.moves(row.mover), PATIENCE), 'motion does not go on')
        if row.truncates:
            self._must(lab.watch(self._is_truncated, PATIENCE), 'no reward says it was cut off')
        self.seen.broken = tuple(self._broken)
        return self.seen

    def _must(self, kept: object, otherwise: str) -> None:
        if not kept:
            self._broken.append(otherwise)

    def _strike(self) -> None:
        """From the fault until its cause is taken away."""
        lab, row, seen = self._lab, self._row, self.seen
        if row.becomes is row.mover:
            lab.watch(lambda: self._since() > GOES_ON, PATIENCE)
            self._must(lab.moves(row.mover), 'the motion ended')
        lab.watch(self._all_told, PATIENCE * self._slack)
        if row.becomes is row.mover:
            self._must(not lab.latched, f'the gate latched: {self._reason()}')
        else:
            bound = row.within * self._slack
            self._must(self._is_still(), f'no standstill in {bound:g} s')
        if row.becomes in (Mode.STOPPED, Mode.HOLD):
            self._must(seen.reason, f'control never said {row.words!r}; but {self._reason()!r}')
            latched = lab.latched
            self._must(latched == row.latches, f'{"" if latched else "not "}latched')
        self._must(seen.diagnosis or not row.named[0], f'diagnostics never said {row.named[1]!r}')
        self._must(seen.ended_by or not row.ends, f'the episode did not end by {row.ends!r}')
        if row.stands:
            seen.refused = lab.rearm()
            self._must(seen.refused, 'rearmed while the cause stood')

    def _all_told(self) -> bool:
        """Note what is promised; whether all of it came."""
        row, seen, tape = self._row, self.seen, self._tape
        controls = tape.control_since(self._struck)
        ended = [c for c in controls if c.mode is not row.mover]
        if ended:
            seen.hold = (ended[0].stamp - self._struck) / SECOND
        if row.words:
            seen.reason = next((c.reason for c in controls if row.words in c.reason), '')
        seen.latched = bool(controls) and controls[-1].latched
        seen.diagnosis = tape.health_since(self._struck, *row.named)
        episode = tape.episode
        if episode.phase is Phase.ENDED and row.ends and row.ends in episode.decided_by:
            seen.ended_by = episode.decided_by
        told = seen.diagnosis or not row.named[0]
        over = seen.ended_by or not row.ends
        if row.becomes is row.mover:
            return bool(told and over)
        reasoned = row.becomes is None or seen.reason
        return bool(told and over and reasoned and self._since() > 1.0 and self._is_still())

    def _is_truncated(self) -> bool:
        paid = self._tape.paid()
        self.seen.truncated = bool(paid) and paid[-1].truncated
        return self.seen.truncated

    def _is_still(self) -> bool:
        """Measure when the arm came to rest; whether that was in time."""
        seen, row, bound = self.seen, self._row, self._row.within * self._slack
        if row.dead:
            return seen.hold <= bound
        seen.still, seen.way = standstill(self._tape.places_since(self._struck), self._struck)
        if row.becomes is None:  # nobody brakes
            return seen.still <= bound and seen.way <= LEAD
        return max(seen.still, seen.hold) <= bound

    def _stay(self) -> None:
        """The cause is gone, and nothing moves by itself."""
        seen, lab, row = self.seen, self._lab, self._row
        lab.watch(lambda: time.time_ns() > self._mended + SETTLE * SECOND, PATIENCE)
        seen.strayed = self._quiet('once the cause was gone')
        said = [c.reason for c in self._tape.control_since(self._struck) if row.words in c.reason]
        seen.latched, seen.reason = lab.latched, seen.reason or (said[0] if said else '')
        self._must(seen.latched, 'not latched once the cause was gone')
        self._must(seen.reason, f'control never said {row.words!r}; but {self._reason()!r}')

    def _rearm(self) -> None:
        """Rearming works, moves nothing, and lets people and policy begin anew."""
        seen, lab, row = self.seen, self._lab, self._row
        if not lab.watch(lambda: not lab.rearm(), BACK):
            self._broken.append(f'never rearmed: {lab.rearm()}')
            return
        seen.strayed = max(seen.strayed, self._quiet('after the rearming', QUIET / 2))
        began = time.monotonic()
        try:
            lab.ready(row.mover)
            seen.again = time.monotonic() - began
        except LabError as error:
            self._broken.append(f'not well after the rearming: {error}')

    def _quiet(self, when: str, seconds: float = QUIET) -> float:
        """Watch that nothing moves; gives how far it did [m]."""
        began = time.time_ns()
        self._lab.watch(lambda: time.time_ns() > began + seconds * SECOND, seconds + 1)
        way = strayed(self._tape.places_since(began))
        movers = {c.mode.name for c in self._tape.control_since(began) if c.mode in MOVERS}
        self._must(way <= SWAY, f'{when} the arm moved {1000 * way:.1f} mm')
        self._must(not movers, f'{when} {", ".join(movers)} acted')
        return way

    def _since(self) -> float:
        return (time.time_ns() - self._struck) / SECOND

    def _reason(self) -> str:
        return self._tape.control.reason if self._tape.control else ''


def played(lab: Lab, row: Row, slack: float) -> Seen:
    """Play a row, and again when a false alarm spoilt it, as on a machine that is too busy."""
    for number in range(1, TRIES + 1):
        trial = Trial(lab, row, slack)
        try:
            trial.run()
        except LabError as error:
            trial.seen.broken = (str(error),)
        trial.seen.tries = number
        if not (trial.seen.broken and trial.alarm):
            break
        lab.alarms.append(trial.alarm)
    return trial.seen
