"""The nouns every part shares: frozen, in SI units, shapes noted.

Stamps are integer nanoseconds of ROS time, so that two parts can compare them for equality.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

SECOND = 1_000_000_000  # [ns]
VIEWS = ('front', 'left_wrist', 'right_wrist')  # the usual three, in the order models see them


class Phase(IntEnum):
    """Where an episode stands."""

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
        """Whether the task itself ended, so that nothing follows to bootstrap from."""
        return self in (Outcome.SUCCESS, Outcome.FAILURE)


class Mode(IntEnum):
    """Who is in charge of the arm; higher numbers win."""

    HOLD = 0
    POLICY = 1
    RESET = 2
    HUMAN = 3
    STOPPED = 4


@dataclass(frozen=True)
class Views:
    """One synchronized set of camera pictures; a view that is missing is simply absent."""

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
    """What a reward model may keep for a whole episode."""

    instruction: str
    start: Views
    goal: Views | None = None  # None: no goal known; backward progress is left out


@dataclass(frozen=True)
class Hops:
    """What a reward model says of one set of views; every hop is in [-1, 1]."""

    incremental: float  # from the previous valid views; 0 at the first
    forward: float  # from the start views
    backward: float | None  # from the goal views; None without a goal
    familiarity: float = 1.0  # 1: input as the model knows it, 0: nothing like it
    valid: bool = True  # False: no reading, whatever the numbers say
    reason: str = ''  # why there is no reading


@dataclass(frozen=True)
class Progress:
    """One reading of task progress."""

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
    success: float = 0.0  # 1 when the conductor ended the episode as a success
    shaping: float = 0.0  # discount * potential - previous_potential
    potential: float = 0.0  # 0..1
    previous_potential: float = 0.0  # 0..1
    discount: float = 1.0  # of this step, scaled by its time
    confidence: float = 0.0  # 0..1
    terminated: bool = False
    truncated: bool = False


@dataclass(frozen=True)
class Episode:
    """The conductor's word on the episode under way."""

    id: str = ''
    index: int = 0
    task: str = ''
    phase: Phase = Phase.IDLE
    outcome: Outcome = Outcome.NONE
    decided_by: str = ''  # who said so
    stamp: int = 0  # [ns] of this change


@dataclass(frozen=True)
class Pose:
    """A pose in the frame its owner names."""

    position: np.ndarray  # (3,) [m]
    orientation: np.ndarray  # (4,) unit quaternion x, y, z, w


@dataclass(frozen=True)
class Action:
    """A wish for the arm: a twist, or a joint target when resetting."""

    stamp: int  # [ns]
    twist: np.ndarray = field(default_factory=lambda: np.zeros(6))  # (6,) [m/s, rad/s], base frame
    joints: np.ndarray | None = None  # (n,) [rad] target, reset only
    gripper: float = 1.0  # 0 closed .. 1 open
    valid: bool = True
    reason: str = ''
    policy_version: int = 0


@dataclass(frozen=True)
class ArmState:
    """What the arm reports."""

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
    """What the gate did in one tick, and why."""

    stamp: int  # [ns]
    mode: Mode
    latched: bool
    reason: str
    source: str  # topic the command came from
    sent: Action
    target: Pose | None  # tool target in the base frame; None when none was sent
    wished: np.ndarray = field(default_factory=lambda: np.zeros(6))  # by the source, before limits


@dataclass(frozen=True)
class Kept:
    """How far the recorder has come: all of it is on disk, whatever happens next."""

    stamp: int  # [ns]
    epoch: int = 0  # of the newest step that is kept; 0 before the first
    sequence: int = 0  # of that step; those before it in its epoch are kept too
    ended: str = ''  # id of the episode whose end was kept last
    reason: str = ''  # why nothing more can be kept; empty while all is well


@dataclass(frozen=True)
class LearnerStatus:
    """How learning goes."""

    stamp: int  # [ns]
    steps: int = 0  # gradient steps so far
    updates_per_second: float = 0.0  # [1/s]
    losses: Mapping[str, float] = field(default_factory=dict)
    demonstrations: int = 0  # transitions
    replay: int = 0  # transitions
    success_rate: float = math.nan  # over the last 20 episodes, 0..1
    policy_version: int = 0
    paused: bool = False


@dataclass(frozen=True)
class Recording:
    """A recorded episode that can be played; pictures are read only while it plays."""

    name: str
    rate: float  # [Hz]
    length: int  # frames
    views: tuple[str, ...]
    play: Callable[..., Iterator[Views]]  # play(size=(W, H) | None, stride=1, start=0, stop=None)
    span: tuple[int, int]  # first and last annotated frame, both within the episode
    progress: np.ndarray | None = None  # (length,) 0..1; None when not annotated
    instruction: str = ''
    outcome: Outcome = Outcome.NONE
    grade: str = ''  # success, partial or failure; empty when nobody graded it
    keyframes: tuple[int, ...] = ()  # frames between the annotated sub-tasks, both ends included
