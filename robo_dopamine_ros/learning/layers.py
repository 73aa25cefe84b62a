"""What every network is made of.

Observations (B, n) may meet many actions (..., B, a): what depends on the observation alone is
computed once.
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional


class Trunk(nn.Module):
    """Linear, layer norm, activation, `depth` times; `extra` joins in the first layer."""

    def __init__(
        self,
        observation: int,
        extra: int,
        width: int,
        depth: int,
        activation: Callable[[Tensor], Tensor] = functional.relu_,
    ) -> None:
        super().__init__()
        self.sees = nn.Linear(observation, width)
        self.joins = nn.Linear(extra, width, bias=False) if extra else None
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.activation = activation

    def forward(self, observations: Tensor, extra: Tensor | None = None) -> Tensor:
        """(B, n) and (..., B, m) to (..., B, width)."""
        x = self.sees(observations)
        if self.joins is not None:
            x = self.joins(extra).add_(x)
        x = self.activation(self.norms[0](x))
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            x = self.activation(norm(layer(x)))
        return x


def last(width: int, outputs: int, bias: float = 0.0) -> nn.Linear:
    """A final layer that says almost nothing before it has learned."""
    layer = nn.Linear(width, outputs)
    nn.init.uniform_(layer.weight, -0.01, 0.01)
    nn.init.constant_(layer.bias, bias)
    return layer
