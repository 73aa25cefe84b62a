"""What the critics descend: draws, networks and losses put together.

Batches come scaled already: their rewards and returns are those the critics learn.
"""

import torch
from torch import Tensor

from robo_dopamine_ros.learning import conservative, gripper, losses
from robo_dopamine_ros.learning.batch import Batch
from robo_dopamine_ros.learning.draws import Draws
from robo_dopamine_ros.learning.networks import Networks
from robo_dopamine_ros.learning.parameters import AgentParameters, Stage

Loss = tuple[Tensor, dict[str, Tensor]]  # what is descended, and what is worth knowing of it


def critic_loss(
    networks: Networks, batch: Batch, stage: Stage, parameters: AgentParameters, draws: Draws
) -> Loss:
    """TD, the algorithm's conservative term, and the gripper's TD; targets carry no gradient."""
    best_of = parameters.calql.samples if parameters.calql.max_backup else 1
    y = td_target(
        networks, batch, parameters, best_of if parameters.algorithm == 'calql' else 1, draws
    )
    q = networks.critic(batch.observations, batch.actions)
    loss = losses.td_loss(q, y)
    info = {'td': loss / len(q), 'q': q.mean(), 'target': y.mean()}
    if parameters.algorithm == 'calql':
        term, more = calql_term(networks, batch, q, stage, parameters, draws)
        loss, info = loss + term, info | more
    if parameters.algorithm == 'conrft' and stage is Stage.OFFLINE:
        term, more = conrft_term(networks, batch, q, parameters, draws)
        loss, info = loss + term, info | more
    if parameters.gripper:
        term = gripper_td(networks, batch, parameters)
        loss, info = loss + term, info | {'gripper': term}
    return loss, info


@torch.no_grad()
def td_target(
    networks: Networks, batch: Batch, parameters: AgentParameters, best_of: int, draws: Draws
) -> Tensor:
    """TD target (B,), with the best of several next actions; at least what was earned, if asked."""
    following = batch.next_observations
    actions, log_probability = draws.actions(networks.actor, following, best_of)
    heads = draws.some(parameters.subset, parameters.critics).tolist()
    q = networks.target(following, actions, heads)
    weight = networks.log_temperature.exp() if parameters.backup_entropy else 0.0
    values = losses.next_values(q, log_probability, weight)
    y = losses.td_target(batch.rewards, batch.discounts, batch.masks, values)
    return torch.maximum(y, batch.returns) if parameters.earned else y


def compare(
    networks: Networks, batch: Batch, rows: Tensor, count: int, draws: Draws
) -> tuple[conservative.Sampled, Tensor, Tensor]:
    """Values at some rows of random, own and next actions, and log densities of the latter two."""
    observations = batch.observations[rows]
    with torch.no_grad():
        current, log_current = draws.actions(networks.actor, observations, count)
        following, log_following = draws.actions(
            networks.actor, batch.next_observations[rows], count
        )
        actions = torch.cat([draws.uniform(*current.shape), current, following])
    q = networks.critic(observations, actions)
    return conservative.Sampled(*q.split(count, 1)), log_current, log_following


def calql_term(
    networks: Networks,
    batch: Batch,
    q: Tensor,
    stage: Stage,
    parameters: AgentParameters,
    draws: Draws,
) -> Loss:
    """The conservative term of Cal-QL and its multiplier's loss; nothing at weight 0."""
    p = parameters.calql
    weight = p.offline if stage is Stage.OFFLINE else p.online
    if weight == 0.0:
        return q.new_zeros(()), {}
    rows = draws.some(max(1, round(p.share * len(batch))), len(batch))
    bounds, data = batch.returns[rows], q[:, rows]
    sampled, log_current, log_following = compare(networks, batch, rows, p.samples, draws)
    if p.importance:
        difference = conservative.calql_weighted_difference(
            sampled, log_current, log_following, data, bounds, networks.actor.action, p.temperature
        )
    else:
        difference = conservative.calql_difference(sampled, data, bounds, p.temperature)
    own = torch.cat([sampled.current, sampled.following], 1)
    info = {'difference': difference.mean(), 'bound_rate': losses.bound_rate(own, bounds)}
    limits = (p.lowest, p.highest)
    if not p.lagrange:
        return conservative.conservative_loss(difference, weight, 0.0, *limits), info
    multiplier = losses.multiplier(networks.log_multiplier)
    loss = conservative.conservative_loss(
        difference, multiplier.detach() * weight, p.gap, *limits
    ) + conservative.lagrange_loss(difference, multiplier, weight, p.gap, *limits)
    return loss, info | {'multiplier': multiplier}


def conrft_term(
    networks: Networks, batch: Batch, q: Tensor, parameters: AgentParameters, draws: Draws
) -> Loss:
    """The conservative term of ConRFT's first stage."""
    p = parameters.conrft
    rows = draws.some(max(1, round(p.share * len(batch))), len(batch))
    sampled, _, _ = compare(networks, batch, rows, p.samples, draws)
    bounds = batch.returns[rows]
    difference = conservative.conrft_difference(sampled, q[:, rows], bounds)
    info = {
        'difference': difference.mean(),
        'bound_rate': losses.bound_rate(sampled.all, bounds),
    }
    return conservative.conservative_loss(difference, p.conservatism), info


def gripper_td(networks: Networks, batch: Batch, parameters: AgentParameters) -> Tensor:
    """Double DQN of the gripper's critic, its penalty in every target."""
    if networks.gripper is None or networks.gripper_target is None:
        raise ValueError('this agent has no critic of the gripper')
    if batch.gripper is None or batch.flips is None:
        raise ValueError('this agent learns the gripper; the batch must have gripper and flips')
    with torch.no_grad():
        y = gripper.gripper_target(
            batch.rewards,
            batch.flips,
            parameters.reward_scale * parameters.flip_penalty,
            batch.discounts,
            batch.masks,
            networks.gripper(batch.next_observations),
            networks.gripper_target(batch.next_observations),
        )
    return gripper.gripper_loss(networks.gripper(batch.observations), batch.gripper, y)
