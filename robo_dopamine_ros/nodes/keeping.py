"""Keeps experience in a worker of its own: callbacks leave events, the disk takes its time."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from robo_dopamine_ros.learning.experience import Event, Experience
from robo_dopamine_ros.learning.intake import Intake
from robo_dopamine_ros.learning.steps import Step
from robo_dopamine_ros.ros.diagnostics import Health, Level
from robo_dopamine_ros.ros.worker import Worker
from robo_dopamine_ros.types import Episode, Kept, Phase, Progress

MOST = 1000  # events in memory that wait for the disk, about half a minute of them
LEAVE = 4.0  # [s] to keep what was heard when the node ends


class Keeping:
    """A queue before the store. Where it is full nothing is lost that is told again.

    Steps and the end of an episode are told until they are kept. Readings are not: of those that
    come then some are left out, and potentials are interpolated between the others.
    """

    def __init__(
        self,
        open: Callable[[], Experience],
        changed: Callable[[], object],
        failed: Callable[[Exception], None],
    ) -> None:
        """`changed` is called when `kept` is another, `failed` as that of Worker: in its thread.

        Raises StoreError, or CheckpointError, where the store cannot be opened.
        """
        self._intake = Intake(open)
        self._changed = changed
        self._left = 0  # readings
        self._worker: Worker[None] = Worker(lambda _: None, failed)

    @property
    def kept(self) -> Kept:
        """How far it has come; without a stamp."""
        kept = self._intake.kept
        if not kept.reason and self._worker.waiting >= MOST:
            return replace(kept, reason=f'{MOST} events wait for the disk')
        return kept

    def hear(self, event: Step | Progress | Episode) -> None:
        """Leave an event to be kept; of episodes only their ends count, once."""
        if isinstance(event, Episode):
            if event.phase is not Phase.ENDED or event.id == self._intake.kept.ended:
                return
        elif isinstance(event, Progress) and not event.valid:
            return
        if self._worker.waiting < MOST:
            self._pass(event)
        else:
            self._left += isinstance(event, Progress)

    def tick(self) -> None:
        """Let time pass for what waits to be sealed."""
        if not self._worker.waiting:
            self._pass(None)

    def close(self) -> None:
        """Keep what was heard, and let another process write."""
        self._worker.call(self._intake.close)
        self._worker.close(LEAVE)

    def health(self) -> Health:
        """How it goes."""
        kept, intake = self.kept, self._intake
        late = f'{intake.late} steps of an earlier start of the policy' if intake.late else ''
        values = {
            'epoch': kept.epoch,
            'sequence': kept.sequence,
            'ended': kept.ended,
            'waiting': self._worker.waiting,
            'steps before their turn': intake.early,
            'steps of an earlier start': intake.late,
            'readings left out': self._left,
        }
        level = Level.ERROR if kept.reason else Level.WARN if late else Level.OK
        return Health('experience', level, kept.reason or late or 'ok', values)

    def _pass(self, event: Event) -> None:
        self._worker.call(partial(self._take, event, time.monotonic_ns()))

    def _take(self, event: Event, now: int) -> None:
        before = self._intake.kept
        self._intake.take(event, now)
        if self._intake.kept != before:
            self._changed()
