"""Sets of named tensors: copied out of what is alive, and back, exactly or not at all; threads."""

from collections.abc import Mapping

import torch
from torch import Tensor


class StateError(ValueError):
    """Tensors that do not fit what they should fill."""


def snapshot(live: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies that do not change when learning goes on."""
    return {name: value.detach().clone() for name, value in live.items()}


@torch.no_grad()
def restore(live: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Copy every saved tensor into the live one of its name; refused whole if one does not fit."""
    faults = [f'{name} is missing' for name in live.keys() - saved.keys()]
    faults += [f'{name} is not known here' for name in saved.keys() - live.keys()]
    faults += [
        f'{name} is {describe(saved[name])}, here {describe(live[name])}'
        for name in live.keys() & saved.keys()
        if describe(saved[name]) != describe(live[name])
    ]
    if faults:
        more = f' and {len(faults) - 5} more' if len(faults) > 5 else ''
        raise StateError(f'these tensors do not fit: {"; ".join(sorted(faults)[:5])}{more}')
    for name, value in live.items():
        value.copy_(saved[name])


def describe(value: Tensor) -> str:
    """Shape and type, for people and for comparing."""
    return f'{tuple(value.shape)} {str(value.dtype).removeprefix("torch.")}'


def use_threads(count: int) -> None:
    """Let torch use so many threads; networks this small are fastest with one."""
    torch.set_num_threads(count)
