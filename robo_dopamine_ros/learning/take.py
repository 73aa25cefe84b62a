"""What is told of one episode while it is recorded, beside its pictures."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from robo_dopamine_ros.data.recording import Account, Mark
from robo_dopamine_ros.data.steps import Steps
from robo_dopamine_ros.learning.steps import Frame, Key, Step
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome

KEEPS = ('all', 'success', 'none')  # episodes that are written


class Take:
    """Gathers steps and marks of one episode, and judges when that is all."""

    def __init__(self, episode: Episode, longest: float) -> None:
        """`episode` is the word that it runs; what comes later than `longest` [s] is left out."""
        self.episode = episode
        self.marks: list[Mark] = []
        self.cut = ''  # what is missing of it, if anything
        self._longest = longest
        self._told: dict[Key, Step] = {}  # by the policy
        self._seen: list[Step] = []  # by the recorder itself, for where there is no policy

    def within(self, stamp: int) -> bool:
        """Whether something of this moment [ns] is still recorded."""
        within = stamp - self.episode.stamp <= self._longest * SECOND
        if not within:
            self.cut = f'what came after {self._longest:g} s'
        return within

    def hear(self, step: Step) -> None:
        """Take in a step that the policy told; a second time is no matter."""
        if step.episode == self.episode.id and self.within(step.end.stamp):
            self._told[step.key] = step

    def see(self, step: Step) -> None:
        """Take in a step that was made here; it counts where no policy tells any."""
        if self.within(step.end.stamp):
            self._seen.append(step)

    @property
    def steps(self) -> Sequence[Step]:
        """In their order."""
        return [self._told[key] for key in sorted(self._told)] if self._told else self._seen

    def complete(self, ended: Episode) -> bool:
        """Whether the step that reaches the end was told, or will not be."""
        steps = self.steps
        return bool(self.cut) or bool(steps and steps[-1].end.stamp >= ended.stamp)

    def close(self, ended: Episode) -> None:
        """Nothing more is waited for."""
        if not self.complete(ended):
            self.cut = 'its last steps' if self.steps else 'all its steps'

    def account(self, ended: Episode) -> Account:
        """All of it; one that lacks something did not come to its end."""
        outcome = Outcome.NONE if self.cut else ended.outcome
        drivers = Counter(step.mode for step in self.steps)
        facts = {
            'episode': ended.id,
            'task': ended.task,
            'outcome': ended.outcome.name.lower(),
            'decided_by': ended.decided_by,
            'missing': self.cut,
            'steps': {mode.name.lower(): count for mode, count in sorted(drivers.items())},
            'policy_versions': sorted({step.policy_version for step in self.steps}),
            'marks': [{'stamp': mark.stamp, 'label': mark.label} for mark in self.marks],
        }
        return Account(chained(self.steps), ended.task, outcome, tuple(self.marks), facts)

    def wanted(self, keep: str, ended: Episode) -> bool:
        """Whether it is to be written; `keep` is one of KEEPS.

        A success serves as an example when one alone brought it about, a person or the policy.
        """
        alone = len({step.mode for step in self.steps if step.acting}) == 1
        success = ended.outcome is Outcome.SUCCESS and alone and not self.cut
        return keep == 'all' or (keep == 'success' and success)


def chained(steps: Sequence[Step]) -> Steps:
    """As they are kept on disk; where nothing was told in between, the arm held."""
    nothing = Frame(0, np.empty(0, np.float16), np.empty(0, np.float32))
    moments = [steps[0].begin if steps else nothing]
    rows: list[tuple[np.ndarray, float, int]] = []  # twist, gripper, mode
    for step in steps:
        if step.begin.stamp < moments[-1].stamp:
            continue  # told by a policy that was started again
        if step.begin.stamp > moments[-1].stamp:
            rows.append((np.zeros(6), step.gripper_before, int(Mode.HOLD)))
            moments.append(step.begin)
        rows.append((step.twist, step.gripper, int(step.mode)))
        moments.append(step.end)
    twists = [twist for twist, _, _ in rows]
    return Steps(
        stamps=np.array([moment.stamp for moment in moments], np.int64),
        states=np.stack([moment.state for moment in moments]),
        twists=np.array(twists, np.float32).reshape(len(rows), 6),
        grippers=np.array([gripper for _, gripper, _ in rows], np.float32),
        modes=np.array([mode for _, _, mode in rows], np.int64),
    )
