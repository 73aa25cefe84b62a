"""Records episodes as folders while they happen: pictures and steps come in, files come out."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.node import Node

from robo_dopamine_ros.data.episodes import LAYOUTS
from robo_dopamine_ros.data.recording import RATE, Mark
from robo_dopamine_ros.learning.chain import Chain
from robo_dopamine_ros.learning.steps import Frame, Step
from robo_dopamine_ros.learning.take import KEEPS, Take
from robo_dopamine_ros.learning.tip import tip_state
from robo_dopamine_ros.nodes.reel import Reel
from robo_dopamine_ros.ros.cameras import CameraParameters, open_cameras
from robo_dopamine_ros.ros.diagnostics import CameraWatch, Health, Level
from robo_dopamine_ros.ros.matching import Match
from robo_dopamine_ros.types import SECOND, ArmState, Control, Episode, Kept, Phase, Views

LOOK = 0.5 / RATE  # [s] between looks at the cameras: twice a step, so that no picture is missed
APART = 0.8 / RATE  # [s] between pictures at least
PATIENCE = 1.5  # [s] for the last step of an episode, after its end
AGAIN = 1.0  # [s] between attempts to write where it failed


@dataclass(frozen=True)
class RecorderParameters:
    """What is recorded, where, and how."""

    run: str = ''  # folder of the run whose experience is kept; empty: episode folders only
    episodes: str = 'success'  # all; success: of a person or of the policy alone; none
    folder: str = ''  # for the episode folders; empty: `episodes` in the folder of the run
    layout: str = 'videos'  # of the pictures: videos, or pictures, which are exact
    longest: float = 300.0  # what comes later in an episode is not written [s]
    cameras: CameraParameters = field(default_factory=CameraParameters)
    origin: tuple[float, ...] = (0.5, 0.0, 0.08)  # of the work [m], as the policy has it
    reach: float = 0.045  # of the tip beyond the tool [m], as the policy has it

    def __post_init__(self) -> None:
        for name, known in (('episodes', KEEPS), ('layout', tuple(LAYOUTS))):
            if (value := getattr(self, name)) not in known:
                raise ValueError(f'{name} = {value!r}; it must be one of {", ".join(known)}')
        if not (self.run or (self.folder and self.episodes != 'none')):
            raise ValueError(
                'nothing to record: give run, the folder of a run, or folder, one for episodes'
            )
        if len(self.origin) != 3 or not all(map(math.isfinite, (*self.origin, self.reach))):
            text = f'origin = {self.origin}, reach = {self.reach} m'
            raise ValueError(f'{text}; they must be x, y, z and a distance [m]')
        if not 0.0 < self.longest <= 3600.0:
            raise ValueError(f'longest = {self.longest} s; it must lie above 0, up to 3600')


class Filming:
    """Follows episodes, and gives the reel what belongs to each."""

    def __init__(
        self,
        node: Node,
        parameters: RecorderParameters,
        folder: Path,
        settled: Callable[[], object],
    ) -> None:
        """`settled` is as that of Reel; raises OSError where nothing can be written."""
        self._reel = Reel(folder, parameters.layout, settled)
        self._p = parameters
        self._node = node
        self._cameras, self._watch = open_cameras(node, parameters.cameras), CameraWatch()
        self._born = self._now()
        self._episode = Episode()  # its newest word
        self._take: Take | None = None
        self._chain = Chain(self._born)  # of steps, for where no policy tells any
        self._arm: ArmState | None = None  # its newest word
        self._control: Control | None = None  # of the gate
        self._lacks = ''  # what the newest episode does
        self._deadline = self._retry = 0.0  # steady time [s]
        self._last: Match[Any] | None = None  # newest complete set of pictures

    def follow(self, word: Episode) -> None:
        """Take in what the conductor says, once."""
        if word == self._episode:
            return
        before, self._episode = self._episode, word
        self._chain.follow(word)
        if self._take is not None and word.id != before.id:
            self._close(before)
        if word.phase is Phase.RUNNING and self._take is None and word.stamp >= self._born:
            self._take = Take(word, self._p.longest)
            self._reel.begin(word.id)
            if self._last is not None:
                self._shoot(self._last)
        elif word.phase is Phase.ENDED:
            self._deadline = time.monotonic() + PATIENCE
            if self._take is None:
                self._reel.finish(word.id, None)

    def hear(self, step: Step) -> None:
        """Take in a step that the policy told."""
        if self._take is not None:
            self._take.hear(step)

    def hear_arm(self, state: ArmState) -> None:
        """Take in what the arm reports."""
        self._arm = state

    def hear_control(self, control: Control) -> None:
        """Take in what the gate did."""
        self._control = control
        self._chain.hear(control)

    def mark(self, label: str, stamp: int) -> tuple[int, str]:
        """Mark a keyframe; gives how many were before it, and why it was refused."""
        if self._take is None:
            return 0, 'no episode is being recorded'
        begin, stamp = self._take.episode.stamp, stamp or self._now()
        if not begin <= stamp <= self._now():
            return 0, f'stamp = {stamp} ns; it must lie within the episode, {begin} ns until now'
        self._take.marks.append(Mark(stamp, label))
        return len(self._take.marks) - 1, ''

    def tick(self) -> None:
        """Look at the cameras, and close what has come to its end."""
        match = self._cameras.take()
        apart = match.stamp - self._last.stamp if match and self._last else SECOND
        if match and not match.absent and not 0 <= apart < APART * SECOND:
            self._last = match
            self._shoot(match)
            self._see(match.stamp)
        now = time.monotonic()
        if self._take is not None and self._episode.phase is Phase.ENDED:
            if self._take.complete(self._episode) or now > self._deadline:
                self._close(self._episode)
        elif self._take is None and self._reel.fault and now > self._retry:
            self._retry = now + AGAIN
            self._reel.retry()

    def close(self) -> None:
        """Write what has ended; what has not leaves nothing."""
        if self._take is not None and self._episode.phase is Phase.ENDED:
            self._close(self._episode)
        self._reel.close()

    @property
    def kept(self) -> Kept:
        """How far it has come with episodes, where nothing else is kept; without a stamp."""
        return Kept(0, ended=self._reel.ended, reason=self._reel.fault)

    def health(self) -> list[Health]:
        """How recording goes, and each camera."""
        reel, take = self._reel, self._take
        message = reel.fault or reel.refusal or self._lacks
        level = Level.ERROR if reel.fault else Level.WARN if message else Level.OK
        values = {
            'recording': take.episode.id if take else '',
            'written': reel.written,
            'failed': reel.failed,
            'sets of pictures left out': reel.left,
        }
        views = self._watch.look(self._p.cameras.views, self._cameras.counts)
        return [Health('episodes', level, message or 'ok', values), *views]

    def _shoot(self, match: Match[Any]) -> None:
        if self._take is not None and self._take.within(match.stamp):
            self._reel.shoot(partial(self._complete, match))

    def _see(self, stamp: int) -> None:
        """Make the step that ends on these pictures."""
        if self._take is None or self._arm is None or self._control is None:
            return
        origin, target = np.array(self._p.origin), self._control.target
        state = tip_state(self._arm, target, origin, self._p.reach)
        step = self._chain.see(Frame(stamp, np.empty(0, np.float16), state))
        if step is not None:
            self._take.see(step)

    def _complete(self, match: Match[Any]) -> Views | None:
        views, absent = self._cameras.convert(match)
        return None if absent else views

    def _close(self, word: Episode) -> None:
        """Give the take out of hand."""
        take, self._take = self._take, None
        assert take is not None
        take.close(word)
        self._lacks = f'{take.episode.id} lacks {take.cut}' if take.cut else ''
        ended = word.phase is Phase.ENDED and take.wanted(self._p.episodes, word)
        self._reel.finish(take.episode.id, take.account(word) if ended else None)

    def _now(self) -> int:
        return self._node.get_clock().now().nanoseconds
