"""Everything around a policy node: cameras, a gate that obeys it, episode manager, recorder."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from ticking_cell import TICK, TickingCell

from robo_dopamine_ros.experience.types import ActionScale, Step
from robo_dopamine_ros.geometry import integrate_twist
from robo_dopamine_ros.grm.compact.features import open_with_features
from robo_dopamine_ros.grm.goal_images import GOAL_DIR, read_goal_images
from robo_dopamine_ros.nodes.step_messages import step_from_msg
from robo_dopamine_ros.policy import weights
from robo_dopamine_ros.policy.networks import Policy
from robo_dopamine_ros.policy.observation import PROPRIOCEPTION_SIZE, FeatureNormalizer
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.ros.environment import shared_path
from robo_dopamine_ros.training.config import RunDir, default_train_config, write_train_config
from robo_dopamine_ros.types import (
    SECOND,
    VIEWS,
    ArmCommand,
    ArmState,
    Control,
    Mode,
    Pose,
    RecorderStatus,
)

MODEL = shared_path('models/grm')
START = Pose(np.array([0.5, 0.0, 0.25]), np.array([1.0, 0.0, 0.0, 0.0]))


def make_run(folder: Path) -> int:
    """A folder as `train` leaves it, but without weights; gives the number of features."""
    config = default_train_config('calql')
    write_train_config(
        type(config)(config.agent, config.online, reward_model_dir=str(MODEL)), folder
    )
    _, encoder = open_with_features(MODEL, config.policy_views)
    return encoder.encode(read_goal_images(MODEL / GOAL_DIR, encoder.views)).size


def publish(folder: Path, features: int, version: int) -> None:
    torch.manual_seed(version)
    config, scale = default_train_config('calql').agent, ActionScale()
    policy = Policy.create(features + PROPRIOCEPTION_SIZE, scale.size, config)
    normalizer = FeatureNormalizer(np.zeros(features, np.float32), np.ones(features, np.float32))
    path = RunDir(folder).weights
    weights.publish_policy(path, policy, normalizer, scale, version)


class FakeCell(TickingCell):
    """Ticks in a thread of its own; parts that are named in `mute` say nothing."""

    def __init__(self) -> None:
        super().__init__(topics.ARM_STATE, topics.CONTROL, topics.EPISODE, topics.RECORDER_STATUS)
        self.commands: list[ArmCommand] = []
        self.steps: list[Step] = []  # as they came, repeated ones too
        self.stored: list[Step] = []
        self.controls: list[Control] = []
        self.mute: set[str] = set()
        self.loses = False  # whether the recorder forgets what it hears
        self.mode: Mode | None = None  # in charge; None: as the policy commands
        self._pose, self._rng = START, np.random.default_rng(0)
        self.subscribe(topics.POLICY_COMMAND, from_msg, self.commands)
        self.subscribe(topics.STEP, self._on_step, [])

    @property
    def command(self) -> ArmCommand:
        return self.commands[-1] if self.commands else ArmCommand(0, valid=False, reason='none yet')

    @property
    def moved(self) -> float:
        return float(np.linalg.norm(self._pose.position - START.position))

    def acts(self) -> bool:
        return self.command.valid

    def holds(self, *parts: str, innocent: tuple[str, ...] = ()) -> bool:
        """Whether nothing is requested, for a reason that names all parts and nobody innocent."""
        command = self.command
        named = all(part in command.reason for part in parts)
        return not command.valid and named and not any(part in command.reason for part in innocent)

    def _on_step(self, message: Any) -> None:
        step = step_from_msg(message, 'run')
        self.steps.append(step)
        if self.loses or 'recorder' in self.mute:
            return
        newest = self.stored[-1].id if self.stored else None
        known = newest is not None and newest.epoch == step.id.epoch
        if step.id.sequence == (newest.sequence + 1 if newest and known else 0):
            self.stored.append(step)

    def _tick(self) -> None:
        if 'gate' not in self.mute:
            self._move()
        if 'recorder' not in self.mute:
            newest = self.stored[-1].id if self.stored else None
            stored = (newest.epoch, newest.sequence) if newest else (0, 0)
            self.publish(topics.RECORDER_STATUS, to_msg(RecorderStatus(self.stamp, *stored)))
        if self._number % 3 == 0:
            stamp = self.stamp
            for view in set(VIEWS) - self.mute:
                image = self._rng.integers(0, 255, (48, 64, 3), np.uint8)
                self.publish_image(view, image, stamp)

    def _move(self) -> None:
        """One tick of the gate, which does exactly what is requested."""
        command, stamp = self.command, self.stamp
        fresh = command.valid and stamp - command.stamp < 0.3 * SECOND
        mode = (Mode.POLICY if fresh else Mode.HOLD) if self.mode is None else self.mode
        twist = command.twist if fresh and mode is Mode.POLICY else np.zeros(6)
        self._pose = integrate_twist(self._pose, twist, TICK)
        sent = ArmCommand(stamp, twist, gripper=0.3, policy_version=command.policy_version)
        self.controls.append(Control(stamp, mode, False, '', '', sent, self._pose, twist))
        state = ArmState(
            *(stamp, self._pose, twist, np.zeros(7), np.zeros(7), tuple('abcdefg'), 0.3),
            wrench=np.zeros(6),
        )
        self.publish(topics.CONTROL, to_msg(self.controls[-1], 'base'))
        self.publish(topics.ARM_STATE, to_msg(state, 'base'))
