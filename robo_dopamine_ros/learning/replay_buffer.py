"""Replay buffer: transitions in memory, with return bounds, and batches sampled from them.

An observation is stored once, in one row; a transition is one row of numbers with the indices of
its two observations. A batch therefore reads three rows per transition, whatever the buffer's size.

Monte-Carlo returns are lower bounds of the value and calibrate Cal-QL and ConRFT:
R_t = r_t + d_t R_(t+1) over the steps of one uninterrupted segment, with the rewards and discounts
of the critics. R_T is 0 after a terminal step and `worst_case_value` after a truncated one. Shaping
by a potential therefore shifts every bound by -Phi(s_t), in truncated segments too.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.experience.reader import TransitionChunk
from robo_dopamine_ros.experience.types import (
    ActionScale,
    ObservationSpec,
    encode_gripper,
    gripper_toggles,
)
from robo_dopamine_ros.learning.config import ReplayConfig
from robo_dopamine_ros.learning.returns import TERMINAL_VALUE, monte_carlo_returns, worst_case_value

FLOAT_COLUMNS = ('reward', 'discount', 'mask', 'bound', 'demonstrated', 'toggle')


@dataclass(frozen=True)
class TransitionBatch:
    """B transitions; targets and return bounds use the same stored discounts."""

    observations: Tensor  # (B, n) float32
    actions: Tensor  # (B, a) float32, -1..1
    rewards: Tensor  # (B,) float32, shaped
    discounts: Tensor  # (B,) float32, by the duration of each step; not 0 at an end
    masks: Tensor  # (B,) float32, 0 at terminal steps, where nothing is bootstrapped
    next_observations: Tensor  # (B, n) float32, the true last one of a truncated episode
    returns: Tensor  # (B,) float32, lower bounds of the shaped return
    demonstrated: Tensor  # (B,) float32, 1 where a person was in charge
    gripper: Tensor | None = None  # (B,) int64, GripperCommand
    gripper_toggles: Tensor | None = None  # (B,) float32, 1 where the command toggles the gripper

    def __post_init__(self) -> None:
        count = len(self.rewards)
        for name, value in vars(self).items():
            if value is None:
                continue
            matrix = name in ('observations', 'actions', 'next_observations')
            if value.dim() != 1 + matrix or len(value) != count:
                shape = f'({count}, n)' if matrix else f'({count},)'
                raise ValueError(f'{name} has the shape {tuple(value.shape)}; it must be {shape}')
            dtype = torch.int64 if name == 'gripper' else self.rewards.dtype
            if value.dtype != dtype:
                raise ValueError(f'{name} is of {value.dtype}; it must be of {dtype}')
        if self.observations.shape != self.next_observations.shape:
            raise ValueError(
                f'next_observations has the shape {tuple(self.next_observations.shape)}; '
                f'it must be that of observations, {tuple(self.observations.shape)}'
            )
        if (self.gripper is None) != (self.gripper_toggles is None):
            raise ValueError('gripper and gripper_toggles must be given together')

    def __len__(self) -> int:
        return len(self.rewards)

    def scale_rewards(self, factor: float) -> 'TransitionBatch':
        """The batch with rewards and returns multiplied by a factor."""
        return replace(self, rewards=self.rewards * factor, returns=self.returns * factor)


class ReplayBuffer:
    """Stores transitions and samples batches of demonstrations and replay.

    Demonstrations are the steps in mode HUMAN. Replay is every step, those included, except steps
    recorded before online training. While one of the two is empty, the other fills the batch.
    """

    def __init__(
        self, spec: ObservationSpec, action_scale: ActionScale, config: ReplayConfig | None = None
    ) -> None:
        self.config = config or ReplayConfig()
        self._spec, self._action_scale = spec, action_scale
        self._observations = GrowableArray(spec.dtype)
        self._rows = GrowableArray(_row_dtype(action_scale.size))
        self._demonstrations = GrowableArray(np.dtype(np.int64))  # indices of rows
        self._replay = GrowableArray(np.dtype(np.int64))  # indices of rows
        self._segment: list[np.ndarray] = []  # transitions of the segment that has not ended

    def __len__(self) -> int:
        """Number of transitions."""
        return len(self._rows)

    @property
    def demonstrations(self) -> int:
        """Number of demonstrated transitions."""
        return len(self._demonstrations)

    @property
    def replay(self) -> int:
        """Number of transitions in replay."""
        return len(self._replay)

    @property
    def nbytes(self) -> int:
        """Memory of the stored rows [bytes]."""
        parts = (self._observations, self._rows, self._demonstrations, self._replay)
        return sum(part.rows.nbytes for part in parts)

    def add(self, chunk: TransitionChunk) -> int:
        """Add the transitions of a chunk and return their number."""
        new = chunk.transitions
        first = len(self._rows)
        opening, opening_before = new['command'][:, 6], new['command'][:, 7]
        rows = np.empty(len(new), self._rows.rows.dtype)
        for name in ('begin', 'end', 'reward', 'discount'):
            rows[name] = new[name]
        rows['mask'] = ~new['terminated']
        rows['demonstrated'] = new['human'] | new['demonstration']
        rows['action'] = self._action_scale.encode(new['command'][:, :6], opening)
        rows['gripper'] = encode_gripper(opening_before, opening)
        rows['toggle'] = gripper_toggles(opening_before, rows['gripper'])
        rows['bound'] = -new['potential']  # until the segment ends: no further reward
        self._observations.append(chunk.observations)
        self._rows.append(rows)
        self._set_bounds(new, first)
        indices = np.arange(first, len(self._rows))
        self._demonstrations.append(indices[rows['demonstrated'] > 0])
        self._replay.append(indices[~new['demonstration']])
        return len(new)

    def sample(self, size: int, rng: np.random.Generator) -> TransitionBatch:
        """Sample `size` transitions uniformly with replacement, by `demonstration_ratio`."""
        if not len(self):
            raise ValueError('there are no transitions to draw from')
        rows = self._rows.rows.take(self._sample_indices(size, rng))
        pairs = self._observations.rows.take(np.stack((rows['begin'], rows['end'])))
        observations = torch.empty((*pairs.shape, self._spec.size))  # as Observation.vector
        features = self._spec.features
        observations[..., :features] = torch.from_numpy(pairs['features'])
        if self.config.feature_noise:
            noise = rng.standard_normal(observations[..., :features].shape, np.float32)
            observations[..., :features] += self.config.feature_noise * torch.from_numpy(noise)
        observations[..., features:] = torch.from_numpy(pairs['state'])
        column = {name: _tensor(rows[name]) for name in FLOAT_COLUMNS}
        return TransitionBatch(
            observations=observations[0],
            actions=_tensor(rows['action']),
            rewards=column['reward'],
            discounts=column['discount'],
            masks=column['mask'],
            next_observations=observations[1],
            returns=column['bound'],
            demonstrated=column['demonstrated'],
            gripper=_tensor(rows['gripper']) if self.config.gripper_commands else None,
            gripper_toggles=column['toggle'] if self.config.gripper_commands else None,
        )

    def _sample_indices(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Indices of `size` rows, demonstrations first."""
        count = round(size * self.config.demonstration_ratio)
        if not self.replay:
            count = size
        elif not self.demonstrations:
            count = 0
        shown = self._demonstrations.rows[rng.integers(0, max(1, self.demonstrations), count)]
        replayed = self._replay.rows[rng.integers(0, max(1, self.replay), size - count)]
        return np.concatenate((shown, replayed))

    def _set_bounds(self, new: np.ndarray, first: int) -> None:
        """Set the return bounds of the segments that end in `new`, whose first row is `first`."""
        done = 0
        for last in np.flatnonzero(new['terminated'] | new['truncated']).tolist():
            segment = np.concatenate([*self._segment, new[done : last + 1]])
            self._segment = []
            after = self._value_after(segment[-1])
            stop = first + last + 1
            bounds = monte_carlo_returns(segment['reward'], segment['discount'], after)
            self._rows.rows['bound'][stop - len(segment) : stop] = bounds
            done = last + 1
        if done < len(new):
            self._segment.append(new[done:].copy())

    def _value_after(self, last: np.void) -> float:
        if last['terminated']:
            return TERMINAL_VALUE
        cost = self.config.step_cost
        discount = float(last['discount']) if cost else 0.0
        return worst_case_value(float(last['next_potential']), cost, discount)


class GrowableArray:
    """Contiguous array of rows whose capacity doubles when it is full."""

    def __init__(self, dtype: np.dtype) -> None:
        self._buffer = np.empty(256, dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> np.ndarray:
        """View of all rows, valid until the next `append`."""
        return self._buffer[: self._count]

    def append(self, rows: np.ndarray) -> None:
        """Append rows."""
        count = self._count + len(rows)
        if count > len(self._buffer):
            buffer = np.empty(max(count, 2 * len(self._buffer)), self._buffer.dtype)
            buffer[: self._count] = self.rows
            self._buffer = buffer
        self._buffer[self._count : count] = rows
        self._count = count


def _row_dtype(action: int) -> np.dtype:
    """Structured dtype of one transition in memory."""
    return np.dtype(
        [
            ('begin', 'i8'),
            ('end', 'i8'),
            ('gripper', 'i8'),
            ('action', 'f4', (action,)),
            *((name, 'f4') for name in FLOAT_COLUMNS),
        ],
        align=True,
    )


def _tensor(column: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(column))
