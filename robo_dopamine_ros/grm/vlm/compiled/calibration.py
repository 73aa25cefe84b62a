"""Calibration for 8-bit precision: the activation ranges of the language model.

The GRM answers its own queries about pairs of views sampled from recorded episodes: all three
perspectives, forward and backward in time equally often, equally many from every episode.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from robo_dopamine_ros.grm.protocol import GRM, ModelError, ProgressCallback, ignore_progress
from robo_dopamine_ros.grm.vlm.parity import samples
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint
from robo_dopamine_ros.types import Recording


@dataclass
class ActivationRanges:
    """Largest absolute values so far."""

    inputs: dict[str, Tensor] = field(default_factory=dict)  # linear layer -> (in,) float32
    residual: dict[str, Tensor] = field(default_factory=dict)  # decoder layer -> () float32, output

    @property
    def largest(self) -> float:
        """Largest absolute value of all; 0 if none was recorded."""
        recorded = (*self.inputs.values(), *self.residual.values())
        return max((float(values.max()) for values in recorded), default=0.0)


def calibrate(
    model: GRM,
    checkpoint: PublishedCheckpoint,
    recordings: Sequence[Recording],
    questions: int = 384,
    seed: int = 0,
    report: ProgressCallback = ignore_progress,
) -> ActivationRanges:
    """Record the ranges while `model`, which runs the checkpoint by torch, answers questions."""
    if not recordings:
        raise ValueError('no recordings; calibration needs one or more')
    if not questions >= 1:
        raise ValueError(f'questions = {questions}; calibration asks 1 or more')
    rng = np.random.default_rng(seed)
    count = -(
        -questions // (samples.QUESTIONS_PER_PAIR * len(recordings))
    )  # pairs from each episode
    with record_ranges(checkpoint.model.model.language_model.layers) as ranges:
        for number, recording in enumerate(recordings):
            episode = samples.sample_episode(recording)
            for index, pair in enumerate(samples.draw_pairs(episode, count, rng)):
                report((number + index / count) / len(recordings), f'asking about {recording.name}')
                for hops in samples.query_pair(model, episode, pair):
                    if not hops.valid:
                        raise ModelError(f'no answer about {recording.name}: {hops.reason}')
    report(1.0, 'calibrated')
    return ranges


@contextmanager
def record_ranges(layers: nn.Module) -> Iterator[ActivationRanges]:
    """Record the ranges of a decoder's layers inside the context.

    The activations themselves are not kept: those of a query of real size take 50 MB.
    """
    ranges = ActivationRanges()

    def update(kept: dict[str, Tensor], name: str, values: Tensor) -> None:
        kept[name] = torch.maximum(kept[name], values) if name in kept else values

    def on_input(name: str, _: nn.Module, given: tuple[Tensor, ...]) -> None:
        update(ranges.inputs, name, given[0].detach().abs().flatten(0, -2).amax(0).float())

    def on_output(name: str, _: nn.Module, __: Any, out: Tensor) -> None:
        update(ranges.residual, name, out.detach().abs().max().float())

    linears, children = linear_layers(layers).items(), layers.named_children()
    hooks = [linear.register_forward_pre_hook(partial(on_input, name)) for name, linear in linears]
    hooks += [layer.register_forward_hook(partial(on_output, name)) for name, layer in children]
    try:
        yield ranges
    finally:
        for hook in hooks:
            hook.remove()


def linear_layers(layers: nn.Module) -> dict[str, nn.Linear]:
    """All linear layers inside a module, by name."""
    return {n: part for n, part in layers.named_modules() if isinstance(part, nn.Linear)}
