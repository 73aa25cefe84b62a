"""How a vision-language GRM is adapted; known without torch, so that commands tell it at once."""

from dataclasses import asdict, dataclass
from typing import Any

FREE = ('micro', 'checkpointing', 'save_every')  # these change what it costs, not what it learns


@dataclass(frozen=True)
class Tuning:
    """LoRA on the language model; epochs, batch, warm-up and decay are the authors'.

    They train all weights, with a rate of 1e-5 (5e-7 in the vision tower). Here only small added
    matrices are trained, which want a higher one.
    """

    rank: int = 16  # of the added matrices
    alpha: float = 32.0  # what they add is scaled by alpha / rank
    merger: bool = False  # also between vision tower and language model; pictures are not cached
    rate: float = 1e-4  # peak learning rate
    epochs: int = 2
    batch: int = 32  # hops in an update
    micro: int = 4  # hops in one pass; lower takes less memory
    warmup: float = 0.03  # share of the updates
    decay: float = 0.01  # weight decay
    clip: float = 1.0  # greatest norm of a gradient
    held: float = 0.1  # share of the hops that judge instead of teach, at most `most_held`
    most_held: int = 100
    checkpointing: bool = False  # compute again what the backward pass needs: less memory, slower
    save_every: int = 5  # updates

    def __post_init__(self) -> None:
        for name in ('rank', 'epochs', 'batch', 'micro', 'save_every', 'most_held'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be 1 or more')
        for name in ('alpha', 'rate', 'clip'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be greater than 0')
        for name in ('warmup', 'held'):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be at least 0, below 1')

    def teaching(self) -> dict[str, Any]:
        """Settings that decide what is learned; a training that goes on must keep them."""
        return {name: value for name, value in asdict(self).items() if name not in FREE}
