"""One model watching a task, episode after episode. Pure: no clock, no ROS, no threads."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from robo_dopamine_ros.reward.grm import GRM
from robo_dopamine_ros.reward.shaping import Rewarder, RewardParameters
from robo_dopamine_ros.reward.success import SuccessParameters
from robo_dopamine_ros.reward.tracker import ProgressTracker, TrackerParameters
from robo_dopamine_ros.types import (
    SECOND,
    Episode,
    Hops,
    Phase,
    Progress,
    Reward,
    TaskContext,
    Views,
)


@dataclass(frozen=True)
class SessionParameters:
    """How hops become progress, reward and proposals of success."""

    tracker: TrackerParameters = field(default_factory=TrackerParameters)
    success: SuccessParameters = field(default_factory=SuccessParameters)
    reward: RewardParameters = field(default_factory=RewardParameters)
    start_patience: float = 2.0  # wait so long for a complete first set, then take what is [s]

    def __post_init__(self) -> None:
        if not 0.0 <= self.start_patience < math.inf:
            raise ValueError(f'start_patience = {self.start_patience} s; it must be 0 or more')


@dataclass(frozen=True)
class Task:
    """What a person told the model of its task; what is empty comes from episode and model."""

    instruction: str = ''
    start: Views | None = None  # None: the first complete set of the episode
    goal: Views | None = None  # None: the goal stored with the model, if any


class Session:
    """Follows the conductor's episodes: begins them at their first views, pays at their end."""

    def __init__(self, grm: GRM, parameters: SessionParameters | None = None) -> None:
        self.parameters = parameters or SessionParameters()
        self.failures = 0  # exceptions of the model since the session was made
        self.episode = Episode()
        self._grm = grm
        self._next_grm: GRM | None = None
        self._task = self._next_task = Task()
        self._tracker = ProgressTracker(self.parameters.tracker, self.parameters.success)
        self._rewarder = Rewarder(self.parameters.reward)
        self._begun = False  # the model has its start views
        self._waits_since = 0  # stamp of the first look of the episode [ns]

    @property
    def model(self) -> str:
        """Name of the model in use."""
        return self._grm.name

    @property
    def running(self) -> bool:
        """Whether an episode runs."""
        return self.episode.phase is Phase.RUNNING

    def set_task(self, task: Task) -> None:
        """Use this task from the next episode on; an empty instruction leaves the present one."""
        kept = task.instruction or self._next_task.instruction
        self._next_task = replace(task, instruction=kept)

    def set_model(self, grm: GRM) -> None:
        """Use this model as soon as no episode runs."""
        self._next_grm = grm
        if not self.running:
            self._renew()

    def follow(self, episode: Episode) -> Reward | None:
        """Take the conductor's word; gives the last reward of an episode that it ended."""
        before, self.episode = self.episode, episode
        if before.phase is Phase.RUNNING and self.running and episode.id == before.id:
            return None
        reward = None
        if before.phase is Phase.RUNNING and episode.phase is Phase.ENDED:
            reward = self._rewarder.end(episode.outcome, episode.stamp)
        self._renew()
        if self.running:
            self._begin()
        return reward

    def look(
        self, views: Views, absent: Mapping[str, str], now: int
    ) -> tuple[Progress, Reward | None]:
        """Judge one set of views at `now` [ns]; `absent` says why other views have no picture.

        Views that were not all taken in the running episode belong to none, and so does the answer.
        """
        if not self.running:
            return Progress(stamp=now, model=self.model, reason='no episode runs'), None
        if views.images and min(views.stamps.values()) < self.episode.stamp:
            reason = 'views older than the episode'  # they may show the scene before this one
            return Progress(stamp=views.stamp, model=self.model, reason=reason), None
        self._waits_since = self._waits_since or now
        missing = ', '.join(f'{view}: {reason}' for view, reason in absent.items())
        if not views.images:
            return self._miss(now, missing or 'no views'), None
        if absent and self._may_wait(now):
            return self._miss(views.stamp, f'waits for the first complete set; {missing}'), None
        reading = self._tracker.update(self._ask(views), views.stamp)
        return replace(reading, view_skew=views.skew), self._rewarder.update(reading)

    def rest(self) -> None:
        """Let the model use the time between two looks; call it when the reading is published."""
        if not (self.running and self._begun):
            return
        try:
            self._grm.rest()
        except Exception:
            self.failures += 1  # what is wrong will show, with its reason, at the next look

    def _may_wait(self, now: int) -> bool:
        """Whether a complete first set is still hoped for."""
        waited = (now - self._waits_since) / SECOND
        needed = not self._begun and self._task.start is None
        return needed and waited < self.parameters.start_patience

    def _ask(self, views: Views) -> Hops:
        """Ask the model; whatever it throws is no reading and ends there."""
        try:
            if not self._begun:
                start = self._task.start or views
                self._grm.begin(TaskContext(self._instruction, start, self._task.goal))
                self._begun = True
            return self._grm.step(views)
        except Exception as error:
            self.failures += 1
            return Hops(0.0, 0.0, None, 0.0, False, f'the model failed: {error}')

    def _miss(self, stamp: int, reason: str) -> Progress:
        return self._tracker.update(Hops(0.0, 0.0, None, 0.0, False, reason), stamp)

    @property
    def _instruction(self) -> str:
        return self.episode.task or self._task.instruction

    def _renew(self) -> None:
        """Take into use what was set while an episode ran."""
        self._grm, self._next_grm = self._next_grm or self._grm, None
        self._task = self._next_task

    def _begin(self) -> None:
        self._tracker.begin(self.episode.id, self._instruction, self.model)
        self._rewarder.begin(self.episode.id)
        self._begun = False
        self._waits_since = 0
