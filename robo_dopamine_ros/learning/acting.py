"""Acts by the newest weights that were published; the same frames and scale as in the trainer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from robo_dopamine_ros.learning import weights
from robo_dopamine_ros.learning.checkpoint import CheckpointError
from robo_dopamine_ros.learning.gripper import opening
from robo_dopamine_ros.learning.observation import Observer
from robo_dopamine_ros.learning.steps import Frame, Sizes
from robo_dopamine_ros.learning.weights import Published
from robo_dopamine_ros.types import Action, Views


class Actor:
    """Sees and decides; weights that do not fit are refused, and those before go on."""

    def __init__(
        self,
        path: Path,
        see: Callable[[Views], np.ndarray],
        sizes: Sizes,
        explore: bool,
        seed: int,
    ) -> None:
        """`path` is that of published weights, `see` gives features (n,) of views."""
        self.fault = f'{path}: no weights yet'  # why the newest are not used; empty: they are
        self._path, self._see, self._sizes, self._explore = path, see, sizes, explore
        self._chance = torch.Generator().manual_seed(seed)
        self._file: tuple[int, ...] = ()  # which weights were read last
        self._published: Published | None = None

    @property
    def version(self) -> int:
        """Version of the weights it acts by, 0 without any."""
        return self._published.version if self._published else 0

    def look(self) -> None:
        """Take up weights that were published since the last look."""
        try:
            about = self._path.stat()
        except OSError as error:
            self._file, self.fault = (), f'{self._path}: no weights: {error.strerror}'
            return
        file = (about.st_mtime_ns, about.st_size, about.st_ino)
        if file == self._file:
            return
        self._file = file
        try:
            new = weights.read(self._path)
            self._refuse_other(new)
        except CheckpointError as error:
            self.fault = str(error)
        else:
            self._published, self.fault = new, ''

    def frame(self, views: Views, state: np.ndarray) -> Frame:
        """Observe one moment; there must be weights. ValueError where something is not finite."""
        assert self._published is not None
        return Observer(self._see, self._published.standard).frame(views, state)

    def decide(self, frame: Frame, gripper: float, stamp: int) -> Action:
        """What the policy wants, while the gripper's opening is `gripper` 0..1; needs weights."""
        assert self._published is not None
        policy, scale = self._published.policy, self._published.scale
        choice = policy.act(frame.observation, self._explore, self._chance)
        twist, gripper = scale.wish(choice.action, gripper)
        if choice.gripper is not None:
            gripper = opening(choice.gripper, gripper)
        return Action(stamp, twist, gripper=gripper, policy_version=self.version)

    def _refuse_other(self, new: Published) -> None:
        """Frames of one store are of one kind and on one scale."""
        given = new.standard.mean.size, new.policy.observation
        fit = self._sizes.features, self._sizes.observation
        if given != fit:
            raise CheckpointError(
                f'{self._path}: for {given[0]} features in {given[1]} numbers of an observation; '
                f'here they are {fit[0]} and {fit[1]}'
            )
        old = self._published
        if old is not None and not (
            np.array_equal(old.standard.mean, new.standard.mean)
            and np.array_equal(old.standard.spread, new.standard.spread)
        ):
            raise CheckpointError(
                f'{self._path}: features are on another scale than those of this run so far'
            )
