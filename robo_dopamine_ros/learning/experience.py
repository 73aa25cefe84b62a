"""Experience of a robot: whatever is told is kept first, then sealed when its time has come.

    with Experience(path, Sizes(features=384, state=15)) as experience:
        epoch = experience.begin('monday')
        experience.record(Step(Key('monday', epoch, 0), ...), now)  # durable once this returns

Other processes follow it by a `Tail` into a `Memory`. What a crash left unsealed is sealed when it
is opened again: by the word that ended the episode if that was heard, else as cut off.
"""

from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from robo_dopamine_ros.learning.schema import StoreError
from robo_dopamine_ros.learning.sealing import RewardOfStep, Sealer, SealingParameters
from robo_dopamine_ros.learning.steps import Key, Sealed, Sizes, Step
from robo_dopamine_ros.learning.store import Store
from robo_dopamine_ros.reward.shaping import step_reward
from robo_dopamine_ros.types import Episode, Phase, Progress

Event = Step | Progress | Episode | None


class Experience:
    """The writer: takes steps, readings of progress and words on episodes as they arrive."""

    def __init__(
        self,
        path: Path,
        sizes: Sizes,
        parameters: SealingParameters | None = None,
        reward: RewardOfStep = step_reward,
        limit: int = 0,
    ) -> None:
        """`limit` is the largest size of the file [bytes], 0 for none."""
        parameters = parameters or SealingParameters()
        facts = {
            'sizes': asdict(sizes),
            'reward': asdict(parameters.reward) | {'of a step': reward.__name__},
        }
        self._store = Store(path, sizes, facts, limit)
        self._sealer = Sealer(parameters, reward)
        self._fault = ''
        try:
            self._recover()
        except BaseException:
            self._store.close()
            raise

    def begin(self, run: str) -> int:
        """Give the epoch of an actor that starts now; its steps count from 0."""
        with self._store.transaction(f'a start of run {run} could not be kept'):
            return self._store.next_epoch(run)

    def newest(self, run: str) -> Key | None:
        """Of a run's steps that are kept the newest one of its newest epoch."""
        return self._store.newest(run)

    def ended(self) -> str:
        """Id of the episode that ended last and of which that is kept; empty before the first."""
        return self._store.ended()

    def record(self, event: Event, now: int) -> list[Sealed]:
        """Keep one event at `now` [ns] and give the steps it sealed; None is only time.

        What was kept before changes nothing, what is malformed is refused with a ValueError. After
        any other error nothing more is taken; opened again, it goes on from what was kept.
        """
        if self._fault:
            raise StoreError(self._fault)
        try:
            return self._record(event, now)
        except ValueError:  # refused before anything changed
            raise
        except BaseException as error:
            self._fault = str(error) or repr(error)  # what was sealed in memory is not on disk
            raise

    def close(self) -> None:
        """Seal what waits, for nothing more is coming, and let another process write."""
        try:
            if not self._fault:
                self._keep(self._sealer.close())
        finally:
            self._store.close()

    def __enter__(self) -> 'Experience':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _record(self, event: Event, now: int) -> list[Sealed]:
        if event is None or (isinstance(event, Episode) and event.phase is not Phase.ENDED):
            sealed = self._sealer.update(event, now)
            self._keep(sealed)
            return sealed
        with self._store.transaction(f'{_name(event)} could not be kept'):
            self._recall(event.id if isinstance(event, Episode) else event.episode)
            if not self._keep_event(event):
                return []
            sealed = self._sealer.update(event, now)
            for one in sealed:
                self._store.seal(one)
        return sealed

    def _keep_event(self, event: Step | Progress | Episode) -> bool:
        """Whether it is new."""
        if isinstance(event, Step):
            return self._store.add(event)
        if isinstance(event, Progress):
            return self._store.hear(event)
        return self._store.end(event)

    def _keep(self, sealed: list[Sealed]) -> None:
        if sealed:
            with self._store.transaction(f'the worth of step {sealed[0].key} could not be kept'):
                for one in sealed:
                    self._store.seal(one)

    def _recall(self, episode: str) -> None:
        """Tell the sealer what is kept of an episode that it has not heard of in this process."""
        if not self._sealer.knows(episode):
            self._sealer.recall(episode, self._store.potentials(episode))
            for event in self._store.heard(episode):
                self._sealer.update(event, 0)  # long ago: no more is waited for

    def _recover(self) -> None:
        sealed = []
        with self._store.transaction('what a crash left could not be sealed'):
            for step in self._store.pending():
                self._recall(step.episode)
                sealed += self._sealer.update(step, 0)
            for one in sealed + self._sealer.close():
                self._store.seal(one)


def _name(event: Step | Progress | Episode) -> str:
    if isinstance(event, Step):
        return f'step {event.key}'
    if isinstance(event, Progress):
        return f'the reading at {event.stamp} ns'
    return f'the end of episode {event.id}'
