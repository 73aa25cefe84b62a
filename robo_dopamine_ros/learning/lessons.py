"""Learning beside practice that goes on elsewhere: never ahead of it, and lost by no crash.

So many gradient steps are due for every transition of practice; they are taken in slices, one a
`turn`, so that whoever calls can do other things between. Time comes in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from robo_dopamine_ros.learning import halt, weights
from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.outcomes import Outcomes
from robo_dopamine_ros.learning.parameters import require
from robo_dopamine_ros.learning.plan import read_plan
from robo_dopamine_ros.learning.schema import StoreError
from robo_dopamine_ros.types import LearnerStatus


@dataclass(frozen=True)
class LessonParameters:
    """How often there is something to see of what is learned."""

    slice: int = 5  # gradient steps taken without looking up, 1 or more
    publish: float = 2.0  # between two publications of weights [s], 0 or more
    save: float = 30.0  # between two checkpoints [s], 0 or more

    def __post_init__(self) -> None:
        require('', self, 1, ('slice',))
        require('', self, 0, ('publish', 'save'))


class Lessons:
    """A run's pupil as the checkpoint and the store have it; has one caller at a time."""

    def __init__(self, folder: Folder, parameters: LessonParameters, now: float) -> None:
        """Raises CheckpointError or StoreError where the run cannot be gone on with."""
        self.fault = ''  # why nothing is learned any more
        self._troubles: dict[str, str] = {}  # that may pass, by what cannot be done
        if wrong := folder.lacks():
            raise CheckpointError(wrong)
        self._folder, self._parameters = folder, parameters
        self._plan = plan = read_plan(folder.path)
        self.pupil = plan.pupil(folder.store)
        try:
            kept = halt.take_up(folder.checkpoint, self.pupil, plan.configuration)
        except CheckpointError:
            self.pupil.close()
            raise
        self._standard, self._facts = kept.standard, kept.facts
        self.outcomes = Outcomes(kept.facts.get('outcomes'))
        self.version = weights.next_version(folder.weights, kept.facts.get('version', 0)) - 1
        self._published = self._saved = now
        self._shown = _updates(folder)  # of the weights that are published

    @property
    def owed(self) -> int:
        """Gradient steps that are due."""
        learned, pupil = self._plan.practice, self.pupil
        due = learned.pretraining + learned.updates * pupil.memory.replay
        return max(0, due - pupil.agent.updates)

    @property
    def status(self) -> LearnerStatus:
        """What there is to tell, without a stamp; from any thread."""
        pupil = self.pupil
        return LearnerStatus(
            stamp=0,
            steps=pupil.agent.updates,
            losses=dict(pupil.told),
            demonstrations=pupil.memory.demonstrations,
            replay=pupil.memory.replay,
            success_rate=self.outcomes.rate,
            policy_version=self.version,
        )

    @property
    def trouble(self) -> str:
        """What cannot be done at present, and why."""
        return '; '.join(list(self._troubles.values()))

    def turn(self, now: float, learns: bool = True) -> bool:
        """Remember, learn a slice, publish and save when it is time; whether more is due."""
        with self._telling('the store'):
            self.pupil.remember()
        if learns and not self.fault:
            self._learn()
        if now - self._published >= self._parameters.publish:
            self._published = now
            self._publish()
        if now - self._saved >= self._parameters.save:
            self._saved = now
            self.save()
        return learns and not self.fault and self.owed > 0

    def save(self) -> str:
        """Publish and write a checkpoint; gives why not, or nothing.

        After a fault nothing is written, so that the last good ones stay.
        """
        if self.fault:
            return self.fault
        self._publish()
        self._facts |= {'version': self.version, 'outcomes': self.outcomes.facts}
        with self._telling('the checkpoint'):
            halt.put_away(
                *(self._folder.checkpoint, self.pupil, self._standard),
                *(self._plan.configuration, self._facts),
            )
        return self._troubles.get('the checkpoint', '')

    def close(self) -> None:
        """Let go of the store."""
        self.pupil.close()

    def _learn(self) -> None:
        try:
            self.pupil.learn(min(self._parameters.slice, self.owed))
        except FloatingPointError as error:
            self.fault = (
                f'learning stopped after {self.pupil.agent.updates} gradient steps: {error}; '
                f'weights of version {self.version} and the last checkpoint stay'
            )

    def _publish(self) -> None:
        """Let others act by what is new; after a crash not before that is learned again."""
        updates = self.pupil.agent.updates
        if self.fault or updates <= self._shown:
            return
        with self._telling('the weights'):
            plan, policy = self._plan, self.pupil.agent.policy
            weights.publish(
                *(self._folder.weights, policy, self._standard, plan.practice.scale),
                *(plan.agent, self.version + 1, updates),
            )
            self.version, self._shown = self.version + 1, updates

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Note what cannot be read or written now; it is tried again."""
        try:
            yield
        except (OSError, StoreError) as error:
            self._troubles[what] = f'{what}: {error}'
        else:
            self._troubles.pop(what, None)


def _updates(folder: Folder) -> int:
    """Gradient steps of the weights that are published; -1 where those cannot be used."""
    try:
        return weights.read(folder.weights).updates
    except CheckpointError:
        return -1
