"""A load like training, on one core, until interrupted: actor and critic updates on noise."""

import signal
import sys

import torch
from torch import nn


def network(inputs: int, outputs: int) -> nn.Module:
    """An MLP as wide as those of the agent."""
    sizes = [inputs, 512, 512, 512, outputs]
    layers = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in zip(sizes, sizes[1:])]  # noqa: B905
    return nn.Sequential(*layers)


def main() -> None:
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    torch.set_num_threads(1)
    actor, critic = network(128, 7), network(135, 10)
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=3e-4)
    while True:
        observations = torch.randn(256, 128)
        loss = critic(torch.cat([observations, actor(observations)], dim=1)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == '__main__':
    main()
