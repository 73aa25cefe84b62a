"""Takes in what a cell tells while it practises, so that one number says how much of it is kept.

Steps of an actor's epoch are taken in their order and without gaps: what comes twice changes
nothing, what comes too early is left to be sent again. After a fault of the store it is opened
anew from time to time, so that practice goes on once a person has mended what was wrong.
"""

from collections.abc import Callable
from contextlib import closing

from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.experience import Event, Experience
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.plan import Plan, read_plan
from robo_dopamine_ros.learning.rewards import REWARDS
from robo_dopamine_ros.learning.schema import StoreError
from robo_dopamine_ros.learning.sealing import SealingParameters
from robo_dopamine_ros.learning.steps import Key, Sizes, Step
from robo_dopamine_ros.learning.tail import Tail
from robo_dopamine_ros.reward.shaping import RewardParameters
from robo_dopamine_ros.types import SECOND, Episode, Kept

RUN = 'live'  # names the steps of a cell in the store of a run
STALE = 20  # steps of an earlier start that are no more remnants of it
AGAIN = 2.0  # between two attempts to open a store that failed [s]


def open_experience(folder: Folder, plan: Plan, sizes: Sizes, limit: int = 0) -> Experience:
    """The writer of a run's store, whoever practises; `limit` is as that of Experience."""
    parameters = SealingParameters(reward=RewardParameters(gamma=plan.gamma))
    return Experience(folder.store, sizes, parameters, REWARDS[plan.reward], limit)


def reopen_experience(folder: Folder, limit: int = 0) -> Experience:
    """The writer of the store that a run has; raises StoreError or CheckpointError without one."""
    if lacks := folder.lacks():
        raise StoreError(lacks)
    plan = read_plan(folder.path)
    with closing(Tail(folder.store)) as tail:
        sizes = tail.sizes
    return open_experience(folder, plan, sizes, limit)


class Intake:
    """Keeps steps, readings and words; `kept` is true whenever it is read, from any thread."""

    def __init__(self, open: Callable[[], Experience], run: str = RUN) -> None:
        """Raises StoreError where the store cannot be opened."""
        self.early = 0  # steps that came before those they follow
        self.late = 0  # steps of an epoch before the newest
        self._stale = 0  # of them, since one was kept
        self._open = open
        self._run = run
        self._tried = 0  # when it was opened last [ns]
        self._fault = ''  # of the store
        self._refusal = ''  # of the step that comes next
        self._take_up(open())

    @property
    def kept(self) -> Kept:
        """How far it has come; without a stamp."""
        return self._kept

    def take(self, event: Event, now: int) -> None:
        """Keep one event at `now` [ns] of a clock that only rises; None is only time."""
        if self._fault and not self._opened(now):
            return
        if isinstance(event, Step) and not self._expected(event.key):
            return
        try:
            self._experience.record(event, now)
        except ValueError as error:
            if isinstance(event, Step):
                self._refusal = str(error)
        except Exception as error:  # whatever it is, nothing more is taken before it is mended
            self._fault, self._tried = str(error) or repr(error), now
        else:
            self._note(event)
        self._tell()

    def close(self) -> None:
        """Seal what waits and let another process write."""
        self._experience.close()

    def _take_up(self, experience: Experience) -> None:
        self._experience = experience
        self._newest, self._ended = experience.newest(self._run), experience.ended()
        self._tell()

    def _opened(self, now: int) -> bool:
        """Whether the store that failed works again; tries it from time to time."""
        if now - self._tried < AGAIN * SECOND:
            return False
        self._tried = now
        try:
            self._experience.close()
            self._take_up(self._open())
        except (StoreError, CheckpointError) as error:
            self._fault = str(error)
        else:
            self._fault = ''
        self._tell()
        return not self._fault

    def _expected(self, key: Key) -> bool:
        """Whether it is the step that comes next."""
        last = self._newest
        if last is not None and key.epoch < last.epoch:
            self.late, self._stale = self.late + 1, self._stale + 1
            if self._stale == STALE:
                self._refusal = 'steps come of an earlier start of the policy: set its clock right'
                self._tell()
            return False
        same = last is not None and key.epoch == last.epoch
        following = last.sequence + 1 if last is not None and same else 0
        self.early += key.sequence > following
        return key.sequence == following

    def _note(self, event: Event) -> None:
        if isinstance(event, Step):
            self._newest, self._refusal, self._stale = event.key, '', 0
        elif isinstance(event, Episode):
            self._ended = event.id

    def _tell(self) -> None:
        epoch, sequence = (self._newest.epoch, self._newest.sequence) if self._newest else (0, 0)
        self._kept = Kept(0, epoch, sequence, self._ended, self._fault or self._refusal)
