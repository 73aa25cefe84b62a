"""Constants that stay float32 whatever the rest of a network is cast to."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class Exact(nn.Module):
    """A module whose buffers named in `exact` move between devices, and are never cast.

    Angles of rotary positions reach a thousand radians; half precision knows them to half a radian.
    """

    exact: tuple[str, ...] = ()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        kept = {name: getattr(self, name) for name in self.exact}
        super()._apply(fn, recurse)
        for name, constant in kept.items():
            if constant is not None:
                setattr(self, name, constant.to(getattr(self, name).device))
        return self
