"""A reward session: one model over many episodes. No clock, no ROS, no threads."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from robo_dopamine_ros.grm.protocol import GRM
from robo_dopamine_ros.reward.progress import ProgressTracker, TrackerParameters
from robo_dopamine_ros.reward.shaping import RewardParameters, RewardShaper
from robo_dopamine_ros.reward.success import SuccessParameters
from robo_dopamine_ros.types import (
    CLOCK_SET_BACK,
    SECOND,
    Episode,
    Hops,
    Instant,
    Phase,
    Progress,
    Reward,
    TaskContext,
    Views,
)


@dataclass(frozen=True)
class SessionParameters:
    """How hops become progress, reward and success proposals."""

    tracker: TrackerParameters = field(default_factory=TrackerParameters)
    success: SuccessParameters = field(default_factory=SuccessParameters)
    reward: RewardParameters = field(default_factory=RewardParameters)
    start_patience: float = 2.0  # longest wait for a complete first set of views [s], 0 or more

    def __post_init__(self) -> None:
        if not 0.0 <= self.start_patience < math.inf:
            raise ValueError(f'start_patience = {self.start_patience} s; it must be 0 or more')


@dataclass(frozen=True)
class Task:
    """The task as set by the operator; empty fields are filled from episode and model."""

    instruction: str = ''
    start: Views | None = None  # None: the first complete set of the episode
    goal: Views | None = None  # None: the goal stored with the model, if any


class RewardSession:
    """Progress and reward of the episodes that the episode manager announces.

    An episode begins for the model with its first complete set of views, and its last reward is
    given when the episode manager ends it.
    """

    def __init__(self, grm: GRM, parameters: SessionParameters | None = None) -> None:
        self.parameters = parameters or SessionParameters()
        self.failures = 0  # exceptions of the model since the session began
        self.episode = Episode()
        self._grm = grm
        self._next_grm: GRM | None = None
        self._task = self._next_task = Task()
        self._tracker = ProgressTracker(self.parameters.tracker, self.parameters.success)
        self._rewarder = RewardShaper(self.parameters.reward)
        self._begun = False  # the model has its start views
        self._waits_since: int | None = None  # steady time of the episode's first update [ns]
        self._newest = 0  # newest stamp of its views [ns]
        self._unpaid = False  # the episode has ended, and its outcome is not final

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
        """Use this model from the end of the running episode on, at once when none runs."""
        self._next_grm = grm
        if not self.running:
            self._apply_pending()

    def on_episode(self, episode: Episode) -> Reward | None:
        """Process a message of the episode manager; returns the last reward of an ended episode."""
        before, self.episode = self.episode, episode
        if before.phase is Phase.RUNNING and self.running and episode.id == before.id:
            return None
        reward = None
        unpaid = before.phase is Phase.RUNNING or self._unpaid
        self._unpaid = unpaid and episode.phase is Phase.ENDED and not episode.decided
        if unpaid and episode.decided:
            reward = self._rewarder.end(episode.outcome, episode.stamp)
        self._apply_pending()
        if self.running:
            self._begin()
        return reward

    def update(
        self, views: Views, absent: Mapping[str, str], now: Instant
    ) -> tuple[Progress, Reward | None]:
        """Reading and reward of one set of views at `now`; `absent`: missing view -> reason.

        A set with a view older than the episode, or far older than an earlier set, gives an invalid
        reading of no episode.
        """
        if not self.running:
            return Progress(stamp=now.stamp, model=self.model, reason='no episode runs'), None
        if views.images and (reason := self._dated_back(views)):
            return Progress(stamp=views.stamp, model=self.model, reason=reason), None
        self._newest = max(self._newest, *views.stamps.values(), 0)
        self._waits_since = now.steady if self._waits_since is None else self._waits_since
        missing = ', '.join(f'{view}: {reason}' for view, reason in absent.items())
        if not views.images:
            return self._invalid(now.stamp, missing or 'no views'), None
        if absent and self._waits_for_views(now.steady):
            return self._invalid(views.stamp, f'waits for the first complete set; {missing}'), None
        reading = self._tracker.update(self._run_model(views), views.stamp)
        return replace(reading, view_skew=views.skew), self._rewarder.update(reading)

    def prepare_next(self) -> None:
        """Let the model compute in advance for the next update; call it after publishing."""
        if not (self.running and self._begun):
            return
        try:
            self._grm.prepare_next()
        except Exception:
            self.failures += 1  # the next update reports the reason

    def _dated_back(self, views: Views) -> str:
        """Why views cannot continue the episode by their stamps; empty if they can."""
        if min(views.stamps.values()) < self.episode.stamp:
            return 'views older than the episode'  # they may show the scene before this one
        back = (self._newest - views.stamp) / SECOND
        return f'the clock was set back by {back:.1f} s' if back > CLOCK_SET_BACK else ''

    def _waits_for_views(self, now: int) -> bool:
        """Whether to wait longer for a complete first set of views at `now`, steady time [ns]."""
        waited = (now - (now if self._waits_since is None else self._waits_since)) / SECOND
        needed = not self._begun and self._task.start is None
        return needed and waited < self.parameters.start_patience

    def _run_model(self, views: Views) -> Hops:
        """Run the model; an exception of it becomes invalid hops."""
        try:
            if not self._begun:
                start = self._task.start or views
                self._grm.reset(TaskContext(self._instruction, start, self._task.goal))
                self._begun = True
            return self._grm.step(views)
        except Exception as error:
            self.failures += 1
            return Hops(0.0, 0.0, None, 0.0, False, f'the model failed: {error}')

    def _invalid(self, stamp: int, reason: str) -> Progress:
        return self._tracker.update(Hops(0.0, 0.0, None, 0.0, False, reason), stamp)

    @property
    def _instruction(self) -> str:
        return self.episode.task or self._task.instruction

    def _apply_pending(self) -> None:
        """Use the model and the task that were set while an episode ran."""
        self._grm, self._next_grm = self._next_grm or self._grm, None
        self._task = self._next_task

    def _begin(self) -> None:
        self._tracker.reset(self.episode.id, self._instruction, self.model)
        self._rewarder.reset(self.episode.id)
        self._begun = False
        self._waits_since, self._newest = None, 0
