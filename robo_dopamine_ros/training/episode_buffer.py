"""Steps and keyframe marks of one episode while it is recorded, beside its images. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from robo_dopamine_ros.data.episode_writer import EpisodeRecord, KeyframeMark
from robo_dopamine_ros.data.trajectory import Trajectory
from robo_dopamine_ros.experience.types import Observation, Step, StepId
from robo_dopamine_ros.training.workplace import Workplace
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome

EPISODE_FILTERS = ('all', 'success', 'none')  # which episodes are written


class EpisodeBuffer:
    """Collects the steps of one episode until it is complete."""

    def __init__(self, episode: Episode, max_duration: float) -> None:
        """`episode` is running; data later than `max_duration` [s] is left out."""
        self.episode = episode
        self.marks: list[KeyframeMark] = []
        self.missing = ''  # what the record lacks, if anything
        self._max_duration, self._stopped = max_duration, False
        self._policy_steps: dict[StepId, Step] = {}
        self._local_steps: list[Step] = []  # made by the recorder, used where no policy runs

    def accepts(self, stamp: int) -> bool:
        """Whether data of this stamp [ns] is within the maximum duration."""
        if self._stopped:
            return False
        within = stamp - self.episode.stamp <= self._max_duration * SECOND
        if not within:
            self.missing = f'what came after {self._max_duration:g} s'
        return within

    def stop(self, missing: str) -> None:
        """Leave out all that comes from now on, and say what that is."""
        self.missing, self._stopped = missing, True

    def add_policy_step(self, step: Step) -> None:
        """Add a step that the policy published; a repeated one changes nothing."""
        if step.episode == self.episode.id and self.accepts(step.end.stamp):
            self._policy_steps[step.id] = step

    def add_local_step(self, step: Step) -> None:
        """Add a step that the recorder made itself; policy steps take precedence."""
        if self.accepts(step.end.stamp):
            self._local_steps.append(step)

    @property
    def steps(self) -> Sequence[Step]:
        """Steps in order."""
        if not self._policy_steps:
            return self._local_steps
        return [self._policy_steps[id] for id in sorted(self._policy_steps)]

    def complete(self, ended: Episode) -> bool:
        """Whether the last step reaches the end of the episode, or cannot any more."""
        steps = self.steps
        return bool(self.missing) or bool(steps and steps[-1].end.stamp >= ended.stamp)

    def close(self, ended: Episode) -> None:
        """Stop waiting for steps, and note what is missing."""
        if not self.complete(ended):
            self.missing = 'its last steps' if self.steps else 'all its steps'

    def record(self, ended: Episode, workplace: Workplace) -> EpisodeRecord:
        """Record to write, made at `workplace`; its outcome is NONE where something is missing."""
        outcome = Outcome.NONE if self.missing else ended.outcome
        modes = Counter(step.mode for step in self.steps)
        metadata = {
            'episode': ended.id,
            'task': ended.task,
            'outcome': ended.outcome.name.lower(),
            'decided_by': ended.decided_by,
            'missing': self.missing,
            'steps': {mode.name.lower(): count for mode, count in sorted(modes.items())},
            'policy_versions': sorted({step.policy_version for step in self.steps}),
            'workplace': asdict(workplace),
            'marks': [{'stamp': mark.stamp, 'label': mark.label} for mark in self.marks],
        }
        trajectory = trajectory_from_steps(self.steps)
        return EpisodeRecord(trajectory, ended.task, outcome, tuple(self.marks), metadata)

    def should_save(self, episodes: str, ended: Episode) -> bool:
        """Whether to write the episode; `episodes` is one of EPISODE_FILTERS.

        'success' means a complete success in which only a person or only the policy acted.
        """
        alone = len({step.mode for step in self.steps if step.acting}) == 1
        success = ended.outcome is Outcome.SUCCESS and alone and not self.missing
        return episodes == 'all' or (episodes == 'success' and success)


def trajectory_from_steps(steps: Sequence[Step]) -> Trajectory:
    """Steps as a gapless trajectory; a gap becomes one row in mode HOLD with zero twist."""
    empty = Observation(0, np.empty(0, np.float16), np.empty(0, np.float32))
    observations = [steps[0].begin if steps else empty]
    rows: list[tuple[np.ndarray, float, int]] = []  # twist, gripper, mode
    for step in steps:
        if step.begin.stamp < observations[-1].stamp:
            continue  # of a policy that was started again
        if step.begin.stamp > observations[-1].stamp:
            rows.append((np.zeros(6), step.gripper_before, int(Mode.HOLD)))
            observations.append(step.begin)
        rows.append((step.twist, step.gripper, int(step.mode)))
        observations.append(step.end)
    twists = [twist for twist, _, _ in rows]
    return Trajectory(
        stamps=np.array([observation.stamp for observation in observations], np.int64),
        states=np.stack([observation.state for observation in observations]),
        twists=np.array(twists, np.float32).reshape(len(rows), 6),
        grippers=np.array([gripper for _, gripper, _ in rows], np.float32),
        modes=np.array([mode for _, _, mode in rows], np.int64),
    )
