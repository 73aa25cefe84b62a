"""LoRA training of a vision-language GRM, by peft."""

import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from robo_dopamine_ros.grm.vlm.finetune.checkpoint import LoraTrainState
from robo_dopamine_ros.grm.vlm.finetune.collate import (
    IGNORED,
    TrainingExample,
    answer_logits,
    collate,
    summed_loss,
)
from robo_dopamine_ros.grm.vlm.finetune.config import FinetuneConfig
from robo_dopamine_ros.grm.vlm.finetune.vision_cache import TrainingVisionCache

TEXT_MODULES = r'.*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)'
MERGER_MODULES = r'.*visual\.(merger|deepstack_merger_list\.\d+)\.(mlp\.[02]|linear_fc[12])'


def add_adapter(model: Any, config: FinetuneConfig, seed: int) -> Any:
    """Add LoRA matrices to a model, in place; returns its peft wrapper.

    They change no output before the first update.
    """
    peft: Any = importlib.import_module('peft')  # takes seconds; loosely typed
    torch.manual_seed(seed)
    modules = f'{TEXT_MODULES}|{MERGER_MODULES}' if config.train_merger else TEXT_MODULES
    lora = peft.LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=modules)
    return peft.get_peft_model(model, lora)


def train_adapter(
    model: Any,
    cache: TrainingVisionCache,
    examples: Sequence[TrainingExample],
    config: FinetuneConfig,
    seed: int,
    state: LoraTrainState,
    report: Callable[[float, float], None] = lambda share, loss: None,
) -> list[float]:
    """Train the adapter of a model from `state` on; returns the loss of every update.

    The loss is the mean cross-entropy of the answer tokens. Exceptions of `report` (share done,
    loss) propagate; calling this again resumes from the last save and gives the same weights.
    """
    weights = {name: w for name, w in model.named_parameters() if w.requires_grad}
    rate = config.learning_rate
    optimizer = torch.optim.AdamW(weights.values(), rate, weight_decay=config.weight_decay)
    state.restore(weights, optimizer)
    per_epoch = math.ceil(len(examples) / config.batch_size)  # updates
    total = config.epochs * per_epoch
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable({'use_reentrant': False})
    model.train()
    for update in range(len(state.losses), total):
        epoch, number = divmod(update, per_epoch)
        order = np.random.default_rng([seed, epoch]).permutation(len(examples))
        chosen = order[number * config.batch_size : (number + 1) * config.batch_size]
        batch = [examples[index] for index in chosen]
        factor = learning_rate_factor(update, total, config.warmup_share)
        optimizer.param_groups[0]['lr'] = rate * factor
        loss = accumulate_gradients(model, cache, batch, config.micro_batch)
        torch.nn.utils.clip_grad_norm_(weights.values(), config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        state.losses.append(loss)
        if (update + 1) % config.save_every == 0 or update + 1 == total:
            state.save(weights, optimizer)
        report((update + 1) / total, loss)
    model.eval()
    return state.losses


def accumulate_gradients(
    model: Any, cache: TrainingVisionCache, examples: Sequence[TrainingExample], micro_batch: int
) -> float:
    """Add the gradient of the mean loss of the examples, in micro-batches; returns that loss.

    Raises ValueError if the loss is not finite.
    """
    tokens = sum(len(example.answer_ids) for example in examples)
    loss = 0.0
    for start in range(0, len(examples), micro_batch):
        batch = collate(model, cache, examples[start : start + micro_batch])
        part = summed_loss(answer_logits(model, batch), batch.targets) / tokens
        part.backward()
        loss += float(part.detach())
    if not math.isfinite(loss):
        raise ValueError(f'loss = {loss}; lower the learning rate, or train in float32')
    return loss


@torch.no_grad()
def mean_loss(
    model: Any, cache: TrainingVisionCache, examples: Sequence[TrainingExample], micro_batch: int
) -> float:
    """Mean cross-entropy of the answer tokens."""
    total, tokens = 0.0, 0
    for start in range(0, len(examples), micro_batch):
        batch = collate(model, cache, examples[start : start + micro_batch])
        total += float(summed_loss(answer_logits(model, batch), batch.targets))
        tokens += int((batch.targets != IGNORED).sum())
    return total / tokens


def learning_rate_factor(update: int, total: int, warmup_share: float) -> float:
    """Learning rate relative to its peak: linear warm-up, then half a cosine down to 0."""
    warmup = math.ceil(warmup_share * total)
    if update < warmup:
        return (update + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (update - warmup) / max(1, total - warmup)))
