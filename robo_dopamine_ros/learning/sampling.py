"""Experience in memory, and batches drawn from it at a cost that does not grow with it.

A frame lies in memory once, in one row with its state; a transition is one row of numbers and the
places of its two frames. So a batch touches three rows for each of its transitions, however many
there are.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.learning import gripper
from robo_dopamine_ros.learning.batch import Batch
from robo_dopamine_ros.learning.returns import ENDED, returns, worst
from robo_dopamine_ros.learning.steps import Scale, Sizes
from robo_dopamine_ros.learning.tail import News


class Growing:
    """Rows of one kind, contiguous; adding is cheap on average because room is doubled."""

    def __init__(self, dtype: np.dtype) -> None:
        self._room = np.empty(256, dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> np.ndarray:
        """All rows, not copied; valid until the next are added."""
        return self._room[: self._count]

    def add(self, rows: np.ndarray) -> None:
        """Append rows."""
        count = self._count + len(rows)
        if count > len(self._room):
            room = np.empty(max(count, 2 * len(self._room)), self._room.dtype)
            room[: self._count] = self.rows
            self._room = room
        self._room[self._count : count] = rows
        self._count = count


@dataclass(frozen=True)
class SamplingParameters:
    """What batches are made of."""

    demonstrations: float = 0.5  # share of a batch that a person drove, 0..1; the rest is replay
    commands: bool = False  # whether the gripper is told by commands, with a critic of its own
    cost: float = 0.0  # smallest reward of a step before shaping; 0 where only success pays
    blur: float = 0.0  # noise on features when they are learned from, standard deviation

    def __post_init__(self) -> None:
        if not 0.0 <= self.demonstrations <= 1.0:
            raise ValueError(f'demonstrations = {self.demonstrations}; it must be within 0..1')
        if not 0.0 <= self.blur <= 1.0:
            raise ValueError(f'blur = {self.blur}; it must be within 0..1')


class Memory:
    """Takes news of a store in and gives batches.

    Steps that a person drove are demonstrations. Replay is every step, theirs too, but for those
    recorded as demonstrations before practice. While one kind is empty the other fills the batch.
    """

    def __init__(
        self, sizes: Sizes, scale: Scale, parameters: SamplingParameters | None = None
    ) -> None:
        self.parameters = parameters or SamplingParameters()
        self._sizes, self._scale = sizes, scale
        self._frames = Growing(sizes.dtype)
        self._rows = Growing(_row(scale.size))
        self._demonstrations = Growing(np.dtype(np.int64))  # places in rows
        self._replay = Growing(np.dtype(np.int64))
        self._open: list[np.ndarray] = []  # transitions of the segment that goes on

    def __len__(self) -> int:
        """Transitions."""
        return len(self._rows)

    @property
    def demonstrations(self) -> int:
        """Transitions that a person drove."""
        return len(self._demonstrations)

    @property
    def replay(self) -> int:
        """Transitions that replay draws from."""
        return len(self._replay)

    @property
    def size(self) -> int:
        """Bytes in use."""
        parts = (self._frames, self._rows, self._demonstrations, self._replay)
        return sum(part.rows.nbytes for part in parts)

    def add(self, news: News) -> int:
        """Take in what a Tail read; gives how many transitions."""
        new = news.transitions
        first = len(self._rows)
        rows = np.empty(len(new), self._rows.rows.dtype)
        for name in ('begin', 'end', 'reward', 'discount'):
            rows[name] = new[name]
        rows['mask'] = ~new['terminated']
        rows['demonstrated'] = new['human'] | new['demonstration']
        rows['action'] = self._scale.action(new['sent'][:, :6], new['sent'][:, 6])
        rows['command'] = gripper.commands(new['sent'][:, 7], new['sent'][:, 6])
        rows['flip'] = gripper.flips(new['sent'][:, 7], rows['command'])
        rows['bound'] = -new['potential']  # until the segment ends: nothing more is gained
        self._frames.add(news.frames)
        self._rows.add(rows)
        self._bound(new, first)
        places = np.arange(first, len(self._rows))
        self._demonstrations.add(places[rows['demonstrated'] > 0])
        self._replay.add(places[~new['demonstration']])
        return len(new)

    def sample(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw `size` transitions uniformly, with replacement, of both kinds in their shares."""
        if not len(self):
            raise ValueError('there are no transitions to draw from')
        rows = self._rows.rows.take(self._draw(size, rng))
        places = np.stack((rows['begin'], rows['end']))
        frames = self._frames.rows.take(places)
        observations = torch.empty((*frames.shape, self._sizes.observation))  # as Frame makes one
        features = self._sizes.features
        observations[..., :features] = torch.from_numpy(frames['features'])
        if self.parameters.blur:
            noise = rng.standard_normal(observations[..., :features].shape, np.float32)
            observations[..., :features] += self.parameters.blur * torch.from_numpy(noise)
        observations[..., features:] = torch.from_numpy(frames['state'])
        column = {name: _tensor(rows[name]) for name in NUMBERS}
        return Batch(
            observations=observations[0],
            actions=_tensor(rows['action']),
            rewards=column['reward'],
            discounts=column['discount'],
            masks=column['mask'],
            next_observations=observations[1],
            returns=column['bound'],
            demonstrated=column['demonstrated'],
            gripper=_tensor(rows['command']) if self.parameters.commands else None,
            flips=column['flip'] if self.parameters.commands else None,
        )

    def _draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Places of `size` transitions, demonstrations first."""
        share = round(size * self.parameters.demonstrations)
        if not self.replay:
            share = size
        elif not self.demonstrations:
            share = 0
        shown = self._demonstrations.rows[rng.integers(0, max(1, self.demonstrations), share)]
        replayed = self._replay.rows[rng.integers(0, max(1, self.replay), size - share)]
        return np.concatenate((shown, replayed))

    def _bound(self, new: np.ndarray, first: int) -> None:
        """Set the return bounds of the segments that end in `new`, whose first row is `first`."""
        done = 0
        for last in np.flatnonzero(new['terminated'] | new['truncated']).tolist():
            segment = np.concatenate([*self._open, new[done : last + 1]])
            self._open = []
            end = segment[-1]
            after = ENDED if end['terminated'] else self._worst(end)
            stop = first + last + 1
            bounds = returns(segment['reward'], segment['discount'], after)
            self._rows.rows['bound'][stop - len(segment) : stop] = bounds
            done = last + 1
        if done < len(new):
            self._open.append(new[done:].copy())

    def _worst(self, end: np.void) -> float:
        cost = self.parameters.cost
        return worst(float(end['next_potential']), cost, float(end['discount']) if cost else 0.0)


NUMBERS = ('reward', 'discount', 'mask', 'bound', 'demonstrated', 'flip')


def _row(action: int) -> np.dtype:
    """One transition as it lies in memory."""
    return np.dtype(
        [
            ('begin', 'i8'),
            ('end', 'i8'),
            ('command', 'i8'),
            ('action', 'f4', (action,)),
            *((name, 'f4') for name in NUMBERS),
        ],
        align=True,
    )


def _tensor(column: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(column))
