"""One fault case: injection, measurement, and comparison with what is promised."""

import math
import time
from dataclasses import dataclass

from _fault_cell import FaultCell, FaultCellError
from _fault_log import max_displacement, standstill
from _faults import FaultCase

from robo_dopamine_ros.safety.arbitration import COMMAND_SOURCES
from robo_dopamine_ros.types import SECOND, Mode, Phase

MOTION_TIME = 1.5  # [s] for which a motion must continue
TIMEOUT = 5.0  # [s] for everything that is promised
SETTLE_TIME, STILL_TIME = 0.3, 2.0  # [s] after the cause is removed; without motion
MAX_DRIFT = 0.002  # [m] that do not count as motion
MAX_STOP_DISTANCE = 0.04  # [m]
REARM_TIMEOUT = 45.0  # [s]
ATTEMPTS = 3


@dataclass
class FaultResult:
    """Measurements of one fault; times [s] count from its injection."""

    row: str
    promise: str
    hold: float = math.nan  # until `control` reported it
    still: float = math.nan  # until the arm stood still
    way: float = math.nan  # of the arm meanwhile [m]
    latched: bool = False
    reason: str = ''  # in control
    diagnosis: str = ''
    ended_by: str = ''  # who decided that the episode ended
    truncated: bool = False  # whether the last reward of the episode is
    refused: str = ''  # reason of the refused rearm while the cause lasted
    strayed: float = math.nan  # motion after the cause was removed, and after rearming [m]
    again: float = math.nan  # from rearming until the arm moved again
    tries: int = 1
    broken: tuple[str, ...] = ()  # promises


