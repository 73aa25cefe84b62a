"""Objectives of critics and actor: networks, noise and the formulas of losses.py combined.

Rewards and returns of a batch are scaled already. A `Loss` is what is minimised, and metrics.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robo_dopamine_ros.learning import losses
from robo_dopamine_ros.learning.config import AgentConfig, Stage
from robo_dopamine_ros.learning.networks import AgentNetworks
from robo_dopamine_ros.learning.replay_buffer import TransitionBatch
from robo_dopamine_ros.policy.networks import (
    ConsistencyActor,
    GaussianActor,
    karras_noise_level,
    sample_squashed,
)

Loss = tuple[Tensor, dict[str, Tensor]]  # loss to minimise, metrics by name


@dataclass(frozen=True)
class NoiseSource:
    """All random numbers of an update, from one generator."""

    generator: torch.Generator

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers of a shape."""
        return torch.randn(shape, generator=self.generator)

    def uniform(self, *shape: int) -> Tensor:
        """Numbers of a shape, uniform in -1..1."""
        return torch.rand(shape, generator=self.generator) * 2.0 - 1.0

    def integers(self, limit: int, count: int) -> Tensor:
        """Integers (count,), uniform in 0..limit-1."""
        return torch.randint(limit, (count,), generator=self.generator)

    def subset(self, count: int, of: int) -> Tensor:
        """`count` distinct integers of 0..of-1; all of them in order if `count` = `of`."""
        if count == of:
            return torch.arange(of)
        return torch.randperm(of, generator=self.generator)[:count]

    def sample_actions(
        self, actor: GaussianActor | ConsistencyActor, observations: Tensor, count: int
    ) -> tuple[Tensor, Tensor]:
        """Actions (count, B, a) and log densities (count, B), 0 for a consistency actor."""
        noise = self.normal(count, len(observations), actor.action_size)
        if isinstance(actor, GaussianActor):
            return sample_squashed(actor(observations), noise)
        return actor.act(observations, noise), torch.zeros(noise.shape[:-1])


