"""Types that all parts share: frozen dataclasses in SI units, with shapes and frames noted.

Stamps are integer nanoseconds of ROS time, so that they can be compared for equality.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

SECOND = 1_000_000_000  # [ns]
CLOCK_SET_BACK = 1.0  # stamps that go back further mean that the clock was set [s]
VIEWS = ('front', 'left_wrist', 'right_wrist')  # the usual three, in the order models see them


class Phase(IntEnum):
    """Phase of an episode."""

    IDLE = 0
    RESETTING = 1
    RUNNING = 2
    ENDED = 3


class Outcome(IntEnum):
    """How an episode ended; only success and failure are terminal, the others truncate."""

    NONE = 0
    SUCCESS = 1
    FAILURE = 2
    TIME_LIMIT = 3
    ABORTED = 4

    @property
    def terminal(self) -> bool:
        """Whether the task itself ended, so that there is no next state to bootstrap from."""
        return self in (Outcome.SUCCESS, Outcome.FAILURE)


class Mode(IntEnum):
    """Source that is in control of the arm, in rising order of priority."""

    HOLD = 0
    POLICY = 1
    RESET = 2
    HUMAN = 3
    STOPPED = 4


@dataclass(frozen=True)
class Instant:
    """One moment on two clocks. Every limit counts steady time; stamps only date messages.

    ROS time is set by NTP, people and bags: it stands still, goes back, and leaps ahead.
    """

    steady: int  # of `clock.steady_time_ns`, which nothing sets [ns]
    stamp: int  # ROS time [ns]


def require_at_least(low: float, config: object, *names: str, prefix: str = '') -> None:
    """Raise ValueError for a field of a configuration that is below `low` or not finite."""
    for name in names:
        if not low <= (value := getattr(config, name)) < math.inf:
            raise ValueError(f'{prefix}{name} = {value}; it must be {low:g} or more')


def require_positive(config: object, *names: str, prefix: str = '') -> None:
    """Raise ValueError for a field of a configuration that is not positive and finite."""
    for name in names:
        if not 0.0 < (value := getattr(config, name)) < math.inf:
            raise ValueError(f'{prefix}{name} = {value}; it must be above 0')


def check_timeout(name: str, age: float, timeout: float) -> str:
    """Return that nothing came from `name` for longer than `timeout` [s]; empty if it did.

    `age` is the time since its newest message [s], infinite before the first.
    """
    if age <= timeout:
        return ''
    if not math.isfinite(age):
        return f'{name}: nothing heard yet'
    return f'{name} is silent for {age:.2f} s, longer than {timeout:.2f} s'


@dataclass(frozen=True)
class Views:
    """One synchronized set of camera images; a missing view has no entry."""

    images: Mapping[str, np.ndarray]  # view name -> (H, W, 3) uint8 RGB
    stamps: Mapping[str, int]  # view name -> [ns] ROS time

    @property
    def stamp(self) -> int:
        """Stamp of the newest view [ns]."""
        return max(self.stamps.values())

    @property
    def skew(self) -> float:
        """Time between the oldest and the newest view [s]."""
        return (self.stamp - min(self.stamps.values())) / SECOND


@dataclass(frozen=True)
class TaskContext:
    """Task of an episode, which a reward model may encode once."""

    instruction: str
    start: Views
    goal: Views | None = None  # None: not known; there is no backward progress


@dataclass(frozen=True)
class Hops:
    """Output of a reward model for one set of views: relative progress (hops) in [-1, 1]."""

    incremental: float  # from the previous valid views; 0 at the first
    forward: float  # from the start views
    backward: float | None  # from the goal views; None without a goal
    familiarity: float = 1.0  # 1: like the training data, 0: out of distribution
    valid: bool = True  # False: the numbers mean nothing
    reason: str = ''  # why it is not valid


@dataclass(frozen=True)
class Progress:
    """One estimate of task progress."""

    stamp: int  # newest view [ns]
    episode: str = ''
    step: int = 0  # valid readings since the episode began
    task: str = ''
    progress: float = 0.0  # fused, 0..1
    hop: float = 0.0  # -1..1, incremental hop
    incremental: float = 0.0  # 0..1
    forward: float = 0.0  # 0..1
    backward: float = math.nan  # 0..1, NaN without a goal
    confidence: float = 0.0  # 0..1
    valid: bool = False
    reason: str = ''  # why the reading is not valid
    success_candidate: bool = False
    view_skew: float = 0.0  # [s]
    latency: float = 0.0  # newest stamp to publication [s]
    model: str = ''


@dataclass(frozen=True)
class Reward:
    """The reward of the step from `previous_stamp` to `stamp`."""

    stamp: int  # [ns]
    previous_stamp: int  # [ns]
    episode: str = ''
    step: int = 0
    reward: float = 0.0  # success + shaping
    success: float = 0.0  # 1 when the episode manager ended the episode as a success
    shaping: float = 0.0  # discount * potential - previous_potential
    potential: float = 0.0  # 0..1
    previous_potential: float = 0.0  # 0..1
    discount: float = 1.0  # of this step, scaled by its time
    confidence: float = 0.0  # 0..1
    terminated: bool = False
    truncated: bool = False


@dataclass(frozen=True)
class Episode:
    """State of the current episode, as the episode manager publishes it."""

    id: str = ''
    index: int = 0
    task: str = ''
    phase: Phase = Phase.IDLE
    outcome: Outcome = Outcome.NONE
    decided_by: str = ''  # who decided the outcome
    stamp: int = 0  # [ns] of this change

    @property
    def decided(self) -> bool:
        """Whether it has ended and its outcome is final; a person may still correct it before."""
        return self.phase is Phase.ENDED and self.outcome is not Outcome.NONE


@dataclass(frozen=True)
class Pose:
    """A pose; its owner names the frame."""

    position: np.ndarray  # (3,) [m]
    orientation: np.ndarray  # (4,) unit quaternion x, y, z, w


@dataclass(frozen=True)
class ArmCommand:
    """Command for the arm, requested or sent: a twist, or a joint target when resetting."""

    stamp: int  # [ns]
    twist: np.ndarray = field(default_factory=lambda: np.zeros(6))  # (6,) [m/s, rad/s], base frame
    joints: np.ndarray | None = None  # (n,) [rad] target, reset only
    gripper: float = 1.0  # 0 closed .. 1 open
    valid: bool = True  # False: the source is alive and requests no motion
    reason: str = ''  # why it requests none
    policy_version: int = 0  # of the weights; 0 when no policy decided


@dataclass(frozen=True)
class ArmState:
    """Measured state of the arm, as its driver reports it."""

    stamp: int  # [ns]
    pose: Pose  # tool in the base frame
    twist: np.ndarray  # (6,) [m/s, rad/s], base frame
    joints: np.ndarray  # (n,) [rad]
    joint_velocities: np.ndarray  # (n,) [rad/s]
    joint_names: tuple[str, ...]
    gripper: float  # 0 closed .. 1 open
    wrench: np.ndarray  # (6,) [N, N m] on the tool, base frame; NaN where unknown
    fault: str = ''  # empty when the arm may move
    driver: str = ''


@dataclass(frozen=True)
class Control:
    """Decision of the gate in one tick, and its reason."""

    stamp: int  # [ns]
    mode: Mode
    latched: bool
    reason: str
    source: str  # topic the command came from
    sent: ArmCommand  # after every limit
    target: Pose | None  # tool target in the base frame; None when none was sent
    requested: np.ndarray = field(default_factory=lambda: np.zeros(6))  # twist before the limits


@dataclass(frozen=True)
class RecorderStatus:
    """Newest data that the recorder has on disk."""

    stamp: int  # [ns]
    epoch: int = 0  # of the newest stored step; 0 before the first
    sequence: int = 0  # of that step; all earlier steps of its epoch are stored too
    ended_episode: str = ''  # id of the episode whose end was stored last; empty before the first
    reason: str = ''  # why nothing more can be stored; empty in normal operation


@dataclass(frozen=True)
class LearnerStatus:
    """State of the learner."""

    stamp: int  # [ns]
    updates: int = 0  # gradient steps so far
    updates_per_second: float = 0.0  # [1/s]
    losses: Mapping[str, float] = field(default_factory=dict)
    demonstrations: int = 0  # transitions
    replay: int = 0  # transitions
    success_rate: float = math.nan  # over the last 20 episodes, 0..1
    policy_version: int = 0
    paused: bool = False


@dataclass(frozen=True)
class Recording:
    """A recorded episode; its images are decoded only while it is played."""

    name: str
    rate: float  # [Hz]
    length: int  # frames
    views: tuple[str, ...]
    play: Callable[..., Iterator[Views]]  # play(size=(W, H) | None, stride=1, start=0, stop=None)
    span: tuple[int, int]  # first and last annotated frame, both within the episode
    progress: np.ndarray | None = None  # (length,) 0..1; None when not annotated
    instruction: str = ''
    outcome: Outcome = Outcome.NONE
    grade: str = ''  # success, partial or failure; empty: not graded
    keyframes: tuple[int, ...] = ()  # frames between the annotated sub-tasks, both ends included
