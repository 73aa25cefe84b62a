"""Fine-tuning hyperparameters; importable without torch, for the CLI."""

from dataclasses import asdict, dataclass
from typing import Any

from robo_dopamine_ros.types import require_at_least

COST_ONLY = ('micro_batch', 'gradient_checkpointing', 'save_every')  # no influence on the weights


@dataclass(frozen=True)
class FinetuneConfig:
    """LoRA on the language model; epochs, batch size, warm-up and decay are the authors'.

    The authors train all weights with a learning rate of 1e-5 (5e-7 in the vision tower). LoRA
    trains small added matrices only, which need a higher one.
    """

    rank: int = 16  # of the LoRA matrices
    alpha: float = 32.0  # LoRA scale is alpha / rank
    train_merger: bool = False  # also the vision-language merger; image features are not cached
    learning_rate: float = 1e-4  # at its peak
    epochs: int = 2
    batch_size: int = 32  # hops in an update
    micro_batch: int = 4  # hops in one pass; fewer take less memory
    warmup_share: float = 0.03  # of the updates
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    validation_share: float = 0.1  # of the hops, held back; at most `max_validation`
    max_validation: int = 100
    gradient_checkpointing: bool = False  # less memory, slower
    save_every: int = 5  # updates

    def __post_init__(self) -> None:
        counts = ('rank', 'epochs', 'batch_size', 'micro_batch', 'save_every', 'max_validation')
        require_at_least(1, self, *counts)
        for name in ('alpha', 'learning_rate', 'max_grad_norm'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be greater than 0')
        for name in ('warmup_share', 'validation_share'):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f'{name} = {getattr(self, name)}; it must be at least 0, below 1')

    def training_settings(self) -> dict[str, Any]:
        """Settings that determine the weights; they must be the same to resume a training."""
        return {name: value for name, value in asdict(self).items() if name not in COST_ONLY}
