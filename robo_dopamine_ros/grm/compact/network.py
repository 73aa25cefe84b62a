"""The network of the compact GRM.

An encoder maps each view to a token, a layer maps the tokens to one state vector, and heads map
states to progress and familiarity, and pairs of states to a change of progress. The change is
antisymmetric by construction: a state compared with itself has changed by exactly 0. The names of
the layers are keys of the weights file.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from robo_dopamine_ros.grm.compact.config import CompactShape

FEATURE_LAYERS = 4  # layers of the encoder up to the feature maps


class ConvBlock(nn.Module):
    """Convolution, group norm, ReLU."""

    def __init__(self, inside: int, outside: int, stride: int = 1, size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, size, stride, size // 2, bias=False)
        self.norm = nn.GroupNorm(8, outside)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inside, H, W) to (N, outside, H / stride, W / stride)."""
        return functional.relu(self.norm(self.conv(x)))


class ResidualBlock(nn.Module):
    """Two convolutions with a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvBlock(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm = nn.GroupNorm(8, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, channels, H, W)."""
        return functional.relu(x + self.norm(self.second(self.first(x))))


class ViewEncoder(nn.Module):
    """Encodes an image (N, 3, H, W) in 0..1 to a token (N, token) that keeps spatial layout."""

    def __init__(self, shape: CompactShape) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvBlock(3, 24, 2, 5),
            ConvBlock(24, 32, 2),
            ConvBlock(32, 64, 2),
            ResidualBlock(64),
            ConvBlock(64, 96, 2),
            ResidualBlock(96),
            nn.Conv2d(96, 48, 1),
            nn.ReLU(),
            nn.AvgPool2d(2),
        )
        cells = (shape.height // 32) * (shape.width // 32)
        self.project = nn.Linear(48 * cells, shape.token)
        self.norm = nn.LayerNorm(shape.token)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, token); invariant to brightness and contrast of the image."""
        return self.token_and_maps(x)[0]

    def token_and_maps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The token, and the feature maps (N, 64, H / 8, W / 8) before it."""
        x = x - x.mean((2, 3), keepdim=True)
        x = x / (x.square().mean((1, 2, 3), keepdim=True) + 4e-4).sqrt()
        maps = self.layers[:FEATURE_LAYERS](x)
        return self.norm(self.project(self.layers[FEATURE_LAYERS:](maps).flatten(1))), maps


def centroids(maps: Tensor) -> Tensor:
    """Centroid of each channel of non-negative maps (N, C, H, W): (N, 2 C) in -1..1.

    Rows first, then columns. They resolve the position of a peg to tenths of a millimetre, the
    token only to millimetres.
    """
    shares = maps / (maps.sum((2, 3), keepdim=True) + 1e-3)
    rows = torch.linspace(-1.0, 1.0, maps.shape[2], device=maps.device)
    columns = torch.linspace(-1.0, 1.0, maps.shape[3], device=maps.device)
    return torch.cat([(shares.sum(3) * rows).sum(2), (shares.sum(2) * columns).sum(2)], 1)


class CompactNetwork(nn.Module):
    """Encoder and heads, each a pure function of tensors that can be exported alone."""

    scale: Tensor  # (bins,) progress of each bin of the histogram

    def __init__(self, shape: CompactShape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = ViewEncoder(shape)
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

    def tokens(self, images: Tensor, present: Tensor) -> Tensor:
        """Images (N, V, 3, H, W) in 0..1 and mask (N, V) in {0, 1} to tokens (N, V, token)."""
        return self.tokens_and_features(images, present)[0]

    def tokens_and_features(self, images: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and policy features (N, V * 2 C), from one pass through the encoder.

        The features of a missing view are 0.
        """
        count, views = images.shape[:2]
        tokens, maps = self.encoder.token_and_maps(images.flatten(0, 1))
        visible = present[..., None] > 0.5
        placed = tokens.view(count, views, -1) + self.view
        features = centroids(maps).view(count, views, -1) * visible
        return torch.where(visible, placed, self.missing), features.flatten(1)

    def state(self, tokens: Tensor) -> Tensor:
        """Tokens (N, V, token) to states (N, state)."""
        return self.fuse(tokens.flatten(1))

    def histogram(self, state: Tensor) -> Tensor:
        """Log probability (N, bins) of the progress of a state."""
        return functional.log_softmax(self.place(state), -1)

    def progress(self, state: Tensor) -> Tensor:
        """Expected progress (N,) of a state, in -0.1..1.1; not clamped."""
        return (self.histogram(state).exp() * self.scale).sum(-1)

    def change(self, before: Tensor, after: Tensor) -> Tensor:
        """Change of progress (N,) from one state to another; antisymmetric."""
        onward = self.pair(torch.cat([before, after, after - before], -1))
        back = self.pair(torch.cat([after, before, before - after], -1))
        return self.progress(after) - self.progress(before) + (onward - back)[:, 0]

    def familiarity(self, state: Tensor) -> Tensor:
        """Logit (N,) that a state belongs to the task."""
        return self.known(state)[:, 0]
