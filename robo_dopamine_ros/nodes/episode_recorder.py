"""Records running episodes as folders, from images, steps, arm states and gate ticks."""

import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from rclpy.node import Node

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.data.episode_folder import LAYOUTS
from robo_dopamine_ros.data.episode_writer import FRAME_RATE, KeyframeMark
from robo_dopamine_ros.experience.types import Observation, Step
from robo_dopamine_ros.nodes.async_episode_writer import AsyncEpisodeWriter
from robo_dopamine_ros.policy.loop import StepBuilder
from robo_dopamine_ros.policy.observation import tip_proprioception
from robo_dopamine_ros.ros.cameras import CameraParameters, open_cameras
from robo_dopamine_ros.ros.diagnostics import CameraMonitor, Health, Level
from robo_dopamine_ros.ros.time_sync import Match
from robo_dopamine_ros.training.episode_buffer import EPISODE_FILTERS, EpisodeBuffer
from robo_dopamine_ros.training.workplace import Workplace
from robo_dopamine_ros.types import (
    CLOCK_SET_BACK,
    SECOND,
    ArmState,
    Control,
    Episode,
    Phase,
    RecorderStatus,
    Views,
)

POLL_PERIOD = 0.5 / FRAME_RATE  # of the cameras [s]: twice a step, so that no image is missed
MIN_VIEW_PERIOD = 0.8 / FRAME_RATE  # between recorded images [s]
LAST_STEP_TIMEOUT = 1.5  # for the last step, after the end of the episode [s]
RETRY_PERIOD = 1.0  # between attempts to write after a fault [s]


@dataclass(frozen=True)
class RecorderParameters:
    """Which episodes and experience are recorded, and where."""

    run: str = ''  # directory of the run whose experience is recorded; empty: episode folders only
    episodes: str = 'success'  # all; success: of a person or of the policy alone; none
    folder: str = ''  # for the episode folders; empty: `episodes` in the directory of the run
    layout: str = 'videos'  # of the frames: videos (lossy) or images (PNG)
    max_duration: float = 300.0  # of a recorded episode [s]; the rest is left out
    cameras: CameraParameters = field(default_factory=CameraParameters)
    origin: tuple[float, ...] = (0.5, 0.0, 0.08)  # centre of the workspace [m], as for the policy
    tip_offset: float = 0.045  # from the tool to the tip [m], as for the policy
    workplace: str = ''  # JSON of the arm and its frames, which `robo-dopamine up` fills in

    def __post_init__(self) -> None:
        for name, known in (('episodes', EPISODE_FILTERS), ('layout', tuple(LAYOUTS))):
            if (value := getattr(self, name)) not in known:
                raise ValueError(f'{name} = {value!r}; it must be one of {", ".join(known)}')
        if not (self.run or (self.folder and self.episodes != 'none')):
            raise ValueError(
                'nothing to record: give run, the folder of a run, or folder, one for episodes'
            )
        if len(self.origin) != 3 or not all(map(math.isfinite, (*self.origin, self.tip_offset))):
            text = f'origin = {self.origin}, tip_offset = {self.tip_offset} m'
            raise ValueError(f'{text}; they must be x, y, z and a distance [m]')
        Workplace.from_json(self.workplace)  # refuses what is none
        if not 0.0 < self.max_duration <= 3600.0:
            text = f'max_duration = {self.max_duration} s'
            raise ValueError(f'{text}; it must lie above 0, up to 3600')

    @property
    def place(self) -> Workplace:
        """Where it records."""
        place = Workplace.from_json(self.workplace)
        return replace(place, origin=self.origin, tip_offset=self.tip_offset)


