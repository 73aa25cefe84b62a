"""Practice: rollout after rollout a policy acts, a person may step in, and an agent learns.

Place, judge and person are brought by the caller; every step is kept in a store before the agent
learns from it. An episode ends when the judge proposes success, or at the horizon.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from robo_dopamine_ros.data.steps import Steps
from robo_dopamine_ros.learning.experience import Experience
from robo_dopamine_ros.learning.observation import Observer
from robo_dopamine_ros.learning.pupil import Pupil
from robo_dopamine_ros.learning.sampling import SamplingParameters
from robo_dopamine_ros.learning.steps import Frame, Key, Scale, Step
from robo_dopamine_ros.learning.trial import Judge, Person, Place, Told
from robo_dopamine_ros.types import Episode, Mode, Outcome, Phase, Progress, Views

CLOSED = 0.0  # the gripper holds what it works with


@dataclass(frozen=True)
class PracticeParameters:
    """How much is practised, and how much is learned from it."""

    horizon: int = 80  # steps of an episode at most, 1 or more
    updates: int = 8  # gradient steps for one step of practice, 0 or more
    batch: int = 128  # transitions of a gradient step, 2 or more
    pretraining: int = 300  # gradient steps on demonstrations before practice, 0 or more
    scale: Scale = field(default_factory=Scale)
    sampling: SamplingParameters = field(default_factory=SamplingParameters)

    def __post_init__(self) -> None:
        for name, low in (('horizon', 1), ('updates', 0), ('batch', 2), ('pretraining', 0)):
            if not (value := getattr(self, name)) >= low:
                raise ValueError(f'{name} = {value}; it must be {low} or more')


class Practice:
    """A pupil at one place, with the store that keeps what it lives through."""

    def __init__(
        self,
        place: Place,
        judge: Judge,
        observer: Observer,
        pupil: Pupil,
        experience: Experience,
        parameters: PracticeParameters,
        run: str,
    ) -> None:
        self.pupil, self.parameters = pupil, parameters
        self._place, self._judge, self._observer = place, judge, observer
        self._experience, self._run = experience, run
        self._epoch, self._sequence = experience.begin(run), 0

    def teach(self, name: str, steps: Steps, views: Iterator[Views]) -> None:
        """Live through a recorded demonstration; it ends as a success."""
        episode = Episode(name, phase=Phase.RUNNING, stamp=int(steps.stamps[0]))
        self._judge.follow(episode)
        frame, _ = self._see(self._stamped(next(views), steps, 0), steps.states[0])
        reading = None
        for number in range(len(steps)):
            seen = self._stamped(next(views), steps, number + 1)
            before, (frame, reading) = frame, self._see(seen, steps.states[number + 1])
            twist, gripper = steps.twists[number], float(steps.grippers[number])
            mode = Mode(int(steps.modes[number]))
            self._keep(before, frame, name, mode, twist, gripper, demonstration=True)
            self._experience.record(reading, frame.stamp)
            if reading.success_candidate:
                break
        self._end(episode, Outcome.SUCCESS, frame.stamp, 'demonstration')

    def rollout(self, number: int, seed: int, person: Person) -> Told:
        """Practise one episode, learning as it goes."""
        name = f'{self._run}/{self._epoch}/{number}'
        views, state = self._place.reset(seed)
        episode = Episode(name, number, phase=Phase.RUNNING, stamp=views.stamp)
        self._judge.follow(episode)
        person.begin(number)
        frame, reading = self._see(views, state)
        self._experience.record(reading, frame.stamp)
        helped, steps = 0, 0
        while steps < self.parameters.horizon and not reading.success_candidate:
            wish = person.wish()
            action = self._choose(frame) if wish is None else wish
            mode = Mode.POLICY if wish is None else Mode.HUMAN
            views, state = self._place.act(action)
            before, (frame, reading) = frame, self._see(views, state)
            twist, gripper = self.parameters.scale.wish(action, CLOSED)
            self._keep(before, frame, name, mode, twist, gripper)
            self._experience.record(reading, frame.stamp)
            self.pupil.remember()
            self.pupil.learn(self.parameters.updates)
            helped, steps = helped + (wish is not None), steps + 1
        outcome = Outcome.SUCCESS if reading.success_candidate else Outcome.TIME_LIMIT
        self._end(episode, outcome, frame.stamp, 'reward model')
        return Told(number, steps, self._place.succeeded, reading.success_candidate, helped)

    def _choose(self, frame: Frame) -> np.ndarray:
        return self.pupil.agent.act(frame.observation, True, self.pupil.exploring).action

    def _see(self, views: Views, state: np.ndarray) -> tuple[Frame, Progress]:
        reading = self._judge.look(views)
        return self._observer.frame(views, state), reading

    def _stamped(self, views: Views, steps: Steps, number: int) -> Views:
        return Views(views.images, dict.fromkeys(views.images, int(steps.stamps[number])))

    def _keep(
        self,
        begin: Frame,
        end: Frame,
        episode: str,
        mode: Mode,
        twist: np.ndarray,
        gripper: float,
        demonstration: bool = False,
    ) -> None:
        key = Key(self._run, self._epoch, self._sequence)
        step = Step(
            *(key, episode, begin, end, mode, twist, gripper, gripper),
            *(self.pupil.agent.updates, demonstration),
        )
        self._experience.record(step, end.stamp)
        self._sequence += 1

    def _end(self, episode: Episode, outcome: Outcome, stamp: int, who: str) -> None:
        word = replace(episode, phase=Phase.ENDED, outcome=outcome, stamp=stamp, decided_by=who)
        self._experience.record(word, stamp)
        self._judge.follow(word)
        self.pupil.remember()
