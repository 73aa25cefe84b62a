"""Online training: rollouts of the policy with interventions, and gradient steps after each step.

Environment, reward model and interventions are the caller's. Every step is written to the
experience database before the agent learns from it. An episode ends when the reward model predicts
success, or at the horizon; the environment's own reward and termination are not used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, SupportsFloat

import numpy as np
import torch

from robo_dopamine_ros.data.trajectory import Trajectory
from robo_dopamine_ros.experience.types import Observation, Step, StepId
from robo_dopamine_ros.experience.writer import ExperienceWriter
from robo_dopamine_ros.learning.trainer import Trainer
from robo_dopamine_ros.policy.observation import ObservationEncoder
from robo_dopamine_ros.training.config import OnlineTrainerConfig
from robo_dopamine_ros.types import Episode, Mode, Outcome, Phase, Progress, Views

GRIPPER_CLOSED = 0.0


class TaskEnv(Protocol):
    """An environment as Gymnasium defines it.

    Observations hold `state` (m,) float32 and one image per view; `info` holds `stamp` [ns], which
    rises through all episodes, and the ground truth `is_success`.
    """

    def reset(self, *, seed: int | None = None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode; gives observation and info."""

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], SupportsFloat, bool, bool, dict[str, Any]]:
        """Act (a,) for one step; gives observation, reward, terminated, truncated and info."""


class EpisodeRewardModel(Protocol):
    """Gives progress, and predicts success."""

    def on_episode(self, episode: Episode) -> None:
        """Process the start or the end of an episode."""

    def update(self, views: Views) -> Progress:
        """Return the progress at these views, which sets `success_candidate` on success."""


class InterventionPolicy(Protocol):
    """Takes over from the policy."""

    def reset(self, rollout: int) -> None:
        """Start the rollout with this index, from 0."""

    def act(self) -> np.ndarray | None:
        """Return the action (a,) of the next step, or None to leave it to the policy."""


@dataclass(frozen=True)
class EpisodeResult:
    """Result of one episode; one line of `rollouts.jsonl`."""

    index: int
    steps: int
    success: bool  # ground truth at the end
    predicted_success: bool  # by the reward model, which ended the episode
    intervention_steps: int


def views_of(observation: Mapping[str, np.ndarray], info: Mapping[str, Any]) -> Views:
    """Return the views of an environment's observation, with its stamp."""
    images = {name: value for name, value in observation.items() if name != 'state'}
    return Views(images, dict.fromkeys(images, info['stamp']))


