"""How large the numbers in the language model get while it answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Ranges:
    """The largest numbers so far, without their signs."""

    inputs: dict[str, Tensor] = field(default_factory=dict)  # linear layer -> (in,) float32
    stream: dict[str, Tensor] = field(default_factory=dict)  # layer -> () float32, what it passes

    @property
    def largest(self) -> float:
        """Of all numbers seen; 0 when none were."""
        seen = (*self.inputs.values(), *self.stream.values())
        return max((float(numbers.max()) for numbers in seen), default=0.0)


@contextmanager
def watch(layers: nn.Module) -> Iterator[Ranges]:
    """Keep the ranges of everything that a decoder's layers read from now on.

    Nothing of the queries themselves is kept: those of a real size take 50 MB each.
    """
    ranges = Ranges()

    def note(kept: dict[str, Tensor], name: str, seen: Tensor) -> None:
        before = kept.get(name)
        kept[name] = seen if before is None else torch.maximum(before, seen)

    def read(name: str) -> Any:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            seen = given[0].detach().abs().flatten(0, -2).amax(0).float()
            note(ranges.inputs, name, seen)

        return hook

    def passed(name: str) -> Any:
        def hook(_: nn.Module, __: Any, out: Tensor) -> None:
            note(ranges.stream, name, out.detach().abs().max().float())

        return hook

    hooks = [linear.register_forward_pre_hook(read(n)) for n, linear in linears(layers).items()]
    hooks += [layer.register_forward_hook(passed(name)) for name, layer in layers.named_children()]
    try:
        yield ranges
    finally:
        for hook in hooks:
            hook.remove()


def linears(layers: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers inside, by name."""
    return {n: part for n, part in layers.named_modules() if isinstance(part, nn.Linear)}
