"""Training small matrices beside the weights of a vision-language GRM (LoRA, by peft)."""

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.reward.vlm.adapting import unfinished
from robo_dopamine_ros.reward.vlm.adapting.album import Album
from robo_dopamine_ros.reward.vlm.adapting.lessons import (
    IGNORED,
    Lesson,
    compose,
    foretell,
    loss_sum,
)
from robo_dopamine_ros.reward.vlm.adapting.tuning import Tuning

LANGUAGE = r'.*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)'
MERGER = r'.*visual\.(merger|deepstack_merger_list\.\d+)\.(mlp\.[02]|linear_fc[12])'


@dataclass
class Course:
    """A training as far as it has come; `settings` must be the same to go on with it."""

    file: Path
    settings: dict[str, Any]
    losses: list[float] = field(default_factory=list)  # of every update so far
    notes: dict[str, Any] = field(default_factory=dict)  # what else is to be remembered
    tensors: dict[str, Tensor] = field(default_factory=dict)  # of its last save; none: at the start

    @classmethod
    def open(cls, file: Path, settings: dict[str, Any]) -> 'Course':
        """The course that a file holds, or a new one; ValueError naming settings that differ."""
        saved = unfinished.load(file, settings)
        return (
            cls(file, settings, **saved.facts, tensors=saved.tensors)
            if saved
            else cls(file, settings)
        )


def add_adapter(model: Any, tuning: Tuning, seed: int) -> Any:
    """Put trainable matrices beside the projections of a model; gives peft's view of it.

    The model itself then computes with them. At first they change nothing.
    """
    peft: Any = importlib.import_module('peft')  # takes seconds; loosely typed
    torch.manual_seed(seed)
    config = peft.LoraConfig(
        r=tuning.rank,
        lora_alpha=tuning.alpha,
        target_modules=f'{LANGUAGE}|{MERGER}' if tuning.merger else LANGUAGE,
    )
    return peft.get_peft_model(model, config)


def train(
    model: Any,
    album: Album,
    lessons: Sequence[Lesson],
    tuning: Tuning,
    seed: int,
    course: Course,
    report: Callable[[float, float], None] = lambda share, loss: None,
) -> list[float]:
    """Train the adapter of a model from where its course stands; gives the loss of every update.

    Each is the mean cross-entropy of the answers' tokens. Raises what `report` raises; the same
    call then goes on from the last state saved and ends with the same weights.
    """
    named = {name: w for name, w in model.named_parameters() if w.requires_grad}
    optimizer = torch.optim.AdamW(named.values(), tuning.rate, weight_decay=tuning.decay)
    if course.tensors:
        unfinished.restore(course.tensors, named, optimizer)
    each = math.ceil(len(lessons) / tuning.batch)  # updates in an epoch
    total = tuning.epochs * each
    if tuning.checkpointing:
        model.gradient_checkpointing_enable({'use_reentrant': False})
    model.train()
    for update in range(len(course.losses), total):
        epoch, place = divmod(update, each)
        order = np.random.default_rng([seed, epoch]).permutation(len(lessons))
        chosen = order[place * tuning.batch : (place + 1) * tuning.batch]
        optimizer.param_groups[0]['lr'] = tuning.rate * schedule(update, total, tuning.warmup)
        loss = accumulate(model, album, [lessons[index] for index in chosen], tuning.micro)
        torch.nn.utils.clip_grad_norm_(named.values(), tuning.clip)
        optimizer.step()
        optimizer.zero_grad()
        course.losses.append(loss)
        if (update + 1) % tuning.save_every == 0 or update + 1 == total:
            facts = {'losses': course.losses, 'notes': course.notes}
            tensors = unfinished.gather(named, optimizer)
            unfinished.save(course.file, course.settings, facts, tensors)
        report((update + 1) / total, loss)
    model.eval()
    return course.losses


def accumulate(model: Any, album: Album, lessons: Sequence[Lesson], micro: int) -> float:
    """Add the gradient of the mean loss of some lessons, a few at a time; gives that loss."""
    tokens = sum(len(lesson.answer) for lesson in lessons)
    loss = 0.0
    for start in range(0, len(lessons), micro):
        batch = compose(model, album, lessons[start : start + micro])
        part = loss_sum(foretell(model, batch), batch.targets) / tokens
        part.backward()
        loss += float(part.detach())
    if not math.isfinite(loss):
        raise ValueError(f'loss = {loss}; lower the learning rate, or train in float32')
    return loss


@torch.no_grad()
def mean_loss(model: Any, album: Album, lessons: Sequence[Lesson], micro: int) -> float:
    """Mean cross-entropy of the answers' tokens."""
    total, tokens = 0.0, 0
    for start in range(0, len(lessons), micro):
        batch = compose(model, album, lessons[start : start + micro])
        total += float(loss_sum(foretell(model, batch), batch.targets))
        tokens += int((batch.targets != IGNORED).sum())
    return total / tokens


def schedule(update: int, total: int, warmup: float) -> float:
    """Learning rate as a share of its peak: linear warm-up, then half a cosine down to 0."""
    warm = math.ceil(warmup * total)
    if update < warm:
        return (update + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (update - warm) / max(1, total - warm)))
