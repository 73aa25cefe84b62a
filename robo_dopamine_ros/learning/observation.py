"""What an agent sees of one moment: features of the views, proprioception, target minus actual.

Features come from a frozen encoder that the caller brings; they are computed once a frame and kept.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.geometry import rotated
from robo_dopamine_ros.learning.steps import Frame
from robo_dopamine_ros.types import ArmState, Pose, Views

LEAST = 0.02  # spread of a feature that counts as no more than noise, in its own unit
FARTHEST = 5.0  # spreads from the mean beyond which a feature says no more
REACH, SPEED, FORCE, LEAD = 0.25, 0.1, 20.0, 0.02  # scales [m], [m/s], [N], [m]


@dataclass(frozen=True, eq=False)
class Standard:
    """Puts features on one scale, by what they were in the demonstrations; then never changes."""

    mean: np.ndarray  # (n,) float32
    spread: np.ndarray  # (n,) float32

    @classmethod
    def of(cls, features: Iterable[np.ndarray], least: float = LEAST) -> 'Standard':
        """Mean and spread of some frames' features (n,).

        What hardly moved in them, as where the board lies, may move later: so `least`.
        """
        rows = np.stack(list(features)).astype(np.float32)
        return cls(rows.mean(0), np.maximum(rows.std(0), np.float32(least)))

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Features (n,) as they are stored, float16."""
        scaled = (features - self.mean) / self.spread
        return scaled.clip(-FARTHEST, FARTHEST).astype(np.float16)

    def tensors(self) -> dict[str, Tensor]:
        """To be kept beside the weights that were learned with it."""
        return {
            'standard.mean': torch.from_numpy(self.mean),
            'standard.spread': torch.from_numpy(self.spread),
        }

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor]) -> 'Standard':
        """From what `tensors` gave."""
        return cls(tensors['standard.mean'].numpy(), tensors['standard.spread'].numpy())


@dataclass(frozen=True)
class Observer:
    """Makes frames; the same one in the trainer and on the robot."""

    see: Callable[[Views], np.ndarray]  # features (n,) of one set of views
    standard: Standard

    def frame(self, views: Views, state: np.ndarray) -> Frame:
        """Observe one moment, that of the newest view."""
        features = self.standard.apply(self.see(views))
        return Frame(views.stamp, features, np.asarray(state, np.float32))


def proprioception(arm: ArmState, target: Pose | None, origin: np.ndarray) -> np.ndarray:
    """Place, heading, motion, force, and target minus actual (15,), each about -1..1.

    `origin` (3,) [m] is the usual place of the work in the base frame. Unknown forces read 0;
    without a target there is no difference to it.
    """
    ahead = rotated(np.array([1.0, 0.0, 0.0]), arm.pose.orientation)
    heading = ahead[:2] / max(float(np.hypot(*ahead[:2])), 1e-6)
    lead = np.zeros(3) if target is None else target.position - arm.pose.position
    parts = (
        (arm.pose.position - origin) / REACH,
        heading,
        arm.twist[:3] / SPEED,
        arm.twist[5:],
        np.tanh(np.nan_to_num(arm.wrench[:3]) / FORCE),
        lead / LEAD,
    )
    return np.clip(np.concatenate(parts), -10.0, 10.0).astype(np.float32)
