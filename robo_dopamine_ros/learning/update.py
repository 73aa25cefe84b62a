"""One gradient step: critics, their targets, and every few steps the actor."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from robo_dopamine_ros.learning.actors import actor_loss
from robo_dopamine_ros.learning.batch import Batch
from robo_dopamine_ros.learning.critics import Loss, critic_loss
from robo_dopamine_ros.learning.draws import Draws
from robo_dopamine_ros.learning.networks import Networks
from robo_dopamine_ros.learning.parameters import AgentParameters, Stage


class Descent:
    """Adam over some parameters, whose moments exist from the start so that they can be saved."""

    def __init__(self, groups: Iterable[tuple[float, list[nn.Parameter]]]) -> None:
        rated = list(groups)
        self.parameters = [value for _, parameters in rated for value in parameters]
        self.adam = torch.optim.Adam(
            [{'params': parameters, 'lr': rate} for rate, parameters in rated], fused=True
        )
        for value in self.parameters:
            self.adam.state[value] = {
                'step': torch.zeros(()),
                'exp_avg': torch.zeros_like(value),
                'exp_avg_sq': torch.zeros_like(value),
            }

    def step(self, name: str, loss: Loss) -> dict[str, float]:
        """Descend once and tell about it; a loss that is not finite is refused before it harms."""
        total, info = loss
        told = {key: float(value.detach()) for key, value in info.items()}
        if not math.isfinite(value := float(total.detach())):
            raise FloatingPointError(f'the loss of the {name} is {value}; {told}')
        self.adam.zero_grad()
        total.backward(inputs=self.parameters)
        self.adam.step()
        return told

    def tensors(self) -> dict[str, Tensor]:
        """The moments, live, by the number of their parameter."""
        return {
            f'{number}.{key}': tensor
            for number, value in enumerate(self.parameters)
            for key, tensor in self.adam.state[value].items()
        }


def descents(networks: Networks, parameters: AgentParameters) -> dict[str, Descent]:
    """Who is optimised together."""
    critics = [*networks.critic.parameters(), networks.log_multiplier]
    if networks.gripper:
        critics += networks.gripper.parameters()
    actor = list(networks.actor.parameters())
    return {
        'critic': Descent([(parameters.critic_rate, critics)]),
        'actor': Descent(
            [
                (parameters.actor_rate, actor),
                (parameters.temperature_rate, [networks.log_temperature]),
            ]
        ),
    }


def update(
    networks: Networks,
    optimisers: dict[str, Descent],
    batch: Batch,
    stage: Stage,
    parameters: AgentParameters,
    draws: Draws,
    turn: int,
) -> dict[str, float]:
    """Take step number `turn`, counted from 1, and tell about it."""
    told = optimisers['critic'].step(
        'critic', critic_loss(networks, batch, stage, parameters, draws)
    )
    follow(networks.target, networks.critic, parameters.tau)
    if networks.gripper and networks.gripper_target:
        follow(networks.gripper_target, networks.gripper, parameters.tau)
    if turn % parameters.actor_every == 0:
        told |= optimisers['actor'].step(
            'actor', actor_loss(networks, batch, stage, parameters, draws)
        )
    return told


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, tau: float) -> None:
    """Move a target by a share of the way: target += tau (source - target)."""
    torch._foreach_lerp_(list(target.parameters()), list(source.parameters()), tau)