@dataclass(frozen=True)
class Objectives:
    """Losses of one agent's networks."""

    networks: AgentNetworks
    config: AgentConfig
    noise: NoiseSource

    def critic_loss(self, batch: TransitionBatch, stage: Stage) -> Loss:
        """TD loss, conservative term, TD loss of the gripper; targets carry no gradient."""
        config, best_of = self.config, 1
        if config.algorithm == 'calql' and config.calql.max_backup:
            best_of = config.calql.samples
        y = self.td_target(batch, best_of)
        q = self.networks.critic(batch.observations, batch.actions)
        loss = losses.td_loss(q, y)
        info = {'td': loss / len(q), 'q': q.mean(), 'target': y.mean()}
        if config.algorithm == 'calql':
            term, more = self._calql_term(batch, q, stage)
            loss, info = loss + term, info | more
        if config.algorithm == 'conrft' and stage is Stage.OFFLINE:
            term, more = self._conrft_term(batch, q)
            loss, info = loss + term, info | more
        if config.gripper:
            term = self._gripper_loss(batch)
            loss, info = loss + term, info | {'gripper': term}
        return loss, info

    def actor_loss(self, batch: TransitionBatch, stage: Stage) -> Loss:
        """Loss of the actor, and of its temperature if it is Gaussian."""
        actor = self.networks.actor
        if isinstance(actor, ConsistencyActor):
            return self._consistency_actor_loss(actor, batch, stage)
        return self._gaussian_actor_loss(actor, batch, stage)

    @torch.no_grad()
    def td_target(self, batch: TransitionBatch, best_of: int) -> Tensor:
        """TD target (B,) with the best of `best_of` next actions; at least the return if so set."""
        networks, config, following = self.networks, self.config, batch.next_observations
        actions, log_probability = self.noise.sample_actions(networks.actor, following, best_of)
        heads = self.noise.subset(config.target_critics, config.critics).tolist()
        q = networks.target(following, actions, heads)
        weight = networks.log_temperature.exp() if config.backup_entropy else 0.0
        values = losses.next_values(q, log_probability, weight)
        y = losses.td_target(batch.rewards, batch.discounts, batch.masks, values)
        return torch.maximum(y, batch.returns) if config.bound_targets_by_returns else y

    def _sample_q_values(
        self, batch: TransitionBatch, rows: Tensor, count: int
    ) -> tuple[losses.SampledQValues, Tensor, Tensor]:
        """Q-values of random, current and next actions at `rows`; log densities of the last two."""
        actor, observations = self.networks.actor, batch.observations[rows]
        with torch.no_grad():
            current, log_current = self.noise.sample_actions(actor, observations, count)
            following, log_following = self.noise.sample_actions(
                actor, batch.next_observations[rows], count
            )
            actions = torch.cat([self.noise.uniform(*current.shape), current, following])
        q = self.networks.critic(observations, actions)
        return losses.SampledQValues(*q.split(count, 1)), log_current, log_following

    def _sample_rows(self, batch: TransitionBatch, fraction: float) -> Tensor:
        return self.noise.subset(max(1, round(fraction * len(batch))), len(batch))

    def _calql_term(self, batch: TransitionBatch, q: Tensor, stage: Stage) -> Loss:
        """Conservative term of Cal-QL with the loss of its multiplier; 0 at weight 0."""
        p = self.config.calql
        weight = p.offline if stage is Stage.OFFLINE else p.online
        if weight == 0.0:
            return q.new_zeros(()), {}
        rows = self._sample_rows(batch, p.batch_fraction)
        bounds, data = batch.returns[rows], q[:, rows]
        sampled, log_current, log_following = self._sample_q_values(batch, rows, p.samples)
        if p.importance_sampling:
            difference = losses.calql_weighted_difference(
                *(sampled, log_current, log_following, data, bounds),
                *(self.networks.actor.action_size, p.temperature),
            )
        else:
            difference = losses.calql_difference(sampled, data, bounds, p.temperature)
        own = torch.cat([sampled.current, sampled.following], 1)
        info = {'difference': difference.mean(), 'bound_rate': losses.bound_rate(own, bounds)}
        limits = (p.clip_min, p.clip_max)
        if not p.lagrange:
            return losses.conservative_loss(difference, weight, 0.0, *limits), info
        multiplier = losses.lagrange_multiplier(self.networks.log_multiplier)
        loss = losses.conservative_loss(
            difference, multiplier.detach() * weight, p.target_gap, *limits
        ) + losses.lagrange_loss(difference, multiplier, weight, p.target_gap, *limits)
        return loss, info | {'multiplier': multiplier}

    def _conrft_term(self, batch: TransitionBatch, q: Tensor) -> Loss:
        """Conservative term of the offline stage of ConRFT."""
        p = self.config.conrft
        rows = self._sample_rows(batch, p.batch_fraction)
        sampled, _, _ = self._sample_q_values(batch, rows, p.samples)
        bounds = batch.returns[rows]
        difference = losses.conrft_difference(sampled, q[:, rows], bounds)
        rate = losses.bound_rate(sampled.all, bounds)
        info = {'difference': difference.mean(), 'bound_rate': rate}
        return losses.conservative_loss(difference, p.conservative_weight), info

    def _gripper_loss(self, batch: TransitionBatch) -> Tensor:
        """Double DQN loss of the gripper's critic, with the penalty in every target."""
        critic, target = self.networks.gripper, self.networks.gripper_target
        if critic is None or target is None:
            raise ValueError('this agent has no critic of the gripper')
        if batch.gripper is None or batch.gripper_toggles is None:
            text = 'the batch must have gripper and gripper_toggles'
            raise ValueError(f'this agent learns the gripper; {text}')
        with torch.no_grad():
            y = losses.gripper_target(
                *(batch.rewards, batch.gripper_toggles),
                self.config.reward_scale * self.config.gripper_penalty,
                *(batch.discounts, batch.masks),
                *(critic(batch.next_observations), target(batch.next_observations)),
            )
        return losses.gripper_loss(critic(batch.observations), batch.gripper, y)

    def _gaussian_actor_loss(
        self, actor: GaussianActor, batch: TransitionBatch, stage: Stage
    ) -> Loss:
        """SAC: Q-values, entropy, temperature; and imitation of demonstrated steps."""
        p = self.config
        gaussian = actor(batch.observations)
        noise = self.noise.normal(*batch.actions.shape)
        actions, log_probability = sample_squashed(gaussian, noise)
        q = self.networks.critic(batch.observations, actions)
        values = losses.reduce_heads(q, p.actor_q_reduction)
        temperature = self.networks.log_temperature.exp()
        loss = losses.actor_loss(values, log_probability, temperature.detach())
        info = {'actor': loss, 'entropy': -log_probability.mean(), 'temperature': temperature}
        target_entropy = p.target_entropy * actor.action_size
        loss = loss + losses.temperature_loss(temperature, log_probability, target_entropy)
        weight = p.imitation_offline if stage is Stage.OFFLINE else p.imitation_online
        if weight > 0.0:
            imitation = losses.imitation_loss(gaussian[0].tanh(), batch.actions, batch.demonstrated)
            loss, info = loss + weight * imitation, info | {'imitation': imitation}
        return loss, info

    def _consistency_actor_loss(
        self, actor: ConsistencyActor, batch: TransitionBatch, stage: Stage
    ) -> Loss:
        """ConRFT: imitation of the batch at random noise levels, Q-values of own actions."""
        p, offline = self.config.conrft, stage is Stage.OFFLINE
        level = karras_noise_level(self.noise.integers(p.scales - 1, len(batch)), p)
        noisy = batch.actions + level[:, None] * self.noise.normal(*batch.actions.shape)
        denoised = actor(batch.observations, noisy, level)
        imitation = losses.consistency_loss(denoised, batch.actions, level, p.sigma_data)
        actions = actor.act(batch.observations, self.noise.normal(*batch.actions.shape))
        q = self.networks.critic(batch.observations, actions)
        values = losses.reduce_heads(q, self.config.actor_q_reduction).mean()
        imitation_weight = p.imitation_offline if offline else p.imitation_online
        value_weight = p.value_offline if offline else p.value_online
        info = {'imitation': imitation, 'actor': -values}
        return imitation_weight * imitation - value_weight * values, info
