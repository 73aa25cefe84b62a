"""The policy's control loop: when it may act, the steps that result, and their delivery. Pure.

`now` is steady time [s] and drives every watchdog; `stamp` is ROS time [ns], for headers only.

A step lies between two observations. Its twist is the mean of what was requested at the gate in the
ticks after the one that was newest at the first observation, up to the newest at the second,
weighted by their duration. The requested twist counts, not the motion of the target: where the arm
presses on something and the gate holds the target back, the policy must learn that the request has
no effect. If only the policy was active, the twist is what it decided on the first observation.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from robo_dopamine_ros.experience.types import ACTING_MODES, Observation, Step, StepId
from robo_dopamine_ros.policy.inference import PolicyInference
from robo_dopamine_ros.policy.observation import tip_proprioception
from robo_dopamine_ros.types import (
    CLOCK_SET_BACK,
    SECOND,
    ArmCommand,
    ArmState,
    Control,
    Episode,
    Mode,
    Phase,
    RecorderStatus,
    Views,
    check_timeout,
)

MAX_STEP_DURATION = 0.3  # longer steps are discarded, and a new sequence begins at their end [s]
STATUS_TIMEOUT = 0.5  # silence of the recorder, or time without progress, until a resend [s]
MAX_IN_FLIGHT = 50  # unacknowledged steps sent at once, below the depth of the topic
MAX_UNACKNOWLEDGED = 1  # unacknowledged steps while the policy may act


@dataclass(frozen=True)
class PolicyLoopParameters:
    """When the policy may act, and its proprioception."""

    max_input_age: float = 0.2  # older views, arm states and gate ticks block the policy [s]
    origin: tuple[float, ...] = (0.5, 0.0, 0.08)  # centre of the workspace, base frame [m]
    tip_offset: float = 0.045  # from the tool to the tip that works, along the tool's z [m]

    def __post_init__(self) -> None:
        if not 0.0 < self.max_input_age < math.inf:
            raise ValueError(f'max_input_age = {self.max_input_age} s; it must be above 0')
        if len(self.origin) != 3 or not all(map(math.isfinite, self.origin)):
            raise ValueError(f'origin = {self.origin}; it must be x, y, z [m]')
        if not 0.0 <= self.tip_offset <= 1.0:
            raise ValueError(f'tip_offset = {self.tip_offset} m; it must be within 0..1 m')


class PolicyLoop:
    """Acts while an episode runs; makes steps whoever acts, and sends them until acknowledged.

    It never blocks: without new views the last command is repeated while its views are recent.
    """

    def __init__(self, inference: PolicyInference, p: PolicyLoopParameters, epoch: int) -> None:
        """`epoch` must be higher at every start."""
        self.inference, self._p = inference, p
        self.step_builder, self.send_buffer = StepBuilder(epoch), SendBuffer(epoch)
        self.reason = ''  # why the newest command is not valid
        self._arm: tuple[ArmState, float] | None = None  # with its arrival [s]
        self._control: tuple[Control, float] | None = None  # with its arrival [s]
        self._command: ArmCommand | None = None  # of the current step
        self._fault = ''  # why the newest views gave no observation

    def on_message(
        self, message: ArmState | Control | Episode | RecorderStatus, now: float
    ) -> None:
        """Process a message of the arm, the gate, the episode manager or the recorder."""
        if isinstance(message, ArmState):
            self._arm = message, now
        elif isinstance(message, Control):
            self._control = message, now
            self.step_builder.on_control(message)
        elif isinstance(message, Episode):
            self.step_builder.on_episode(message)
        else:
            self.send_buffer.on_status(message, now)

    def step(self, views: Views | None, late: str, now: float, stamp: int) -> ArmCommand:
        """Command of this tick, for new `views` if any; `late` names views that are too old."""
        self.inference.reload()
        missing = self._missing_input(now)
        if views is not None and self.step_builder.needs_observation and not missing:
            self._observe(views, stamp)
        self.reason = self._blocking_reason(missing or late, now)
        if self._command is None or self.reason:
            return ArmCommand(stamp, valid=False, reason=self.reason)
        return replace(self._command, stamp=stamp)

    def _observe(self, views: Views, stamp: int) -> None:
        """Make the observation of new views, the step that it ends, and the next command."""
        assert self._arm is not None
        assert self._control is not None
        (arm, _), (control, _), p = self._arm, self._control, self._p
        self._command, self._fault = None, ''
        try:
            state = tip_proprioception(arm, control.target, np.array(p.origin), p.tip_offset)
            observation = self.inference.observe(views, state)
        except ValueError as error:
            self._fault = str(error)
            return
        if step := self.step_builder.on_observation(observation):
            self.send_buffer.add(step)
        if self.step_builder.observation is observation:
            self._command = self.inference.act(observation, control.sent.gripper, stamp)
            self.step_builder.on_policy_twist(self._command.twist)

    def _missing_input(self, now: float) -> str:
        """Why no observation can be made, apart from the views."""
        if not self.inference.version:
            return self.inference.fault
        for name, received in (('arm/state', self._arm), ('control', self._control)):
            age = now - received[1] if received else math.inf
            if silent := check_timeout(name, age, self._p.max_input_age):
                return silent
        return ''

    def _blocking_reason(self, missing: str, now: float) -> str:
        """Why the policy must not act; empty when it may."""
        if not self.step_builder.running:
            return 'no episode runs'
        reason = missing or self._fault or self.send_buffer.blocking_reason(now)
        return reason or ('' if self._command else 'no view of this episode yet')


class StepBuilder:
    """Builds the steps of one epoch, numbered without gaps.

    The last step of an episode ends at the first observation at or after the end of the episode;
    later ticks of the gate are ignored.
    """

    def __init__(self, epoch: int, run: str = 'live') -> None:
        self.sequence = 0  # of the next step
        self.observation: Observation | None = None  # begin of the current step
        self._epoch, self._run = epoch, run
        self._episode = Episode()  # newest message
        self._id, self._begin_stamp = '', 0  # of the episode of the steps [ns]
        self._end_stamp: int | None = None  # of that episode [ns]
        self._control: Control | None = None  # newest tick of the gate
        self._ticks: list[Control] = []  # the newest at `observation`, and those since
        self._policy_twist: np.ndarray | None = None  # decided on `observation`

    @property
    def running(self) -> bool:
        """Whether an episode runs."""
        return self._episode.phase is Phase.RUNNING

    @property
    def needs_observation(self) -> bool:
        """Whether an episode runs, or its last step has no end yet."""
        return self.running or self.observation is not None

    def on_episode(self, episode: Episode) -> None:
        """Process a state of the episode; repeated ones change nothing."""
        last, self._episode = self._episode, episode
        if (episode.id, episode.phase) == (last.id, last.phase):
            return
        if self.running or episode.id != self._id:
            self._reset()
            self._id, self._begin_stamp, self._end_stamp = episode.id, episode.stamp, None
        elif self._end_stamp is None:
            self._end_stamp = episode.stamp

    def on_control(self, control: Control) -> None:
        """Process a tick of the gate; one far older than the last begins anew."""
        if self._control is not None and control.stamp <= self._control.stamp:
            if self._control.stamp - control.stamp <= CLOCK_SET_BACK * SECOND:
                return
            self._reset()  # the clock was set back
        self._control = control
        if self.observation is not None:
            self._ticks.append(control)
            if control.stamp - self._ticks[0].stamp > 2 * MAX_STEP_DURATION * SECOND:
                self._reset()  # no observation for too long

    def on_policy_twist(self, twist: np.ndarray) -> None:
        """Set the twist (6,) that the policy decided on the newest observation."""
        self._policy_twist = twist

    def on_observation(self, observation: Observation) -> Step | None:
        """Return the step that ends with an observation, if any."""
        begin = self.observation
        elapsed = (observation.stamp - begin.stamp) / SECOND if begin is not None else 0.0
        if begin is None or not -CLOCK_SET_BACK <= elapsed <= MAX_STEP_DURATION:
            self._begin(observation)
            return None
        if elapsed <= 0.0:
            return None
        step = self._build(begin, observation)
        self.sequence += 1
        self.observation, self._policy_twist = observation, None
        if self._end_stamp is not None and observation.stamp >= self._end_stamp:
            self._reset()
        return step

    def _begin(self, observation: Observation) -> None:
        """Begin a step, if observation and newest tick are of the running episode."""
        self._reset()
        control = self._control
        if self.running and control and control.stamp >= self._begin_stamp <= observation.stamp:
            self.observation, self._ticks = observation, [control]

    def _reset(self) -> None:
        self.observation, self._ticks, self._policy_twist = None, [], None

    def _build(self, begin: Observation, end: Observation) -> Step:
        first, *later = self._ticks
        until = self._end_stamp
        later = [tick for tick in later if until is None or tick.stamp <= until]
        last = later[-1] if later else first
        self._ticks = [last]
        mode, twist = step_mode([tick.mode for tick in later]), mean_requested_twist(first, later)
        if twist is None and mode in ACTING_MODES:
            mode = Mode.HOLD
        if mode is Mode.POLICY and self._policy_twist is not None:
            twist = self._policy_twist
        return Step(
            *(StepId(self._run, self._epoch, self.sequence), self._id, begin, end, mode),
            twist=np.zeros(6) if twist is None else twist,
            gripper=last.sent.gripper,
            gripper_before=first.sent.gripper,
            policy_version=last.sent.policy_version if mode is Mode.POLICY else 0,
        )


def step_mode(modes: Sequence[Mode]) -> Mode:
    """Mode of a step: the highest that is not acting if any, else HUMAN if any, else POLICY."""
    idle = [mode for mode in modes if mode not in ACTING_MODES]
    return max(idle or modes, default=Mode.HOLD)


def mean_requested_twist(first: Control, later: Sequence[Control]) -> np.ndarray | None:
    """Mean twist (6,) [m/s, rad/s] requested in the ticks after the first, by their duration."""
    stamps = np.array([tick.stamp for tick in (first, *later)])
    if not later or stamps[-1] <= stamps[0]:
        return None
    return np.average([tick.requested for tick in later], axis=0, weights=np.diff(stamps))


class SendBuffer:
    """Keeps the steps of one epoch until the recorder has stored them, and resends lost ones."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._unacknowledged: deque[Step] = deque()
        self._sent = 0  # of them, since the last resend
        self._progress_at = -math.inf  # last resend or acknowledgement [s]
        self._status_at = -math.inf  # last status of the recorder [s]
        self._reason = ''  # why the recorder stores nothing more

    def __len__(self) -> int:
        return len(self._unacknowledged)

    def add(self, step: Step) -> None:
        """Add the next step."""
        self._unacknowledged.append(step)

    def on_status(self, status: RecorderStatus, now: float) -> None:
        """Remove the stored steps; after a silence of the recorder all others are sent again."""
        if now - self._status_at > STATUS_TIMEOUT:
            self._sent = 0
        self._status_at, self._reason = now, status.reason
        steps = self._unacknowledged
        while steps and status.epoch == self._epoch and steps[0].id.sequence <= status.sequence:
            steps.popleft()
            self._sent, self._progress_at = max(0, self._sent - 1), now

    def steps_to_send(self, now: float) -> list[Step]:
        """Steps to send now: each once, and all again if none is acknowledged for a while."""
        if now - self._status_at > STATUS_TIMEOUT:
            return []
        if now - self._progress_at > STATUS_TIMEOUT:
            self._sent = 0
        if self._sent == 0:
            self._progress_at = now
        steps = list(islice(self._unacknowledged, self._sent, MAX_IN_FLIGHT))
        self._sent += len(steps)
        return steps

    def blocking_reason(self, now: float) -> str:
        """Why the policy must not act; empty when it may."""
        if silent := check_timeout('the recorder', now - self._status_at, STATUS_TIMEOUT):
            return silent
        if self._reason:
            return f'the recorder can store nothing: {self._reason}'
        behind = len(self._unacknowledged)
        return f'the recorder is {behind} steps behind' if behind > MAX_UNACKNOWLEDGED else ''
