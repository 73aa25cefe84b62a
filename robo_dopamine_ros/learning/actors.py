"""What the actors descend: draws, networks and losses put together."""

from robo_dopamine_ros.learning import losses
from robo_dopamine_ros.learning.batch import Batch
from robo_dopamine_ros.learning.consistency import ConsistencyActor, sigma
from robo_dopamine_ros.learning.critics import Loss
from robo_dopamine_ros.learning.draws import Draws
from robo_dopamine_ros.learning.networks import GaussianActor, Networks, squash
from robo_dopamine_ros.learning.parameters import AgentParameters, Stage


def actor_loss(
    networks: Networks, batch: Batch, stage: Stage, parameters: AgentParameters, draws: Draws
) -> Loss:
    """What the actor descends, and its temperature where it has one."""
    if isinstance(networks.actor, ConsistencyActor):
        return consistency_loss(networks, networks.actor, batch, stage, parameters, draws)
    return gaussian_loss(networks, networks.actor, batch, stage, parameters, draws)


def gaussian_loss(
    networks: Networks,
    actor: GaussianActor,
    batch: Batch,
    stage: Stage,
    parameters: AgentParameters,
    draws: Draws,
) -> Loss:
    """SAC: values, entropy, its temperature, and imitation of people where it has a weight."""
    p = parameters
    gaussian = actor(batch.observations)
    actions, log_probability = squash(gaussian, draws.normal(*batch.actions.shape))
    values = losses.of_heads(networks.critic(batch.observations, actions), p.actor_values)
    temperature = networks.log_temperature.exp()
    loss = losses.actor_loss(values, log_probability, temperature.detach())
    info = {'actor': loss, 'entropy': -log_probability.mean(), 'temperature': temperature}
    target_entropy = p.target_entropy * actor.action
    loss = loss + losses.temperature_loss(temperature, log_probability, target_entropy)
    weight = p.imitation_offline if stage is Stage.OFFLINE else p.imitation_online
    if weight > 0.0:
        imitation = losses.imitation_loss(gaussian[0].tanh(), batch.actions, batch.demonstrated)
        loss, info = loss + weight * imitation, info | {'imitation': imitation}
    return loss, info


def consistency_loss(
    networks: Networks,
    actor: ConsistencyActor,
    batch: Batch,
    stage: Stage,
    parameters: AgentParameters,
    draws: Draws,
) -> Loss:
    """ConRFT: imitation of the batch at a random noise level, and the values of own actions."""
    p = parameters.conrft
    offline = stage is Stage.OFFLINE
    imitating = p.imitation_offline if offline else p.imitation_online
    valuing = p.value_offline if offline else p.value_online
    level = sigma(draws.below(p.scales - 1, len(batch)), p)
    noisy = batch.actions + level[:, None] * draws.normal(*batch.actions.shape)
    denoised = actor(batch.observations, noisy, level)
    imitation = losses.consistency_loss(denoised, batch.actions, level, p.sigma_data)
    actions = actor.act(batch.observations, draws.normal(*batch.actions.shape))
    values = losses.of_heads(
        networks.critic(batch.observations, actions), parameters.actor_values
    ).mean()
    info = {'imitation': imitation, 'actor': -values}
    return imitating * imitation - valuing * values, info
