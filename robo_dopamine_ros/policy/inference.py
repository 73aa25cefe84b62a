"""Inference with the newest published weights: observation and command of one step."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from robo_dopamine_ros.checkpoint import CheckpointError
from robo_dopamine_ros.experience.types import (
    ActionScale,
    Observation,
    ObservationSpec,
    decode_gripper,
)
from robo_dopamine_ros.policy.observation import ObservationEncoder
from robo_dopamine_ros.policy.weights import PublishedPolicy, load_policy
from robo_dopamine_ros.types import ArmCommand, Views


class PolicyInference:
    """Encodes views and acts; weights that do not fit are refused, and the previous ones stay."""

    def __init__(
        self,
        path: Path,
        encode_views: Callable[[Views], np.ndarray],
        spec: ObservationSpec,
        explore: bool,
        seed: int,
        scale: ActionScale | None = None,
    ) -> None:
        """`path` is the file of published weights; `encode_views` gives features (n,) of views.

        Weights for actions of another `scale` than that of the run are refused.
        """
        self.fault = f'{path}: no weights yet'  # why the newest weights are not in use, or empty
        self._path, self._encode_views, self._spec = path, encode_views, spec
        self._scale = scale
        self._explore, self._rng = explore, torch.Generator().manual_seed(seed)
        self._file_id: tuple[int, ...] = ()  # of the weights that were read last
        self._published: PublishedPolicy | None = None

    @property
    def version(self) -> int:
        """Version of the weights in use, 0 without any."""
        return self._published.version if self._published else 0

    def reload(self) -> None:
        """Load the weights if they were published since the last call."""
        try:
            stat = self._path.stat()
        except OSError as error:
            self._file_id, self.fault = (), f'{self._path}: no weights: {error.strerror}'
            return
        file_id = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if file_id == self._file_id:
            return
        self._file_id = file_id
        try:
            published = load_policy(self._path)
            self._check_fit(published)
        except CheckpointError as error:
            self.fault = str(error)
        else:
            self._published, self.fault = published, ''

    def observe(self, views: Views, state: np.ndarray) -> Observation:
        """Observation of views and proprioception; needs weights. ValueError unless finite."""
        assert self._published is not None
        encoder = ObservationEncoder(self._encode_views, self._published.normalizer)
        return encoder.encode(views, state)

    def act(self, observation: Observation, gripper: float, stamp: int) -> ArmCommand:
        """Command stamped `stamp` [ns], where `gripper` 0..1 was sent last; needs weights."""
        assert self._published is not None
        policy, scale = self._published.policy, self._published.action_scale
        output = policy.act(observation.vector, self._explore, self._rng)
        twist, gripper = scale.decode(output.action, gripper)
        if output.gripper is not None:
            gripper = decode_gripper(output.gripper, gripper)
        return ArmCommand(stamp, twist, gripper=gripper, policy_version=self.version)

    def _check_fit(self, new: PublishedPolicy) -> None:
        """Raise CheckpointError for other sizes, or another normalizer than before."""
        sizes = new.normalizer.mean.size, new.policy.observation_size
        expected = self._spec.features, self._spec.size
        if sizes != expected:
            raise CheckpointError(
                f'{self._path}: for {sizes[0]} features in {sizes[1]} numbers of an observation; '
                f'here they are {expected[0]} and {expected[1]}'
            )
        if self._scale not in (None, new.action_scale):
            raise CheckpointError(
                f'{self._path}: for actions of {new.action_scale}; those of the run are of '
                f'{self._scale}'
            )
        old = self._published
        if old is not None and not (
            np.array_equal(old.normalizer.mean, new.normalizer.mean)
            and np.array_equal(old.normalizer.std, new.normalizer.std)
        ):
            raise CheckpointError(
                f'{self._path}: features are on another scale than those of this run so far'
            )