class FaultRun:
    """One fault case, injected and measured."""

    def __init__(self, cell: FaultCell, row: FaultCase, slack: float) -> None:
        self._cell, self._log, self._row, self._slack = cell, cell.log, row, slack
        self._injected = self._cleared = 0
        self._broken: list[str] = []
        self.result = FaultResult(row.name, row.promise(slack))

    @property
    def alarm(self) -> str:
        """Reason of a latch that the fault cannot have caused; empty for none."""
        expected, controls = self._row.reason, self._log.control_since(self._injected)
        cause = next((c.reason for c in controls if self._injected and c.latched), '')
        return '' if expected and expected in cause else cause

    def run(self) -> FaultResult:
        cell, row = self._cell, self._row
        cell.prepare(row.source)
        self._injected = time.time_ns()
        row.fault.inject(cell)
        self._measure()
        row.fault.clear(cell)
        self._cleared = time.time_ns()
        if row.latches:
            self._check_still()
            self._rearm()
        elif row.mode is not row.source:
            self._check(
                cell.wait(lambda: cell.moves(row.source), TIMEOUT), 'motion does not continue'
            )
        if row.truncates:
            self._check(cell.wait(self._is_truncated, TIMEOUT), 'no reward is truncated')
        self.result.broken = tuple(self._broken)
        return self.result

    def _check(self, kept: object, failure: str) -> None:
        if not kept:
            self._broken.append(failure)

    def _measure(self) -> None:
        """Measure from the injection until the cause is removed."""
        cell, row, result = self._cell, self._row, self.result
        if row.mode is row.source:
            cell.wait(lambda: self._since() > MOTION_TIME, TIMEOUT)
            self._check(cell.moves(row.source), 'the motion ended')
        cell.wait(self._is_measured, TIMEOUT * self._slack)
        if row.mode is row.source:
            self._check(not cell.latched, f'the gate latched: {self._reason()}')
        else:
            bound = row.stop_time * self._slack
            self._check(self._is_still(), f'no standstill in {bound:g} s')
        if row.mode in (Mode.STOPPED, Mode.HOLD):
            self._check_reason()
            latched = cell.latched
            self._check(latched == row.latches, f'{"" if latched else "not "}latched')
        status, message = row.diagnostics
        self._check(result.diagnosis or not status, f'diagnostics never reported {message!r}')
        self._check(
            result.ended_by or not row.ended_by, f'the episode did not end by {row.ended_by!r}'
        )
        if row.persists:
            result.refused = cell.rearm()
            self._check(result.refused, 'rearmed while the cause lasted')

    def _is_measured(self) -> bool:
        """Update the measurements; returns whether everything promised was observed."""
        row, result, log = self._row, self.result, self._log
        controls = log.control_since(self._injected)
        ended = [c for c in controls if c.mode is not row.source]
        if ended:
            result.hold = (ended[0].stamp - self._injected) / SECOND
        if row.reason:
            result.reason = next((c.reason for c in controls if row.reason in c.reason), '')
        result.latched = bool(controls) and controls[-1].latched
        result.diagnosis = log.health_since(self._injected, *row.diagnostics)
        episode = log.episode
        if episode.phase is Phase.ENDED and row.ended_by and row.ended_by in episode.decided_by:
            result.ended_by = episode.decided_by
        reported = result.diagnosis or not row.diagnostics[0]
        over = result.ended_by or not row.ended_by
        if row.mode is row.source:
            return bool(reported and over)
        reasoned = row.mode is None or result.reason
        return bool(reported and over and reasoned and self._since() > 1.0 and self._is_still())

    def _is_truncated(self) -> bool:
        paid = self._log.episode_rewards()
        self.result.truncated = bool(paid) and paid[-1].truncated
        return self.result.truncated

    def _is_still(self) -> bool:
        """Measure when the arm came to rest; returns whether that was in time."""
        result, row, bound = self.result, self._row, self._row.stop_time * self._slack
        if row.arm_lost:
            return result.hold <= bound
        track = self._log.positions_since(self._injected)
        result.still, result.way = standstill(track, self._injected)
        if row.mode is None:  # nobody brakes
            return result.still <= bound and result.way <= MAX_STOP_DISTANCE
        return max(result.still, result.hold) <= bound

    def _check_still(self) -> None:
        """Check that nothing moves by itself once the cause is removed."""
        result, cell, row = self.result, self._cell, self._row
        cell.wait(lambda: time.time_ns() > self._cleared + SETTLE_TIME * SECOND, TIMEOUT)
        result.strayed = self._drift('once the cause was removed')
        controls = self._log.control_since(self._injected)
        reasons = [c.reason for c in controls if row.reason in c.reason]
        result.latched, result.reason = (
            cell.latched,
            result.reason or (reasons[0] if reasons else ''),
        )
        self._check(result.latched, 'not latched once the cause was removed')
        self._check_reason()

    def _check_reason(self) -> None:
        expected = self._row.reason
        failure = f'control never reported {expected!r}; but {self._reason()!r}'
        self._check(self.result.reason, failure)

    def _rearm(self) -> None:
        """Check that rearming works, moves nothing, and allows a new episode."""
        result, cell, row = self.result, self._cell, self._row
        if not cell.wait(lambda: not cell.rearm(), REARM_TIMEOUT):
            self._broken.append(f'never rearmed: {cell.rearm()}')
            return
        result.strayed = max(result.strayed, self._drift('after rearming', STILL_TIME / 2))
        began = time.monotonic()
        try:
            cell.prepare(row.source)
            result.again = time.monotonic() - began
        except FaultCellError as error:
            self._broken.append(f'not ready after rearming: {error}')

    def _drift(self, when: str, seconds: float = STILL_TIME) -> float:
        """Check that nothing moves for a while; returns the distance moved [m]."""
        began = time.time_ns()
        self._cell.wait(lambda: time.time_ns() > began + seconds * SECOND, seconds + 1)
        way = max_displacement(self._log.positions_since(began))
        controls = self._log.control_since(began)
        movers = {c.mode.name for c in controls if c.mode in COMMAND_SOURCES}
        self._check(way <= MAX_DRIFT, f'{when} the arm moved {1000 * way:.1f} mm')
        self._check(not movers, f'{when} {", ".join(movers)} acted')
        return way

    def _since(self) -> float:
        return (time.time_ns() - self._injected) / SECOND

    def _reason(self) -> str:
        return self._log.control.reason if self._log.control else ''


def run_case(cell: FaultCell, row: FaultCase, slack: float) -> FaultResult:
    """Run a fault case; again after a false alarm, as on a machine that is too busy."""
    for number in range(1, ATTEMPTS + 1):
        run = FaultRun(cell, row, slack)
        try:
            run.run()
        except FaultCellError as error:
            run.result.broken = (str(error),)
        run.result.tries = number
        if not (run.result.broken and run.alarm):
            break
        cell.alarms.append(run.alarm)
    return run.result
