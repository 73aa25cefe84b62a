"""The nouns of experience: what was seen, what was sent, and what it was worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from robo_dopamine_ros.types import Mode, Reward

ACTING = (Mode.HUMAN, Mode.POLICY)  # only their steps become transitions
AXES = ('x', 'y', 'z', 'roll', 'pitch', 'yaw')  # components of a twist
PRECISIONS = ('float16', 'float32')


@dataclass(frozen=True, order=True)
class Key:
    """Names a step for good: a restarted actor counts from 0 again, but in a new epoch."""

    run: str
    epoch: int  # starts of the actor in this run, 1 at the first
    sequence: int  # steps of this epoch before this one

    def __post_init__(self) -> None:
        for name in ('epoch', 'sequence'):
            if not (value := getattr(self, name)) >= 0:
                raise ValueError(f'{name} = {value}; it must be 0 or more')

    def __str__(self) -> str:
        return f'{self.run}/{self.epoch}/{self.sequence}'


@dataclass(frozen=True)
class Sizes:
    """What every frame of a store has; a store never mixes two."""

    features: int  # of the views
    state: int  # numbers of proprioception
    precision: str = 'float16'  # of the features

    def __post_init__(self) -> None:
        for name in ('features', 'state'):
            if not (value := getattr(self, name)) >= 0:
                raise ValueError(f'{name} = {value}; it must be 0 or more')
        if self.precision not in PRECISIONS:
            raise ValueError(
                f'precision = {self.precision!r}; it must be one of {", ".join(PRECISIONS)}'
            )

    @property
    def observation(self) -> int:
        """Numbers of an observation."""
        return self.features + self.state

    @property
    def dtype(self) -> np.dtype:
        """One frame as it lies in memory."""
        return np.dtype(
            [('features', self.precision, (self.features,)), ('state', 'f4', (self.state,))],
            align=True,
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """What is observed at one moment; the step that ends here and the next one share it."""

    stamp: int  # [ns]
    features: np.ndarray  # (n,) float16 or float32, of the views
    state: np.ndarray  # (m,) float32, proprioception

    def __post_init__(self) -> None:
        for name in ('features', 'state'):
            if not np.isfinite(value := getattr(self, name)).all():
                raise ValueError(f'{name} of the frame at {self.stamp} ns = {value}; not finite')

    @property
    def observation(self) -> np.ndarray:
        """What agents see of it, (n + m,) float32: features, then state."""
        return np.concatenate((self.features, self.state), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Step:
    """What was sent between two frames, by whose will."""

    key: Key
    episode: str  # id, unique in a store; empty outside episodes
    begin: Frame
    end: Frame
    mode: Mode  # who was in charge
    twist: np.ndarray  # (6,) [m/s, rad/s] wished, mean over the step
    gripper: float  # sent opening, 0 closed .. 1 open
    gripper_before: float  # opening that was sent before this step
    policy_version: int = 0  # of the weights that decided; 0 when no policy did
    demonstration: bool = False  # recorded to be learned from before practice, not a replay of it

    def __post_init__(self) -> None:
        if not self.end.stamp > self.begin.stamp:
            raise ValueError(
                f'step {self.key} ends at {self.end.stamp} ns; '
                f'that must be after its begin at {self.begin.stamp} ns'
            )
        if np.shape(self.twist) != (6,) or not np.isfinite(self.sent).all():
            raise ValueError(
                f'step {self.key} sent twist {self.twist}, gripper {self.gripper} after '
                f'{self.gripper_before}; it takes six finite numbers, one and one'
            )

    @property
    def sent(self) -> np.ndarray:
        """Twist, opening, opening before (8,) float32, as they are kept."""
        return np.array([*self.twist, self.gripper, self.gripper_before], np.float32)

    @property
    def acting(self) -> bool:
        """Whether the policy or a person acted, so that there is something to learn."""
        return self.mode in ACTING and self.episode != ''


@dataclass(frozen=True)
class Sealed:
    """A step whose worth is known; from now on it never changes."""

    key: Key
    reward: Reward  # its potentials are those of the two frames; 0 where the task ended


@dataclass(frozen=True)
class Scale:
    """Turns what was sent into an action within -1..1, and back."""

    linear: float = 0.1  # speed of a full action [m/s], above 0
    angular: float = 1.0  # turning speed of a full action [rad/s], above 0
    axes: tuple[str, ...] = ('x', 'y', 'z', 'yaw')  # of the twist that actions have
    gripper: bool = False  # whether the last component is the gripper, -1 closed .. 1 open

    def __post_init__(self) -> None:
        for name in ('linear', 'angular'):
            if not (value := getattr(self, name)) > 0.0:
                raise ValueError(f'{name} = {value}; it must be above 0')
        if not self.axes or len(set(self.axes)) < len(self.axes) or set(self.axes) - set(AXES):
            raise ValueError(f'axes = {self.axes}; they must be some of {", ".join(AXES)}, once')

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> 'Scale':
        """From what `asdict` gave, for files."""
        return cls(**{**kept, 'axes': tuple(kept['axes'])})

    @property
    def size(self) -> int:
        """Components of an action."""
        return len(self.axes) + self.gripper

    def action(self, twist: np.ndarray, gripper: np.ndarray | float) -> np.ndarray:
        """Action (..., k) float32 of twists (..., 6) and openings (...); a faster one is full."""
        action = np.empty((*np.shape(twist)[:-1], self.size), np.float32)
        action[..., : len(self.axes)] = np.asarray(twist)[..., self._axes] / self._full
        if self.gripper:
            action[..., -1] = 2.0 * np.asarray(gripper) - 1.0
        return action.clip(-1.0, 1.0)

    def wish(self, action: np.ndarray, gripper: float) -> tuple[np.ndarray, float]:
        """Twist (6,) and opening that an action (k,) asks for; other axes rest, `gripper` stays."""
        twist = np.zeros(len(AXES))
        twist[self._axes] = np.clip(action[: len(self.axes)], -1.0, 1.0) * self._full
        if self.gripper:
            gripper = (float(np.clip(action[-1], -1.0, 1.0)) + 1.0) / 2.0
        return twist, gripper

    @property
    def _axes(self) -> list[int]:
        return [AXES.index(axis) for axis in self.axes]

    @property
    def _full(self) -> np.ndarray:
        return np.array([self.linear if i < 3 else self.angular for i in self._axes])
