"""What one gradient step learns from."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B transitions; the same stored discounts serve targets and return bounds."""

    observations: Tensor  # (B, n) float32
    actions: Tensor  # (B, a) float32, -1..1
    rewards: Tensor  # (B,) float32, shaped
    discounts: Tensor  # (B,) float32, of each step by its own time; never 0 for an end
    masks: Tensor  # (B,) float32, 0 only where the task itself ended, so nothing bootstraps
    next_observations: Tensor  # (B, n) float32, the true last one where an episode was cut
    returns: Tensor  # (B,) float32, lower bounds by returns.py, of the same shaped reward
    demonstrated: Tensor  # (B,) float32, 1 where a person was in charge
    gripper: Tensor | None = None  # (B,) int64, the gripper's command as gripper.py counts them
    flips: Tensor | None = None  # (B,) float32, 1 where that command turned the gripper over

    def __post_init__(self) -> None:
        count = len(self.rewards)
        wide = ('observations', 'actions', 'next_observations')
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if value is None:
                continue
            if value.dim() != (2 if name in wide else 1) or len(value) != count:
                shape = f'({count}, n)' if name in wide else f'({count},)'
                raise ValueError(f'{name} has the shape {tuple(value.shape)}; it must be {shape}')
            kind = torch.int64 if name == 'gripper' else self.rewards.dtype
            if value.dtype != kind:
                raise ValueError(f'{name} is of {value.dtype}; it must be of {kind}')
        if self.observations.shape != self.next_observations.shape:
            raise ValueError(
                f'next_observations has the shape {tuple(self.next_observations.shape)}; '
                f'it must be that of observations, {tuple(self.observations.shape)}'
            )
        if (self.gripper is None) != (self.flips is None):
            raise ValueError('gripper and flips must be given together')

    def __len__(self) -> int:
        return len(self.rewards)

    def scaled(self, factor: float) -> 'Batch':
        """The same with rewards, and so their returns, times a factor."""
        return replace(self, rewards=self.rewards * factor, returns=self.returns * factor)
