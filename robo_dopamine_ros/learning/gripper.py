"""The gripper as three commands with a critic of their own (double DQN)."""

from enum import IntEnum

import numpy as np
from torch import Tensor


class Command(IntEnum):
    """What the gripper is told."""

    CLOSE = 0
    KEEP = 1
    OPEN = 2


def commands(before: np.ndarray, sent: np.ndarray) -> np.ndarray:
    """Tell the command from what was sent before a step and in it, openings 0..1; int64.

    Half open divides closed from open: on one side of it the gripper was told to stay.
    """
    was, now = np.asarray(before) >= 0.5, np.asarray(sent) >= 0.5
    turned = np.where(now, Command.OPEN, Command.CLOSE)
    return np.where(was == now, Command.KEEP, turned).astype(np.int64)


def flips(before: np.ndarray, command: np.ndarray) -> np.ndarray:
    """1 where a command turns the gripper over: closes an open one or opens a closed one."""
    was = np.asarray(before) >= 0.5
    closes, opens = command == Command.CLOSE, command == Command.OPEN
    return ((was & closes) | (~was & opens)).astype(np.float32)


def opening(command: int, before: float) -> float:
    """Opening 0..1 to send for a command."""
    return {Command.CLOSE: 0.0, Command.KEEP: before, Command.OPEN: 1.0}[Command(command)]


def gripper_target(
    rewards: Tensor,
    flips: Tensor,
    penalty: float,
    discounts: Tensor,
    masks: Tensor,
    following: Tensor,
    target_following: Tensor,
) -> Tensor:
    """Double DQN: y = r - penalty flip + d m Qtgt(s', argmax_c Q(s', c)), (B,), (B, 3)."""
    best = following.argmax(1, keepdim=True)
    value = target_following.gather(1, best)[:, 0]
    return rewards - penalty * flips + discounts * masks * value


def gripper_loss(values: Tensor, command: Tensor, target: Tensor) -> Tensor:
    """L = mean_b (Q(s, c) - y)^2, values (B, 3)."""
    return (values.gather(1, command[:, None])[:, 0] - target).square().mean()