class EpisodeRecorder:
    """Collects the data of each episode and passes it to a writer."""

    def __init__(
        self, node: Node, parameters: RecorderParameters, writer: AsyncEpisodeWriter
    ) -> None:
        self._node, self._p, self._writer = node, parameters, writer
        self._cameras, self._monitor = open_cameras(node, parameters.cameras), CameraMonitor()
        self._started, self._heard = self._now(), False  # whether an episode was heard of
        self._episode = Episode()  # newest message
        self._buffer: EpisodeBuffer | None = None  # of the episode that is being recorded
        self._steps = StepBuilder(self._started)  # used where no policy publishes steps
        self._arm: ArmState | None = None  # newest
        self._control: Control | None = None  # newest
        self._warning = ''  # what the newest record lacks
        self._deadline = self._retry_at = 0.0  # steady time [s]
        self._last: Match[Any] | None = None  # newest complete set of images

    def on_episode(self, episode: Episode) -> None:
        """Process a state of the episode; repeated ones change nothing."""
        whole, self._heard = self._heard or episode.stamp >= self._started, True
        if episode == self._episode:
            return
        before, self._episode = self._episode, episode
        self._steps.on_episode(episode)
        if self._buffer is not None and episode.id != before.id:
            self._finish(before)
        running = episode.phase is Phase.RUNNING
        if running and self._buffer is None and whole:
            self._buffer = EpisodeBuffer(episode, self._p.max_duration)
            self._writer.begin(episode.id)
            if self._last is not None:
                self._add_views(self._last)
        elif episode.phase is Phase.ENDED:
            if before.phase is not Phase.ENDED:
                self._deadline = steady_time() + LAST_STEP_TIMEOUT
            if self._buffer is None and episode.decided:
                self._writer.finish(episode.id, None)

    def on_step(self, step: Step) -> None:
        """Process a step of the policy."""
        if self._buffer is not None:
            self._buffer.add_policy_step(step)

    def on_arm_state(self, state: ArmState) -> None:
        """Process a state of the arm."""
        self._arm = state

    def on_control(self, control: Control) -> None:
        """Process a tick of the gate."""
        self._control = control
        self._steps.on_control(control)

    def mark_keyframe(self, label: str, stamp: int) -> tuple[int, str]:
        """Mark a keyframe at `stamp` [ns], 0 for now; its index, and why it was refused if so."""
        if self._buffer is None:
            return 0, 'no episode is being recorded'
        begin, stamp = self._buffer.episode.stamp, stamp or self._now()
        if not begin <= stamp <= self._now():
            return 0, f'stamp = {stamp} ns; it must lie within the episode, {begin} ns until now'
        self._buffer.marks.append(KeyframeMark(stamp, label))
        return len(self._buffer.marks) - 1, ''

    def tick(self) -> None:
        """Poll the cameras, and finish an episode that is complete."""
        match = self._cameras.poll()
        period = match.stamp - self._last.stamp if match and self._last else SECOND
        if self._buffer is not None and period < -CLOCK_SET_BACK * SECOND:
            self._buffer.stop('what came after the clock was set back')
        if match and not match.absent and not 0 <= period < MIN_VIEW_PERIOD * SECOND:
            self._last = match
            self._add_views(match)
            self._build_step(match.stamp)
        now = steady_time()
        if self._buffer is not None and self._episode.decided:
            if self._buffer.complete(self._episode) or now > self._deadline:
                self._finish(self._episode)
        elif self._buffer is None and self._writer.fault and now > self._retry_at:
            self._retry_at = now + RETRY_PERIOD
            self._writer.retry()

    def close(self) -> None:
        """Write an episode that has ended, and discard one that has not."""
        if self._buffer is not None and self._episode.phase is Phase.ENDED:
            self._finish(self._episode)
        self._writer.close()

    @property
    def status(self) -> RecorderStatus:
        """Newest finished episode, without a stamp; for a recorder without experience."""
        writer = self._writer
        return RecorderStatus(0, ended_episode=writer.last_episode, reason=writer.fault)

    def health(self) -> list[Health]:
        """Status of the recording and of each camera, for diagnostics."""
        writer, buffer = self._writer, self._buffer
        message = writer.fault or writer.refusal or self._warning or writer.warning
        level = Level.ERROR if writer.fault else Level.WARN if message else Level.OK
        values = {
            'recording': buffer.episode.id if buffer else '',
            'written': writer.written,
            'failed': writer.failed,
            'sets of images left out': writer.dropped_views,
        }
        views = self._monitor.update(self._p.cameras.views, self._cameras.stats)
        return [Health('episodes', level, message or 'ok', values), *views]

    def _add_views(self, match: Match[Any]) -> None:
        if self._buffer is not None and self._buffer.accepts(match.stamp):
            self._writer.add_views(partial(self._convert, match))

    def _convert(self, match: Match[Any]) -> Views | None:
        views, absent = self._cameras.convert(match)
        return None if absent else views

    def _build_step(self, stamp: int) -> None:
        """Add the step that ends with the images of a stamp [ns]."""
        if self._buffer is None or self._arm is None or self._control is None:
            return
        origin, target = np.array(self._p.origin), self._control.target
        state = tip_proprioception(self._arm, target, origin, self._p.tip_offset)
        step = self._steps.on_observation(Observation(stamp, np.empty(0, np.float16), state))
        if step is not None:
            self._buffer.add_local_step(step)

    def _finish(self, ended: Episode) -> None:
        """Pass the record to the writer if it is to be written."""
        buffer, self._buffer = self._buffer, None
        assert buffer is not None
        buffer.close(ended)
        self._warning = f'{buffer.episode.id} lacks {buffer.missing}' if buffer.missing else ''
        save = ended.phase is Phase.ENDED and buffer.should_save(self._p.episodes, ended)
        self._writer.finish(
            buffer.episode.id, buffer.record(ended, self._p.place) if save else None
        )

    def _now(self) -> int:
        return self._node.get_clock().now().nanoseconds
