"""Observations of the policy: normalised features of the views, and proprioception of the tip.

Features come from a frozen encoder that the caller provides; they are computed once and stored.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.experience.types import Observation
from robo_dopamine_ros.geometry import rotate_vector
from robo_dopamine_ros.types import ArmState, Pose, Views

MIN_STD = 0.02  # lower bound of a feature's standard deviation, in the feature's unit
MAX_DEVIATION = 5.0  # standard deviations from the mean at which features are clipped
NORMALIZER_PREFIX = 'normalizer.'  # of the names of its tensors in a checkpoint
PROPRIOCEPTION_SIZE = 15
POSITION_SCALE, SPEED_SCALE = 0.25, 0.1  # [m], [m/s]
FORCE_SCALE, TRACKING_ERROR_SCALE = 20.0, 0.02  # [N], [m]


@dataclass(frozen=True, eq=False)
class FeatureNormalizer:
    """Standardises features by their statistics in the demonstrations; fixed for a whole run."""

    mean: np.ndarray  # (n,) float32
    std: np.ndarray  # (n,) float32

    @classmethod
    def fit(cls, features: Iterable[np.ndarray], min_std: float = MIN_STD) -> 'FeatureNormalizer':
        """Statistics of features (n,).

        `min_std` keeps features that hardly vary in the demonstrations, such as the position of the
        board, from being amplified when they vary later.
        """
        rows = np.stack(list(features)).astype(np.float32)
        return cls(rows.mean(0), np.maximum(rows.std(0), np.float32(min_std)))

    def normalize(self, features: np.ndarray) -> np.ndarray:
        """Features (n,) standardised, clipped to MAX_DEVIATION, float16."""
        scaled = (features - self.mean) / self.std
        return scaled.clip(-MAX_DEVIATION, MAX_DEVIATION).astype(np.float16)

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors for a checkpoint."""
        tensors = {'mean': torch.from_numpy(self.mean), 'std': torch.from_numpy(self.std)}
        return {f'{NORMALIZER_PREFIX}{name}': value for name, value in tensors.items()}

    @classmethod
    def from_state_dict(cls, tensors: Mapping[str, Tensor]) -> 'FeatureNormalizer':
        """Inverse of `state_dict`; other tensors are ignored, KeyError for a missing one."""
        return cls(*(tensors[f'{NORMALIZER_PREFIX}{name}'].numpy() for name in ('mean', 'std')))


@dataclass(frozen=True)
class ObservationEncoder:
    """Makes observations; the same in training and on the robot."""

    encode_views: Callable[[Views], np.ndarray]  # features (n,) of one set of views
    normalizer: FeatureNormalizer

    def encode(self, views: Views, state: np.ndarray) -> Observation:
        """Observation with the stamp of the newest view; ValueError unless all is finite."""
        features = self.normalizer.normalize(self.encode_views(views))
        return Observation(views.stamp, features, np.asarray(state, np.float32))


def proprioception(arm: ArmState, target: Pose | None, origin: np.ndarray) -> np.ndarray:
    """Position, heading, velocity, force, and target minus actual position (15,), about -1..1.

    `origin` (3,) [m] is the centre of the workspace in the base frame. Unknown forces count as 0,
    and so does the difference without a target.
    """
    x_axis = rotate_vector(np.array([1.0, 0.0, 0.0]), arm.pose.orientation)
    heading = x_axis[:2] / max(float(np.hypot(*x_axis[:2])), 1e-6)
    error = np.zeros(3) if target is None else target.position - arm.pose.position
    parts = (
        (arm.pose.position - origin) / POSITION_SCALE,
        heading,
        arm.twist[:3] / SPEED_SCALE,
        arm.twist[5:],
        np.tanh(np.nan_to_num(arm.wrench[:3]) / FORCE_SCALE),
        error / TRACKING_ERROR_SCALE,
    )
    return np.clip(np.concatenate(parts), -10.0, 10.0).astype(np.float32)


def tip_proprioception(
    arm: ArmState, target: Pose | None, origin: np.ndarray, tip_offset: float
) -> np.ndarray:
    """Proprioception (15,) of the tip, `tip_offset` [m] along the z axis of the tool.

    `arm` and `target` are of the tool.
    """
    target = None if target is None else tip_pose(target, tip_offset)
    return proprioception(state_at_tip(arm, tip_offset), target, origin)


def tip_pose(tool: Pose, tip_offset: float) -> Pose:
    """Pose of the tip, `tip_offset` [m] along the z axis of the tool."""
    return Pose(tool.position + _lever(tool, tip_offset), tool.orientation)


def state_at_tip(arm: ArmState, tip_offset: float) -> ArmState:
    """Arm state with pose, twist and wrench of the tip in place of those of the tool."""
    lever = _lever(arm.pose, tip_offset)
    linear, angular = arm.twist[:3], arm.twist[3:]
    force, torque = arm.wrench[:3], arm.wrench[3:]
    return replace(
        arm,
        pose=tip_pose(arm.pose, tip_offset),
        twist=np.concatenate([linear + np.cross(angular, lever), angular]),
        wrench=np.concatenate([force, torque - np.cross(lever, force)]),
    )


def _lever(tool: Pose, tip_offset: float) -> np.ndarray:
    return rotate_vector(np.array([0.0, 0.0, tip_offset]), tool.orientation)
