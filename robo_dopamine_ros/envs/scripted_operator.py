"""The scripted operator: when the expert takes over from a policy, and how it uses a gamepad.

`ScriptedIntervention` takes over in a Gymnasium environment, step by step. `ScriptedOperator` takes
over through a teleoperation device in steady time: it holds the dead-man, drives, presses buttons
and hands back. Both intervene when the StallDetector says that the task does not progress.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from robo_dopamine_ros.envs.expert import ExpertObservation, ScriptedExpert, observe_world
from robo_dopamine_ros.envs.waypoint_plans import make_plan
from robo_dopamine_ros.sim import ground_truth
from robo_dopamine_ros.sim.world import ACTION_RATE, STEP_ANGLE, STEP_LENGTH, World
from robo_dopamine_ros.teleop.held_press import HELD_EVENTS, PRESS

MIN_PROGRESS = 0.02  # increase of ground-truth progress that counts as progress
DEAD_MAN_HELD = frozenset({'dead_man'})
PRESS_DURATION = 0.2  # of a press, and of the pause before it [s]
HELD_PRESS_DURATION = PRESS + 0.2  # of a press that must be held [s]
TAKEOVER_TIMEOUT = 1.0  # the dead-man is released and pressed again without control [s]


class StallDetector:
    """Detects that an episode made no progress for a while.

    Times are in one unit of the caller's choice: steps, or seconds of steady time.
    """

    def __init__(self, grace: float, stall_time: float, now: float = 0) -> None:
        """An episode stalls after `stall_time` without progress, but not in its first `grace`."""
        self._grace, self._stall_time = grace, stall_time
        self._start = self._last_progress = now
        self._best = -1.0

    def update(self, progress: float, now: float) -> bool:
        """Return whether the episode stalls, given its ground-truth progress."""
        if progress > self._best + MIN_PROGRESS:
            self._best, self._last_progress = progress, now
        return now - self._start > self._grace and now - self._last_progress >= self._stall_time

    def restart(self, now: float) -> None:
        """Count the time without progress from `now` on."""
        self._last_progress = now


class ScriptedIntervention:
    """Interventions of the expert in a simulated world, in steps of 0.1 s.

    It observes the world's ground truth, and never says how an episode ended.
    """

    def __init__(
        self,
        world: World,
        rng: np.random.Generator,
        rollouts: int = 30,
        grace: int = 10,
        stall_steps: int = 8,
        duration: int = 15,
    ) -> None:
        """It intervenes in the first `rollouts`, after `stall_steps`, for `duration` steps."""
        self._world, self._rng, self._rollouts = world, rng, rollouts
        self._grace, self._stall_steps, self._duration = grace, stall_steps, duration
        self.reset(rollouts)

    def reset(self, rollout: int) -> None:
        """Start the rollout with this index, from 0."""
        self._enabled = rollout < self._rollouts
        self._stall = StallDetector(self._grace, self._stall_steps)
        self._step, self._steps_left = 0, 0

    def act(self) -> np.ndarray | None:
        """Return the action (4,) of the next step, or None to leave it to the policy."""
        if not self._enabled:
            return None
        self._step += 1
        stalled = self._stall.update(self._world.progress, self._step)
        if self._steps_left == 0 and stalled:
            self._steps_left = self._duration
            self._expert = ScriptedExpert(make_plan('demonstration', self._rng), self._rng)
        if self._steps_left == 0:
            return None
        self._steps_left -= 1
        self._stall.restart(self._step)
        return self._expert.act(observe_world(self._world)).astype(np.float32)


@dataclass(frozen=True)
class InterventionConfig:
    """When the operator intervenes; the defaults are those of ScriptedIntervention, in seconds."""

    episodes: int = 30  # first episodes in which it intervenes
    grace: float = 1.0  # no intervention at the start of an episode [s]
    stall_time: float = 0.8  # without progress before an intervention [s]
    duration: float = 1.5  # maximum duration of an intervention [s]
    hole_width: float = 0.022  # side of the hole [m]

    def __post_init__(self) -> None:
        if not self.episodes >= 0:
            raise ValueError(f'episodes = {self.episodes}; it must be 0 or more')
        for name in ('grace', 'stall_time', 'duration'):
            if not 0 <= (value := getattr(self, name)) <= 60:
                raise ValueError(f'{name} = {value} s; it must lie in 0..60 s')
        if not 0 < self.hole_width < 0.06:
            text = f'hole_width = {self.hole_width} m'
            raise ValueError(f'{text}; it must be above 0 and below 0.06 m')


class OperatorState(Enum):
    """What the operator does."""

    IDLE = 'idle'
    DRIVING = 'driving'
    PRESSING = 'pressing'


@dataclass(frozen=True)
class OperatorInput:
    """State of the operator's device at one moment."""

    twist: np.ndarray = field(default_factory=lambda: np.zeros(6))  # (6,) [m/s, rad/s]
    buttons: frozenset[str] = frozenset()  # functions of the buttons held


