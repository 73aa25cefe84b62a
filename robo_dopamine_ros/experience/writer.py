"""Writer of experience: stores every event first, then builds the transitions it completes.

    with ExperienceWriter.open(path, ObservationSpec(features=384, state=15)) as writer:
        epoch = writer.start_epoch('monday')
        writer.record(Step(StepId('monday', epoch, 0), ...), now)  # durable once this returns

Other processes follow the database with an `ExperienceReader` into a `ReplayBuffer`. Steps that a
crash left without a transition get one when the database is opened again: by the end of their
episode if that is stored, else truncated.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from robo_dopamine_ros.experience.database import ExperienceDatabase
from robo_dopamine_ros.experience.schema import ExperienceError
from robo_dopamine_ros.experience.transitions import (
    StepRewardFunction,
    TransitionBuilder,
    TransitionConfig,
)
from robo_dopamine_ros.experience.types import ObservationSpec, Step, StepId, Transition
from robo_dopamine_ros.reward.shaping import step_reward
from robo_dopamine_ros.types import SECOND, Episode, Phase, Progress, RecorderStatus

Event = Step | Progress | Episode | None

LIVE_RUN = 'live'  # run of the steps that a cell records
MAX_LATE_STEPS = 20  # of an earlier epoch before they are reported
REOPEN_PERIOD = 2.0  # between attempts to open a failed database [s]


class ExperienceWriter:
    """Writes steps, readings of progress and episode ends in the order of their arrival."""

    def __init__(self, database: ExperienceDatabase, builder: TransitionBuilder) -> None:
        """Use `open` instead."""
        self._database, self._builder = database, builder
        self._fault = ''

    @classmethod
    def open(
        cls,
        path: Path,
        spec: ObservationSpec,
        config: TransitionConfig | None = None,
        reward: StepRewardFunction = step_reward,
        limit: int = 0,
    ) -> 'ExperienceWriter':
        """Open or create the database; `limit` is the maximum size of the file [bytes], 0: none.

        Raises ExperienceError.
        """
        config = config or TransitionConfig()
        metadata = {
            'sizes': asdict(spec),
            'reward': asdict(config.reward) | {'of a step': reward.__name__},
        }
        database = ExperienceDatabase.open(path, spec, metadata, limit)
        writer = cls(database, TransitionBuilder(config, reward))
        try:
            writer._recover()
        except BaseException:
            database.close()
            raise
        return writer

    def start_epoch(self, run: str) -> int:
        """Reserve the epoch of a source of steps that starts now; its steps count from 0."""
        with self._database.transaction(f'a start of run {run} could not be stored'):
            return self._database.next_epoch(run)

    def newest_step(self, run: str) -> StepId | None:
        """Newest stored step of the newest epoch of a run."""
        return self._database.newest_step(run)

    def last_ended_episode(self) -> str:
        """Id of the episode that ended last, as stored; empty before the first."""
        return self._database.last_ended_episode()

    def record(self, event: Event, now: int) -> list[Transition]:
        """Store an event at `now` [ns], or only let time pass if None; returns new transitions.

        A repeated event changes nothing; a malformed one raises ValueError. After any other error
        the writer refuses everything; once opened again it continues from the stored data.
        """
        if self._fault:
            raise ExperienceError(self._fault)
        try:
            return self._record(event, now)
        except ValueError:  # raised before any change
            raise
        except BaseException as error:
            self._fault = str(error) or repr(error)  # the builder is ahead of the disk
            raise

    def close(self) -> None:
        """Build the transitions of all pending steps and release the database."""
        try:
            if not self._fault:
                self._store(self._builder.flush())
        finally:
            self._database.close()

    def __enter__(self) -> 'ExperienceWriter':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _record(self, event: Event, now: int) -> list[Transition]:
        if event is None or (isinstance(event, Episode) and event.phase is not Phase.ENDED):
            built = self._builder.update(event, now)
            self._store(built)
            return built
        with self._database.transaction(f'{_describe(event)} could not be stored'):
            self._restore_episode(event.id if isinstance(event, Episode) else event.episode)
            if not self._add(event):
                return []
            built = self._builder.update(event, now)
            for transition in built:
                self._database.add_transition(transition)
        return built

    def _add(self, event: Step | Progress | Episode) -> bool:
        """Store an event; False if it is stored already."""
        if isinstance(event, Step):
            return self._database.add_step(event)
        if isinstance(event, Progress):
            return self._database.add_progress(event)
        return self._database.add_episode_end(event)

    def _store(self, built: list[Transition]) -> None:
        if built:
            failure = f'the transition of step {built[0].step_id} could not be stored'
            with self._database.transaction(failure):
                for transition in built:
                    self._database.add_transition(transition)

    def _restore_episode(self, episode: str) -> None:
        """Give the stored state of an episode to a builder that does not know it yet."""
        if not self._builder.has_episode(episode):
            self._builder.restore_potentials(episode, self._database.potentials(episode))
            for event in self._database.episode_events(episode):
                self._builder.update(event, 0)  # long ago, so that nothing more is waited for

    def _recover(self) -> None:
        built = []
        with self._database.transaction('steps left by a crash could not be made transitions'):
            for step in self._database.pending_steps():
                self._restore_episode(step.episode)
                built += self._builder.update(step, 0)
            for transition in built + self._builder.flush():
                self._database.add_transition(transition)


class StepIngest:
    """Records the live steps of one run in order and without gaps, and reports what is stored.

    A repeated step changes nothing; one that is ahead is dropped, to be sent again. After a fault
    the database is opened again every REOPEN_PERIOD, so that recording continues once a person has
    removed the cause. `status` may be read from any thread.
    """

    def __init__(self, open: Callable[[], ExperienceWriter], run: str = LIVE_RUN) -> None:
        """Raises ExperienceError where `open` does."""
        self.early_steps = 0  # dropped: their predecessor is not stored yet
        self.late_steps = 0  # dropped: of an earlier epoch
        self._late_since = 0  # late steps since the newest stored one
        self._open = open
        self._run = run
        self._opened_at = 0  # last attempt to open [ns]
        self._newest: StepId | None = None  # stored step
        self._fault = ''  # of the database
        self._refusal = ''  # of the next step
        self._use(open())

    @property
    def status(self) -> RecorderStatus:
        """Newest stored step and episode, without a stamp."""
        return self._status

    def record(self, event: Event, now: int) -> None:
        """Record an event at `now` [ns] of a monotonic clock; None only lets time pass."""
        if self._fault and not self._reopen(now):
            return
        if isinstance(event, Step) and not self._is_next(event.id):
            return
        try:
            self._writer.record(event, now)
        except ValueError as error:
            if isinstance(event, Step):
                self._refusal = str(error)
        except Exception as error:  # of any kind: nothing more is recorded until it is removed
            self._fault, self._opened_at = str(error) or repr(error), now
        else:
            if isinstance(event, Step):
                self._newest, self._refusal, self._late_since = event.id, '', 0
            elif isinstance(event, Episode):
                self._ended = event.id
        self._update_status()

    def close(self) -> None:
        """Build the transitions of all pending steps and release the database."""
        self._writer.close()

    def _use(self, writer: ExperienceWriter) -> None:
        self._writer = writer
        self._newest, self._ended = writer.newest_step(self._run), writer.last_ended_episode()
        self._update_status()

    def _reopen(self, now: int) -> bool:
        """Whether the failed database works again; at most one attempt per REOPEN_PERIOD."""
        if now - self._opened_at < REOPEN_PERIOD * SECOND:
            return False
        self._opened_at = now
        try:
            self._writer.close()
            self._use(self._open())
        except (ExperienceError, ValueError) as error:
            self._fault = str(error)
        else:
            self._fault = ''
        self._update_status()
        return not self._fault

    def _is_next(self, id: StepId) -> bool:
        """Whether a step is the successor of the newest stored one, or the first of an epoch."""
        last = self._newest
        if last is not None and id.epoch < last.epoch:
            self.late_steps, self._late_since = self.late_steps + 1, self._late_since + 1
            if self._late_since == MAX_LATE_STEPS:
                self._refusal = 'steps come of an earlier start of the policy: set its clock right'
                self._update_status()
            return False
        following = last.sequence + 1 if last is not None and id.epoch == last.epoch else 0
        self.early_steps += id.sequence > following
        return id.sequence == following

    def _update_status(self) -> None:
        epoch, sequence = (self._newest.epoch, self._newest.sequence) if self._newest else (0, 0)
        reason = self._fault or self._refusal
        self._status = RecorderStatus(0, epoch, sequence, self._ended, reason)


def _describe(event: Step | Progress | Episode) -> str:
    if isinstance(event, Step):
        return f'step {event.id}'
    if isinstance(event, Progress):
        return f'the reading at {event.stamp} ns'
    return f'the end of episode {event.id}'
