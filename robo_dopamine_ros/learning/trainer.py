"""Training of one agent on one experience database, and its checkpoints."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robo_dopamine_ros import checkpoint
from robo_dopamine_ros.checkpoint import CheckpointError, StateError
from robo_dopamine_ros.experience.reader import ExperienceReader
from robo_dopamine_ros.experience.types import ActionScale
from robo_dopamine_ros.learning.agent import Agent
from robo_dopamine_ros.learning.config import AgentConfig, ReplayConfig, Stage
from robo_dopamine_ros.learning.replay_buffer import ReplayBuffer
from robo_dopamine_ros.policy.observation import NORMALIZER_PREFIX, FeatureNormalizer

EXPLORATION_RNG = 'exploration_rng'  # name of its state among the tensors of a checkpoint


class Trainer:
    """Agent, replay buffer and reader of the database; equal data and seeds give equal agents.

    The database may be written by the same process or by a recorder.
    """

    def __init__(
        self,
        agent: Agent,
        replay_buffer: ReplayBuffer,
        reader: ExperienceReader,
        batch_size: int,
        seed: int,
    ) -> None:
        """`batch_size` is the number of transitions of a gradient step."""
        self.agent, self.replay_buffer = agent, replay_buffer
        self.batch_rng = np.random.default_rng(seed)  # of the sampled batches
        self.exploration_rng = torch.Generator().manual_seed(seed)  # of actions in rollouts
        self.metrics: dict[str, float] = {}  # losses and means of the last gradient step
        self._reader, self._batch_size = reader, batch_size
        self.sync()

    @classmethod
    def create(
        cls,
        database: Path,
        action_scale: ActionScale,
        config: AgentConfig,
        batch_size: int,
        seed: int,
        sampling: ReplayConfig | None = None,
    ) -> 'Trainer':
        """An untrained agent with all data of a database; ExperienceError without one."""
        reader = ExperienceReader(database)
        agent = Agent(reader.spec.size, action_scale.size, config, seed)
        replay_buffer = ReplayBuffer(reader.spec, action_scale, sampling)
        return cls(agent, replay_buffer, reader, batch_size, seed)

    def sync(self) -> None:
        """Add all new transitions of the database to the replay buffer."""
        while self.replay_buffer.add(self._reader.read()):
            pass

    def update(self, times: int, stage: Stage = Stage.ONLINE) -> None:
        """Take gradient steps; FloatingPointError when a loss is not finite."""
        for _ in range(times):
            batch = self.replay_buffer.sample(self._batch_size, self.batch_rng)
            self.metrics |= self.agent.update(batch, stage)

    def pretrain(self, until: int) -> Iterator[int]:
        """Take offline gradient steps up to number `until`, and yield the number of each."""
        while self.agent.updates < until:
            self.update(1, Stage.OFFLINE)
            yield self.agent.updates

    def save(
        self,
        path: Path,
        normalizer: FeatureNormalizer,
        configuration: Mapping[str, Any],
        metadata: Mapping[str, Any],
    ) -> None:
        """Write a checkpoint atomically: networks, optimizers, counters, random states."""
        tensors = self.agent.state_dict() | normalizer.state_dict()
        tensors[EXPLORATION_RNG] = self.exploration_rng.get_state()
        metadata = {**metadata, 'batch_rng': self.batch_rng.bit_generator.state}
        checkpoint.save(path, tensors, configuration, metadata)

    def restore(
        self, path: Path, configuration: Mapping[str, Any]
    ) -> tuple[FeatureNormalizer, dict[str, Any]]:
        """Load a checkpoint; its normalizer and metadata. CheckpointError where it does not fit."""
        saved = checkpoint.load(path, configuration)
        tensors = {k: v for k, v in saved.tensors.items() if not k.startswith(NORMALIZER_PREFIX)}
        try:
            normalizer = FeatureNormalizer.from_state_dict(saved.tensors)
            exploration = tensors.pop(EXPLORATION_RNG)
            self.agent.load_state_dict(tensors)
            self.exploration_rng.set_state(exploration)
            self.batch_rng.bit_generator.state = saved.metadata['batch_rng']
        except (StateError, LookupError, RuntimeError) as error:
            raise CheckpointError(f'{path}: of another program or database: {error}') from error
        return normalizer, saved.metadata

    def close(self) -> None:
        """Close the database."""
        self._reader.close()
