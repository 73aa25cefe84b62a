"""Data types of experience: observation, step, transition, action."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from robo_dopamine_ros.types import Mode, Reward, require_at_least

ACTING_MODES = (Mode.HUMAN, Mode.POLICY)  # only steps in these modes become transitions
TWIST_AXES = ('x', 'y', 'z', 'roll', 'pitch', 'yaw')  # components of a twist
FEATURE_DTYPES = ('float16', 'float32')


@dataclass(frozen=True, order=True)
class StepId:
    """Unique id of a step; every start of the policy counts from 0 in an epoch of its own."""

    run: str
    epoch: int  # start of the policy in this run, rising
    sequence: int  # number of the step in its epoch, from 0, without gaps

    def __post_init__(self) -> None:
        require_at_least(0, self, 'epoch', 'sequence')

    def __str__(self) -> str:
        return f'{self.run}/{self.epoch}/{self.sequence}'


@dataclass(frozen=True)
class ObservationSpec:
    """Sizes and precision of the observations of one database; all of them are equal in these."""

    features: int  # length of the feature vector of the views
    state: int  # length of the proprioception
    precision: str = 'float16'  # of the features

    def __post_init__(self) -> None:
        require_at_least(0, self, 'features', 'state')
        if self.precision not in FEATURE_DTYPES:
            raise ValueError(
                f'precision = {self.precision!r}; it must be one of {", ".join(FEATURE_DTYPES)}'
            )

    @property
    def size(self) -> int:
        """Length of the observation vector."""
        return self.features + self.state

    @property
    def dtype(self) -> np.dtype:
        """Structured dtype of one observation in memory."""
        return np.dtype(
            [('features', self.precision, (self.features,)), ('state', 'f4', (self.state,))],
            align=True,
        )


@dataclass(frozen=True, eq=False)
class Observation:
    """One observation; consecutive steps share it as end and begin."""

    stamp: int  # [ns]
    features: np.ndarray  # (n,) float16 or float32, of the views
    state: np.ndarray  # (m,) float32, proprioception

    def __post_init__(self) -> None:
        for name in ('features', 'state'):
            if not np.isfinite(value := getattr(self, name)).all():
                text = f'{name} of the observation at {self.stamp} ns = {value}; not finite'
                raise ValueError(text)

    @property
    def vector(self) -> np.ndarray:
        """Input of the agent (n + m,) float32: features, then state."""
        return np.concatenate((self.features, self.state), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Step:
    """Two observations, 0.1 s apart, and the command between them."""

    id: StepId
    episode: str  # id, unique in a database; empty outside episodes
    begin: Observation
    end: Observation
    mode: Mode  # active source
    twist: np.ndarray  # (6,) [m/s, rad/s] requested by the source, mean over the step
    gripper: float  # sent opening, 0 closed .. 1 open
    gripper_before: float  # opening that was sent before this step
    policy_version: int = 0  # of the weights that decided; 0 when no policy did
    demonstration: bool = False  # recorded before online training; replay does not sample it

    def __post_init__(self) -> None:
        if not self.end.stamp > self.begin.stamp:
            raise ValueError(
                f'step {self.id} ends at {self.end.stamp} ns; '
                f'that must be after its begin at {self.begin.stamp} ns'
            )
        if np.shape(self.twist) != (6,) or not np.isfinite(self.command_vector).all():
            raise ValueError(
                f'step {self.id} sent twist {self.twist}, gripper {self.gripper} after '
                f'{self.gripper_before}; it takes six finite numbers, one and one'
            )

    @property
    def command_vector(self) -> np.ndarray:
        """Twist, opening, opening before (8,) float32, as stored in the database."""
        return np.array([*self.twist, self.gripper, self.gripper_before], np.float32)

    @property
    def acting(self) -> bool:
        """Whether the policy or a person acted in an episode, so that the step can be learned."""
        return self.mode in ACTING_MODES and self.episode != ''


@dataclass(frozen=True)
class Transition:
    """Reward and termination of a step; immutable once stored."""

    step_id: StepId
    reward: Reward  # with the potentials of both observations; 0 at a terminal one


@dataclass(frozen=True)
class ActionScale:
    """Conversion between commands (twist, opening) and actions within -1..1."""

    linear: float = 0.1  # speed of a full action [m/s], above 0
    angular: float = 1.0  # angular speed of a full action [rad/s], above 0
    axes: tuple[str, ...] = ('x', 'y', 'z', 'yaw')  # twist components that an action has
    gripper: bool = False  # whether the last component is the gripper, -1 closed .. 1 open

    def __post_init__(self) -> None:
        for name in ('linear', 'angular'):
            if not (value := getattr(self, name)) > 0.0:
                raise ValueError(f'{name} = {value}; it must be above 0')
        axes, known = set(self.axes), ', '.join(TWIST_AXES)
        if not axes or len(axes) < len(self.axes) or axes - set(TWIST_AXES):
            raise ValueError(f'axes = {self.axes}; they must be some of {known}, once')

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> 'ActionScale':
        """Inverse of `dataclasses.asdict`, for files."""
        return cls(**{**fields, 'axes': tuple(fields['axes'])})

    @property
    def size(self) -> int:
        """Number of action components."""
        return len(self.axes) + self.gripper

    def encode(self, twist: np.ndarray, gripper: np.ndarray | float) -> np.ndarray:
        """Action (..., k) float32 of twists (..., 6) and openings (...), clipped to -1..1."""
        action = np.empty((*np.shape(twist)[:-1], self.size), np.float32)
        action[..., : len(self.axes)] = np.asarray(twist)[..., self._indices] / self._speeds
        if self.gripper:
            action[..., -1] = 2.0 * np.asarray(gripper) - 1.0
        return action.clip(-1.0, 1.0)

    def decode(self, action: np.ndarray, gripper: float) -> tuple[np.ndarray, float]:
        """Twist (6,) and opening of an action (k,); unused axes are 0, an unused gripper stays."""
        twist = np.zeros(len(TWIST_AXES))
        twist[self._indices] = np.clip(action[: len(self.axes)], -1.0, 1.0) * self._speeds
        if self.gripper:
            gripper = (float(np.clip(action[-1], -1.0, 1.0)) + 1.0) / 2.0
        return twist, gripper

    @property
    def _indices(self) -> list[int]:
        return [TWIST_AXES.index(axis) for axis in self.axes]

    @property
    def _speeds(self) -> np.ndarray:
        return np.array([self.linear if i < 3 else self.angular for i in self._indices])


class GripperCommand(IntEnum):
    """Discrete action of the gripper."""

    CLOSE = 0
    KEEP = 1
    OPEN = 2


def encode_gripper(before: np.ndarray, sent: np.ndarray) -> np.ndarray:
    """Commands (n,) int64 of the openings 0..1 sent before a step and in it.

    Openings below 0.5 count as closed; where both are on one side, the command is KEEP.
    """
    was_open, is_open = np.asarray(before) >= 0.5, np.asarray(sent) >= 0.5
    changed = np.where(is_open, GripperCommand.OPEN, GripperCommand.CLOSE)
    return np.where(was_open == is_open, GripperCommand.KEEP, changed).astype(np.int64)


def gripper_toggles(before: np.ndarray, command: np.ndarray) -> np.ndarray:
    """1 where a command closes an open gripper or opens a closed one, else 0, (n,) float32."""
    was_open = np.asarray(before) >= 0.5
    closes, opens = command == GripperCommand.CLOSE, command == GripperCommand.OPEN
    return ((was_open & closes) | (~was_open & opens)).astype(np.float32)


def decode_gripper(command: int, before: float) -> float:
    """Opening 0..1 to send for a command; KEEP repeats `before`."""
    openings = {GripperCommand.CLOSE: 0.0, GripperCommand.KEEP: before, GripperCommand.OPEN: 1.0}
    return openings[GripperCommand(command)]
