"""One agent and the store that it learns from, whoever fills that: practice here, or a recorder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from robo_dopamine_ros.learning.agent import Agent
from robo_dopamine_ros.learning.parameters import AgentParameters, Stage
from robo_dopamine_ros.learning.sampling import Memory, SamplingParameters
from robo_dopamine_ros.learning.steps import Scale
from robo_dopamine_ros.learning.tail import Tail


class Pupil:
    """Remembers what was sealed and learns from it; equal stores and seeds give equal pupils."""

    def __init__(self, agent: Agent, memory: Memory, tail: Tail, batch: int, seed: int) -> None:
        """`batch` is the number of transitions of a gradient step."""
        self.agent, self.memory = agent, memory
        self.chance = np.random.default_rng(seed)  # draws batches
        self.exploring = torch.Generator().manual_seed(seed)  # draws actions, where it acts
        self.told: dict[str, float] = {}  # losses and means of the last gradient step
        self._tail, self._batch = tail, batch
        self.remember()

    @classmethod
    def make(
        cls,
        store: Path,
        scale: Scale,
        parameters: AgentParameters,
        batch: int,
        seed: int,
        sampling: SamplingParameters | None = None,
    ) -> 'Pupil':
        """One that knows the store and has learned nothing; StoreError without a store."""
        tail = Tail(store)
        agent = Agent(tail.sizes.observation, scale.size, parameters, seed)
        return cls(agent, Memory(tail.sizes, scale, sampling), tail, batch, seed)

    def remember(self) -> None:
        """Take in all that was sealed."""
        while self.memory.add(self._tail.read()):
            pass

    def learn(self, times: int, stage: Stage = Stage.ONLINE) -> None:
        """Take gradient steps; FloatingPointError when a loss is not finite."""
        for _ in range(times):
            batch = self.memory.sample(self._batch, self.chance)
            self.told |= self.agent.update(batch, stage)

    def pretrain(self, until: int) -> Iterator[int]:
        """Learn from demonstrations alone; gives the number of every gradient step taken."""
        while self.agent.updates < until:
            self.learn(1, Stage.OFFLINE)
            yield self.agent.updates

    def close(self) -> None:
        """Let go of the store."""
        self._tail.close()
