"""What a driver said last, whether it can be true, and who of it is silent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robo_dopamine_ros.arms.arm import Joints
from robo_dopamine_ros.types import Pose

ROUNDING = 0.01  # by which the length of a quaternion may differ from 1


@dataclass(frozen=True)
class Reading:
    """The newest value of a channel."""

    value: Any
    stamp: int  # of its header, or of its arrival [ns]
    heard: float  # steady time of its arrival [s]


class Readings:
    """Keeps the newest value of each channel."""

    def __init__(self) -> None:
        self._newest: dict[str, Reading] = {}

    def hear(self, channel: str, value: Any, stamp: int, now: float) -> None:
        """Take in a value; `now` is steady time [s]."""
        self._newest[channel] = Reading(value, stamp, now)

    def __getitem__(self, channel: str) -> Reading:
        """Give the newest of a channel that has spoken."""
        return self._newest[channel]

    def value(self, channel: str, default: Any = None) -> Any:
        """Give the newest value, or the default before the first."""
        reading = self._newest.get(channel)
        return default if reading is None else reading.value

    def silent(self, channels: Iterable[str], now: float, patience: float) -> str:
        """Name those that never spoke, or not for longer than `patience` [s]; empty: none."""
        channels = list(channels)
        missing = [name for name in channels if name not in self._newest]
        if missing:
            return f'nothing heard yet on {", ".join(missing)}'
        ages = {name: now - self._newest[name].heard for name in channels}
        late = [f'{name} for {age:.2f} s' for name, age in ages.items() if age > patience]
        return f'silence on {", ".join(late)}' if late else ''


def finite_pose(pose: Pose) -> Pose:
    """Give the pose with a quaternion of length 1; ValueError when it cannot be one."""
    length = float(np.linalg.norm(pose.orientation))
    if not np.isfinite(pose.position).all() or not abs(length - 1) <= ROUNDING:
        raise ValueError(f'{pose.position} m, quaternion {pose.orientation} is not a pose')
    return Pose(pose.position, pose.orientation / length)


def finite(values: np.ndarray) -> np.ndarray:
    """Give what it was given; ValueError unless all of it is finite."""
    if not np.isfinite(values).all():
        raise ValueError(f'{values} is not finite')
    return values


def of_joints(joints: Joints, names: Sequence[str]) -> Joints | None:
    """Give the joints of these names in their order, none: all of them.

    None where one is missing, as in messages of other joints on the same topic. Velocities that are
    left out, or NaN as broadcasters say it, are 0; ValueError for positions that are not finite.
    """
    if not joints.names or not set(names) <= set(joints.names):
        return None
    names = names or joints.names
    order = [joints.names.index(name) for name in names]
    told = len(joints.velocities) == len(joints.names)
    velocities = joints.velocities[order] if told else np.zeros(len(order))
    velocities = np.where(np.isfinite(velocities), velocities, 0.0)
    return Joints(tuple(names), finite(joints.positions[order]), velocities)