class ScriptedOperator:
    """Drives with an expert through a teleoperation device; `now` is steady time [s].

    It starts on request, or intervenes by itself in the episodes that `on_episode_start` monitors.
    """

    def __init__(
        self,
        make_expert: Callable[[], ScriptedExpert],
        reports_outcome: bool = False,
        intervention: InterventionConfig | None = None,
    ):
        """`make_expert` plans anew at every start; `reports_outcome` presses success or failure."""
        self.state = OperatorState.IDLE
        self.interventions = self.total_interventions = 0  # in this episode, and in all
        self._make_expert, self._reports_outcome = make_expert, reports_outcome
        self._config = intervention or InterventionConfig()
        self._stall: StallDetector | None = None  # while an episode is monitored
        self._control_since: float | None = None  # begin of control in an intervention [s]
        self._twist, self._action_time = np.zeros(6), -np.inf
        self._presses: list[str] = []
        self._press_start = 0.0  # of the pause before the press [s]
        self._wait_start = -np.inf  # of waiting for control [s]
        self._depth = 0.0  # of the tip at the last action [m]

    @property
    def monitoring(self) -> bool:
        """Whether an episode runs in which the operator may intervene."""
        return self._stall is not None

    def on_episode_start(self, index: int, now: float) -> None:
        """Monitor a running episode, unless its index (from 0) is past the configured number."""
        c = self._config
        self._stall = StallDetector(c.grace, c.stall_time, now) if index < c.episodes else None
        self.interventions = 0

    def on_episode_end(self, now: float) -> None:
        """Stop monitoring, and hand back."""
        self._stall = None
        self.release(now)

    def start(self) -> None:
        """Drive with a new plan, from wherever the arm is."""
        self._expert, self.state = self._make_expert(), OperatorState.DRIVING
        self._action_time = self._wait_start = -np.inf

    def release(self, now: float) -> None:
        """Stop driving and hand back."""
        if self.state is OperatorState.DRIVING:
            self._press(['release'], now)

    def update(
        self, now: float, observation: ExpertObservation | None, enabled: bool, in_control: bool
    ) -> OperatorInput:
        """Return the device's state now.

        `enabled`: the gate is not latched. `in_control`: the gate follows the operator. Until then
        the dead-man is held without motion, and pressed again after TAKEOVER_TIMEOUT. Without
        `enabled` or an observation everything is released.
        """
        if self._stall is not None and observation is not None:
            self._intervene(self._stall, observation, in_control, now)
        if self.state is OperatorState.PRESSING:
            return self._pressed_buttons(now)
        if self.state is OperatorState.IDLE or not enabled or observation is None:
            self._wait_start = now
            return OperatorInput()
        if not in_control:
            if now - self._wait_start > TAKEOVER_TIMEOUT:
                self._wait_start = now
            held = now - self._wait_start >= PRESS_DURATION
            return OperatorInput(buttons=DEAD_MAN_HELD) if held else OperatorInput()
        self._wait_start = now - PRESS_DURATION
        return self._drive(now, observation)

    def _intervene(
        self, stall: StallDetector, observation: ExpertObservation, in_control: bool, now: float
    ) -> None:
        """Start when the episode stalls; release after the configured duration of control."""
        progress = ground_truth.progress(observation.offset, self._config.hole_width)
        stalled = stall.update(float(progress), now)
        if self.state is OperatorState.IDLE:
            if stalled:
                self.start()
                self._control_since = None
            return
        stall.restart(now)
        if in_control and self._control_since is None:
            self._control_since = now
            self.interventions += 1
            self.total_interventions += 1
        if self._control_since is not None and now - self._control_since >= self._config.duration:
            self.release(now)

    def _drive(self, now: float, observation: ExpertObservation) -> OperatorInput:
        """Follow the expert at ACTION_RATE, until it is done."""
        if (late := now - self._action_time - 1 / ACTION_RATE) >= 0:
            self._action_time = now - late if late < 1 / ACTION_RATE else now
            self._depth = -float(observation.offset[2])
            x, y, z, yaw = self._expert.act(observation) * ACTION_RATE
            linear = [x * STEP_LENGTH, y * STEP_LENGTH, z * STEP_LENGTH]
            self._twist = np.array([*linear, 0, 0, yaw * STEP_ANGLE])
        if self._expert.done:
            outcome = 'success' if self._depth >= ground_truth.SUCCESS_DEPTH else 'failure'
            self._press([outcome, 'release'] if self._reports_outcome else ['release'], now)
            return OperatorInput()
        return OperatorInput(self._twist, DEAD_MAN_HELD)

    def _press(self, buttons: Sequence[str], now: float) -> None:
        self.state, self._presses, self._press_start = OperatorState.PRESSING, list(buttons), now

    def _pressed_buttons(self, now: float) -> OperatorInput:
        """Press one button after another, each after a pause."""
        held = {event.value for event in HELD_EVENTS}.intersection(self._presses[:1])
        duration = HELD_PRESS_DURATION if held else PRESS_DURATION
        if now - self._press_start >= PRESS_DURATION + duration:
            self._press_start = now
            self._presses.pop(0)
        if not self._presses:
            self.state = OperatorState.IDLE
            return OperatorInput()
        pressed = now - self._press_start >= PRESS_DURATION
        return OperatorInput(buttons=frozenset(self._presses[:1]) if pressed else frozenset())
