"""When a step becomes a transition, and what it is then worth. Pure: stamps come in.

A step waits until a valid reading of progress at or past its end has arrived and it is known what
came after it: the next step, or the word that ended its episode. Then it is sealed for good:

- success and failure end the task on the last step that began before the word: nothing follows to
  bootstrap from, the potential there is 0, success pays;
- time limit and abort cut the last step off: the learner bootstraps from the frame it ended on;
- whatever breaks the chain cuts the step before it off too: a gap in sequence or in time, a mode
  in which neither the policy nor a person acts, another episode, the end of the recording;
- while the arm merely holds (a person let go, then says how it ended) the step before stays open
  for the word, because nothing was done since; if someone acts again it was cut off.

Readings that never come are waited for until `patience` after the word; then, and after a crash,
the last valid reading stands for what is missing, and 0 if there never was one.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from robo_dopamine_ros.learning.potentials import Potentials
from robo_dopamine_ros.learning.steps import Sealed, Step
from robo_dopamine_ros.reward.shaping import RewardParameters, step_reward
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress, Reward

RewardOfStep = Callable[[int, int, float, float, RewardParameters, Outcome], Reward]


@dataclass(frozen=True)
class SealingParameters:
    """What steps wait for, and what they are worth."""

    patience: float = 1.0  # for readings and steps on their way when an episode has ended [s]
    reward: RewardParameters = RewardParameters()

    def __post_init__(self) -> None:
        if not 0.0 <= self.patience < math.inf:
            raise ValueError(f'patience = {self.patience} s; it must be 0 or more')


@dataclass
class _Run:
    """An acting step, or consecutive steps of another mode."""

    step: Step  # the first
    follows: bool  # whether it continues what came before, nothing between
    end: int  # [ns]


class Sealer:
    """Takes in steps, readings and words as they arrive and gives the steps they seal, in order.

    A transition that is neither terminated nor truncated is always followed by the one that
    begins on its last frame. Readings and words may come before the first step of their episode.
    """

    def __init__(
        self, parameters: SealingParameters | None = None, reward: RewardOfStep = step_reward
    ) -> None:
        """`reward` is the reward of one step; others than step_reward serve comparisons."""
        self._parameters = parameters or SealingParameters()
        self._reward = reward
        self._potentials: dict[str, Potentials] = {}  # by episode
        self._words: dict[str, tuple[Episode, int]] = {}  # by episode, and when it was heard [ns]
        self._episode = ''  # whose steps come now
        self._waiting: deque[_Run] = deque()
        self._last: Step | None = None  # of the episode, in any mode
        self._open = False  # whether what was sealed last goes on

    def update(self, event: Step | Progress | Episode | None, now: int) -> list[Sealed]:
        """Take one event in, or only the time `now` [ns]."""
        sealed = []
        if isinstance(event, Step):
            if event.episode != self._episode:
                sealed = self.close()
                self._begin(event.episode)
            self._append(event)
        elif isinstance(event, Progress):
            self._potentials.setdefault(event.episode, Potentials()).hear(event)
        elif event is not None and event.phase is Phase.ENDED:
            if event.outcome is Outcome.NONE:
                raise ValueError(f'episode {event.id} ended with outcome NONE; it must be named')
            self._words.setdefault(event.id, (event, now))
        word, heard = self._words.get(self._episode, (None, now))
        overdue = word is not None and now - heard >= self._parameters.patience * SECOND
        return sealed + self._seal(word, overdue)

    def close(self) -> list[Sealed]:
        """Seal all that waits: nothing more is coming."""
        word, _ = self._words.get(self._episode, (None, 0))
        return self._seal(word, overdue=True)

    def knows(self, episode: str) -> bool:
        """Whether anything of an episode was heard or recalled, and not forgotten since."""
        return episode in self._potentials

    def recall(self, episode: str, potentials: dict[int, float]) -> None:
        """Potentials (stamp [ns] -> value) that were given before a crash."""
        self._potentials.setdefault(episode, Potentials()).given.update(potentials)

    def _begin(self, episode: str) -> None:
        self._episode = episode
        self._potentials = {episode: self._potentials.get(episode, Potentials())}
        self._words = {id: word for id, word in self._words.items() if id == episode}
        self._waiting.clear()
        self._last = None

    def _append(self, step: Step) -> None:
        last, self._last = self._last, step
        follows = last is not None and _continues(last, step)
        same = last is not None and not (last.acting or step.acting) and last.mode is step.mode
        if follows and same and self._waiting:
            self._waiting[-1].end = step.end.stamp
        else:
            self._waiting.append(_Run(step, follows, step.end.stamp))

    def _seal(self, word: Episode | None, overdue: bool) -> list[Sealed]:
        sealed = []
        potentials = self._potentials.setdefault(self._episode, Potentials())
        while self._waiting:
            step = self._waiting[0].step
            if step.acting and (self._open or word is None or step.begin.stamp < word.stamp):
                outcome = self._fate(word, overdue)
                read = potentials.until is not None and potentials.until >= step.end.stamp
                if outcome is None or not (read or overdue):
                    break
                sealed.append(self._worth(step, potentials, outcome))
                self._open = outcome is Outcome.NONE
                if word is not None and outcome is word.outcome:
                    word = self._spend()
            self._waiting.popleft()
        return sealed

    def _spend(self) -> Episode:
        """The word of the episode once a step bears it: what comes late is only cut off."""
        word, heard = self._words[self._episode]
        word = replace(word, outcome=Outcome.ABORTED)
        self._words[self._episode] = (word, heard)
        return word

    def _fate(self, word: Episode | None, overdue: bool) -> Outcome | None:
        """How the first waiting step ends: NONE if it goes on, None while that is not known."""
        runs = iter(self._waiting)
        end, held = next(runs).end, False
        for run in runs:
            if word is not None and end >= word.stamp:
                break
            if not run.follows:
                return Outcome.ABORTED
            if run.step.acting:
                return Outcome.ABORTED if held else Outcome.NONE
            if run.step.mode is not Mode.HOLD:
                return Outcome.ABORTED
            end, held = run.end, True
        if word is not None and (end >= word.stamp or overdue):
            return word.outcome
        return Outcome.ABORTED if overdue else None

    def _worth(self, step: Step, potentials: Potentials, outcome: Outcome) -> Sealed:
        begin = potentials.at(step.begin.stamp)
        end = 0.0 if outcome.terminal else potentials.at(step.end.stamp)
        parameters = self._parameters.reward
        reward = self._reward(step.begin.stamp, step.end.stamp, begin, end, parameters, outcome)
        return Sealed(step.key, replace(reward, episode=step.episode))


def _continues(last: Step, step: Step) -> bool:
    """Whether nothing lies between two steps, of the same actor."""
    before, after = last.key, step.key
    same = (before.run, before.epoch, before.sequence + 1)
    return same == (after.run, after.epoch, after.sequence) and last.end.stamp == step.begin.stamp
