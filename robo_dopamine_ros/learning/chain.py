"""How frames seen, ticks of the gate and the conductor's words become steps. Pure: stamps come in.

A step lies between two frames; what was done in it is what the gate heard wished in the ticks after
the one that was the newest when the first was seen, up to that of the second, each for its time.
The wish counts, not the way of the target: where the gate holds the target back, as when the arm
presses on something, it is the world that does not give way, and who wished must learn that.
A policy alone in charge did what it decided on the first frame, though the gate hears it later.
"""

from collections.abc import Sequence

import numpy as np

from robo_dopamine_ros.learning.steps import ACTING, Frame, Key, Step
from robo_dopamine_ros.types import SECOND, Control, Episode, Mode, Phase

LONGEST = 0.3  # a step that takes longer is none: the chain begins anew on its end [s]


class Chain:
    """Makes the steps of one start of the actor, numbered without gaps.

    An episode's chain begins on the first frame since it runs and ends on the first frame at or
    after the word that ended it; ticks of the gate after the word do not count.
    """

    def __init__(self, epoch: int, run: str = 'live') -> None:
        self.sequence = 0  # of the next step
        self.frame: Frame | None = None  # on which the step under way began
        self._epoch, self._run = epoch, run
        self._episode = Episode()  # the newest word
        self._name, self._since = '', 0  # the episode of the chain, and when it began to run [ns]
        self._word: int | None = None  # when it ended [ns]
        self._control: Control | None = None  # the newest tick of the gate
        self._heard: list[Control] = []  # the one that was the newest at `frame`, and those since
        self._decided: np.ndarray | None = None  # by the policy on `frame`

    @property
    def running(self) -> bool:
        """Whether an episode runs."""
        return self._episode.phase is Phase.RUNNING

    @property
    def open(self) -> bool:
        """Whether frames are wanted: an episode runs, or its last step has no end yet."""
        return self.running or self.frame is not None

    def follow(self, episode: Episode) -> None:
        """Hear the conductor, who says the same over and over."""
        last, self._episode = self._episode, episode
        if (episode.id, episode.phase) == (last.id, last.phase):
            return
        if self.running or episode.id != self._name:
            self._break()
            self._name, self._since, self._word = episode.id, episode.stamp, None
        elif self._word is None:
            self._word = episode.stamp

    def hear(self, control: Control) -> None:
        """Hear a tick of the gate."""
        if self._control is not None and control.stamp <= self._control.stamp:
            return
        self._control = control
        if self.frame is not None:
            self._heard.append(control)
            if control.stamp - self._heard[0].stamp > 2 * LONGEST * SECOND:
                self._break()  # nothing was seen for so long

    def decide(self, twist: np.ndarray) -> None:
        """Hear what the policy wishes (6,), having seen the newest frame."""
        self._decided = twist

    def see(self, frame: Frame) -> Step | None:
        """Give the step that ends on this frame; none on one that was seen before."""
        begin = self.frame
        if begin is not None and frame.stamp <= begin.stamp:
            return None
        if begin is None or frame.stamp - begin.stamp > LONGEST * SECOND:
            self._begin(frame)
            return None
        step = self._step(begin, frame)
        self.sequence += 1
        self.frame, self._decided = frame, None
        if self._word is not None and frame.stamp >= self._word:
            self._break()
        return step

    def _begin(self, frame: Frame) -> None:
        """Begin on a frame, if it and what is known of the gate are of the running episode."""
        self._break()
        control = self._control
        if self.running and control and min(frame.stamp, control.stamp) >= self._since:
            self.frame, self._heard = frame, [control]

    def _break(self) -> None:
        self.frame, self._heard, self._decided = None, [], None

    def _step(self, begin: Frame, end: Frame) -> Step:
        word = self._word
        first, *later = self._heard
        later = [tick for tick in later if word is None or tick.stamp <= word]
        last = later[-1] if later else first
        self._heard = [last]
        mode, twist = charge([tick.mode for tick in later]), mean_wish(first, later)
        if twist is None and mode in ACTING:
            mode = Mode.HOLD
        if mode is Mode.POLICY and self._decided is not None:
            twist = self._decided
        return Step(
            *(Key(self._run, self._epoch, self.sequence), self._name, begin, end, mode),
            twist=np.zeros(6) if twist is None else twist,
            gripper=last.sent.gripper,
            gripper_before=first.sent.gripper,
            policy_version=last.sent.policy_version if mode is Mode.POLICY else 0,
        )


def charge(modes: Sequence[Mode]) -> Mode:
    """Who was in charge of a step: nobody if nobody was at any time, a person who helped."""
    idle = [mode for mode in modes if mode not in ACTING]
    return max(idle or modes, default=Mode.HOLD)


def mean_wish(first: Control, later: Sequence[Control]) -> np.ndarray | None:
    """Twist (6,) [m/s, rad/s] wished in the ticks after the first, each since the one before."""
    stamps = np.array([tick.stamp for tick in (first, *later)])
    if not later or stamps[-1] <= stamps[0]:
        return None
    return np.average([tick.wished for tick in later], axis=0, weights=np.diff(stamps))