class OnlineTrainer:
    """Rolls out the policy of a Trainer, writes the steps and trains on them; evaluates it."""

    def __init__(
        self,
        env: TaskEnv,
        reward_model: EpisodeRewardModel,
        encoder: ObservationEncoder,
        trainer: Trainer,
        writer: ExperienceWriter,
        config: OnlineTrainerConfig,
        run: str,
        epoch: int,
    ) -> None:
        """Steps are named by `run` and by `epoch`, which the writer's `start_epoch(run)` gives."""
        self.trainer, self.encoder, self.config = trainer, encoder, config
        self._env, self._reward_model = env, reward_model
        self._writer, self._run = writer, run
        self._epoch, self._sequence = epoch, 0

    def add_demonstration(self, name: str, trajectory: Trajectory, views: Iterator[Views]) -> None:
        """Write a recorded demonstration as an episode that ends in success."""
        stamps, states = trajectory.stamps, trajectory.states
        episode = Episode(name, phase=Phase.RUNNING, stamp=int(stamps[0]))
        self._reward_model.on_episode(episode)
        begin, _ = self._observe(_with_stamp(next(views), stamps[0]), states[0])
        for step in range(len(trajectory)):
            end, progress = self._observe(
                _with_stamp(next(views), stamps[step + 1]), states[step + 1]
            )
            twist, gripper = trajectory.twists[step], float(trajectory.grippers[step])
            mode = Mode(int(trajectory.modes[step]))
            self._write_step(begin, end, name, mode, twist, gripper, demonstration=True)
            self._writer.record(progress, end.stamp)
            begin = end
            if progress.success_candidate:
                break
        self._end_episode(episode, Outcome.SUCCESS, begin.stamp, 'demonstration')

    def rollout(self, index: int, seed: int, intervention: InterventionPolicy) -> EpisodeResult:
        """Roll out one episode, with gradient steps after each of its steps."""
        name = f'{self._run}/{self._epoch}/{index}'
        observation, info = self._env.reset(seed=seed)
        views = views_of(observation, info)
        episode = Episode(name, index, phase=Phase.RUNNING, stamp=views.stamp)
        self._reward_model.on_episode(episode)
        intervention.reset(index)
        begin, progress = self._observe(views, observation['state'])
        self._writer.record(progress, begin.stamp)
        intervention_steps, steps = 0, 0
        while steps < self.config.horizon and not progress.success_candidate:
            override = intervention.act()
            action = self._sample_action(begin) if override is None else override
            mode = Mode.POLICY if override is None else Mode.HUMAN
            observation, _, _, _, info = self._env.step(action)
            end, progress = self._observe(views_of(observation, info), observation['state'])
            twist, gripper = self.config.action_scale.decode(action, GRIPPER_CLOSED)
            self._write_step(begin, end, name, mode, twist, gripper)
            self._writer.record(progress, end.stamp)
            self.trainer.sync()
            self.trainer.update(self.config.updates_per_step)
            begin, steps = end, steps + 1
            intervention_steps += override is not None
        success = progress.success_candidate
        outcome = Outcome.SUCCESS if success else Outcome.TIME_LIMIT
        self._end_episode(episode, outcome, begin.stamp, 'reward model')
        return EpisodeResult(index, steps, info['is_success'], success, intervention_steps)

    def evaluate(self, seeds: Sequence[int], explore: bool) -> Iterator[EpisodeResult]:
        """Roll out the policy alone, one episode per seed; nothing is written or learned."""
        env, reward_model, agent = self._env, self._reward_model, self.trainer.agent
        generator = torch.Generator().manual_seed(seeds[0] if seeds else 0)
        for index, seed in enumerate(seeds):
            observation, info = env.reset(seed=seed)
            views = views_of(observation, info)
            episode = Episode(f'evaluation/{index}', phase=Phase.RUNNING, stamp=views.stamp)
            reward_model.on_episode(episode)
            progress, steps = reward_model.update(views), 0
            while steps < self.config.horizon and not progress.success_candidate:
                encoded = self.encoder.encode(views, observation['state'])
                action = agent.act(encoded.vector, explore, generator).action
                observation, _, _, _, info = env.step(action)
                views = views_of(observation, info)
                progress, steps = reward_model.update(views), steps + 1
            reward_model.on_episode(replace(episode, phase=Phase.ENDED, outcome=Outcome.TIME_LIMIT))
            yield EpisodeResult(index, steps, info['is_success'], progress.success_candidate, 0)

    def _sample_action(self, observation: Observation) -> np.ndarray:
        rng = self.trainer.exploration_rng
        return self.trainer.agent.act(observation.vector, True, rng).action

    def _observe(self, views: Views, state: np.ndarray) -> tuple[Observation, Progress]:
        progress = self._reward_model.update(views)
        return self.encoder.encode(views, state), progress

    def _write_step(
        self,
        begin: Observation,
        end: Observation,
        episode: str,
        mode: Mode,
        twist: np.ndarray,
        gripper: float,
        demonstration: bool = False,
    ) -> None:
        step_id = StepId(self._run, self._epoch, self._sequence)
        step = Step(
            *(step_id, episode, begin, end, mode, twist, gripper, gripper),
            *(self.trainer.agent.updates, demonstration),
        )
        self._writer.record(step, end.stamp)
        self._sequence += 1

    def _end_episode(self, episode: Episode, outcome: Outcome, stamp: int, decided_by: str) -> None:
        ended = replace(
            episode, phase=Phase.ENDED, outcome=outcome, stamp=stamp, decided_by=decided_by
        )
        self._writer.record(ended, stamp)
        self._reward_model.on_episode(ended)
        self.trainer.sync()


def _with_stamp(views: Views, stamp: int) -> Views:
    return Views(views.images, dict.fromkeys(views.images, int(stamp)))
