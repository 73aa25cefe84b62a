"""Learning beside live rollouts: gradient steps in proportion to the recorded steps. Pure.

A fixed number of gradient steps is due for every transition in replay. They are taken a few at a
time, one batch of them in every `step`, so that the caller can do other work in between. `now` is
steady time [s].
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from robo_dopamine_ros.checkpoint import CheckpointError
from robo_dopamine_ros.episodes.stats import SuccessRate
from robo_dopamine_ros.experience.schema import ExperienceError
from robo_dopamine_ros.learning.trainer import Trainer
from robo_dopamine_ros.policy.observation import FeatureNormalizer
from robo_dopamine_ros.policy.weights import load_policy, next_version
from robo_dopamine_ros.training.config import (
    RunDir,
    TrainConfig,
    make_trainer,
    publish_run_policy,
    read_train_config,
    save_checkpoint,
)
from robo_dopamine_ros.types import LearnerStatus, require_at_least


@dataclass(frozen=True)
class LearnerLoopParameters:
    """Pace of the learner loop."""

    updates_per_step: int = 5  # gradient steps in one step of the loop, 1 or more
    publish_period: float = 2.0  # between two publications of weights [s], 0 or more
    save_period: float = 30.0  # between two checkpoints [s], 0 or more

    def __post_init__(self) -> None:
        require_at_least(1, self, 'updates_per_step')
        require_at_least(0, self, 'publish_period', 'save_period')


class LearnerLoop:
    """Resumes the training of a run from its checkpoint and database; for one caller at a time."""

    def __init__(
        self,
        run_dir: RunDir,
        config: TrainConfig,
        trainer: Trainer,
        state: tuple[FeatureNormalizer, dict[str, Any]],
        parameters: LearnerLoopParameters,
        now: float,
    ) -> None:
        """Use `open` instead."""
        self.trainer = trainer
        self.fault = ''  # why learning has stopped
        self._warnings: dict[str, str] = {}  # temporary failures, by what failed
        self._run_dir, self._config, self._parameters = run_dir, config, parameters
        self._normalizer, self._metadata = state
        self.success_rate = SuccessRate(self._metadata.get('outcomes'))
        self.policy_version = next_version(run_dir.weights, self._metadata.get('version', 0)) - 1
        self._published_at = self._saved_at = now
        self._published_updates = _published_updates(run_dir)

    @classmethod
    def open(cls, run_dir: RunDir, parameters: LearnerLoopParameters, now: float) -> 'LearnerLoop':
        """Resume a run; CheckpointError or ExperienceError where it cannot be resumed."""
        if missing := run_dir.missing():
            raise CheckpointError(missing)
        config = read_train_config(run_dir.path)
        trainer = make_trainer(run_dir, config)
        try:
            state = trainer.restore(run_dir.checkpoint, config.configuration)
        except CheckpointError:
            trainer.close()
            raise
        return cls(run_dir, config, trainer, state, parameters, now)

    @property
    def updates_due(self) -> int:
        """Gradient steps that are due."""
        online, replay = self._config.online, self.trainer.replay_buffer.replay
        due = online.pretraining_steps + online.updates_per_step * replay
        return max(0, due - self.trainer.agent.updates)

    @property
    def status(self) -> LearnerStatus:
        """Status without a stamp; from any thread."""
        trainer = self.trainer
        return LearnerStatus(
            stamp=0,
            updates=trainer.agent.updates,
            losses=dict(trainer.metrics),
            demonstrations=trainer.replay_buffer.demonstrations,
            replay=trainer.replay_buffer.replay,
            success_rate=self.success_rate.rate,
            policy_version=self.policy_version,
        )

    @property
    def warning(self) -> str:
        """What failed last and is tried again, with the reason; empty if nothing."""
        return '; '.join(list(self._warnings.values()))

    def step(self, now: float, learns: bool = True) -> bool:
        """Read new transitions, learn, publish and save when due; whether more updates are due."""
        with self._collect_errors('the database'):
            self.trainer.sync()
        if learns and not self.fault:
            self._learn()
        if now - self._published_at >= self._parameters.publish_period:
            self._published_at = now
            self._publish()
        if now - self._saved_at >= self._parameters.save_period:
            self._saved_at = now
            self.save()
        return learns and not self.fault and self.updates_due > 0

    def save(self) -> str:
        """Publish the weights and write a checkpoint; returns why not, or ''.

        After a fault nothing is written, so that the last good files stay.
        """
        if self.fault:
            return self.fault
        self._publish()
        self._metadata |= {'version': self.policy_version, 'outcomes': self.success_rate.state}
        with self._collect_errors('the checkpoint'):
            save_checkpoint(
                *(self._run_dir, self._config, self.trainer, self._normalizer, self._metadata)
            )
        return self._warnings.get('the checkpoint', '')

    def close(self) -> None:
        """Close the database."""
        self.trainer.close()

    def _learn(self) -> None:
        try:
            self.trainer.update(min(self._parameters.updates_per_step, self.updates_due))
        except FloatingPointError as error:
            self.fault = (
                f'learning stopped after {self.trainer.agent.updates} gradient steps: {error}; '
                f'weights of version {self.policy_version} and the last checkpoint stay'
            )

    def _publish(self) -> None:
        """Publish weights with more updates than the published ones, also after a crash."""
        updates = self.trainer.agent.updates
        if self.fault or updates <= self._published_updates:
            return
        with self._collect_errors('the weights'):
            version = self.policy_version + 1
            publish_run_policy(self._run_dir, self._config, self.trainer, self._normalizer, version)
            self.policy_version, self._published_updates = version, updates

    @contextmanager
    def _collect_errors(self, what: str) -> Iterator[None]:
        """Turn failures to read or write into a warning, cleared by the next success."""
        try:
            yield
        except (OSError, ExperienceError) as error:
            self._warnings[what] = f'{what}: {error}'
        else:
            self._warnings.pop(what, None)


def _published_updates(run_dir: RunDir) -> int:
    """Gradient steps of the published weights; -1 where they cannot be read."""
    try:
        return load_policy(run_dir.weights).updates
    except CheckpointError:
        return -1
