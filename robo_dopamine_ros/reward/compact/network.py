"""The network of the compact GRM.

Pictures become one token a view, tokens become one state vector, and two heads read states: where
in the task one state is, and how far the task moved between two. The second is antisymmetric by
construction, so a view compared with itself has moved by exactly nothing.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from robo_dopamine_ros.reward.compact.shape import Shape

MAPS = 4  # layers of the encoder before the maps that features are made of


class Conv(nn.Module):
    """Convolution, group norm, ReLU."""

    def __init__(self, inside: int, outside: int, stride: int = 1, size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, size, stride, size // 2, bias=False)
        self.norm = nn.GroupNorm(8, outside)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inside, H, W) to (N, outside, H / stride, W / stride)."""
        return functional.relu(self.norm(self.conv(x)))


class Residual(nn.Module):
    """Two convolutions around which the input passes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Conv(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm = nn.GroupNorm(8, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to the same."""
        return functional.relu(x + self.norm(self.second(self.first(x))))


class Encoder(nn.Module):
    """One picture (N, 3, H, W) in 0..1 to one token (N, token); keeps the layout of the scene."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Conv(3, 24, 2, 5),
            Conv(24, 32, 2),
            Conv(32, 64, 2),
            Residual(64),
            Conv(64, 96, 2),
            Residual(96),
            nn.Conv2d(96, 48, 1),
            nn.ReLU(),
            nn.AvgPool2d(2),
        )
        cells = (shape.height // 32) * (shape.width // 32)
        self.project = nn.Linear(48 * cells, shape.token)
        self.norm = nn.LayerNorm(shape.token)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, token); brightness and contrast of a picture cancel."""
        return self.look(x)[0]

    def look(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The token, and the maps (N, 64, H / 8, W / 8) on the way to it."""
        x = x - x.mean((2, 3), keepdim=True)
        x = x / (x.square().mean((1, 2, 3), keepdim=True) + 4e-4).sqrt()
        maps = self.layers[:MAPS](x)
        return self.norm(self.project(self.layers[MAPS:](maps).flatten(1))), maps


def centres(maps: Tensor) -> Tensor:
    """Where each channel of the maps (N, C, H, W), all 0 or more, is bright: (N, 2 C) in -1..1.

    Rows first, then columns. The token tells a peg's place to millimetres, these to tenths.
    """
    shares = maps / (maps.sum((2, 3), keepdim=True) + 1e-3)
    rows = torch.linspace(-1.0, 1.0, maps.shape[2], device=maps.device)
    columns = torch.linspace(-1.0, 1.0, maps.shape[3], device=maps.device)
    return torch.cat([(shares.sum(3) * rows).sum(2), (shares.sum(2) * columns).sum(2)], 1)


class Network(nn.Module):
    """Encoder and heads; pure functions of tensors, so that they export one by one."""

    scale: Tensor  # (bins,) progress of each bin of the histogram

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.view = nn.Parameter(torch.randn(shape.views, shape.token) * 0.1)
        self.missing = nn.Parameter(torch.zeros(shape.views, shape.token))
        self.fuse = nn.Sequential(nn.Linear(shape.views * shape.token, shape.state), nn.ReLU())
        self.place = nn.Linear(shape.state, shape.bins)
        self.known = nn.Sequential(nn.Linear(shape.state, 64), nn.ReLU(), nn.Linear(64, 1))
        self.pair = nn.Sequential(
            nn.Linear(3 * shape.state, shape.state),
            nn.ReLU(),
            nn.Linear(shape.state, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )
        self.register_buffer('scale', torch.linspace(-0.1, 1.1, shape.bins), persistent=False)

    def tokens(self, pictures: Tensor, present: Tensor) -> Tensor:
        """Pictures (N, V, 3, H, W) in 0..1 and present (N, V) in {0, 1} to tokens (N, V, token)."""
        return self.look(pictures, present)[0]

    def look(self, pictures: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens, and the features (N, V * 2 C) that policies see; those of a missing view are 0.

        One pass through the encoder gives both.
        """
        count, views = pictures.shape[:2]
        tokens, maps = self.encoder.look(pictures.flatten(0, 1))
        there = present[..., None] > 0.5
        seen = tokens.view(count, views, -1) + self.view
        features = centres(maps).view(count, views, -1) * there
        return torch.where(there, seen, self.missing), features.flatten(1)

    def state(self, tokens: Tensor) -> Tensor:
        """Tokens (N, V, token) to states (N, state)."""
        return self.fuse(tokens.flatten(1))

    def histogram(self, state: Tensor) -> Tensor:
        """Log probability (N, bins) of the progress a state shows."""
        return functional.log_softmax(self.place(state), -1)

    def progress(self, state: Tensor) -> Tensor:
        """Expected progress (N,) of a state; may leave 0..1 by a tenth before it is clamped."""
        return (self.histogram(state).exp() * self.scale).sum(-1)

    def change(self, before: Tensor, after: Tensor) -> Tensor:
        """Progress gained (N,) from one state to another; turned round, the sign turns."""
        there = self.pair(torch.cat([before, after, after - before], -1))
        back = self.pair(torch.cat([after, before, before - after], -1))
        return self.progress(after) - self.progress(before) + (there - back)[:, 0]

    def familiarity(self, state: Tensor) -> Tensor:
        """How much a state looks like those of the task, as a logit (N,)."""
        return self.known(state)[:, 0]
