"""One-shot adaptation (arXiv 2512.23703, Sec 3.2): one demonstration in, a model folder out."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from robo_dopamine_ros.grm.compact.config import CompactShape, CompactTrainConfig
from robo_dopamine_ros.grm.compact.dataset import decode_recording
from robo_dopamine_ros.grm.compact.model import max_pixel_noise
from robo_dopamine_ros.grm.compact.model_card import ModelCard, read_card
from robo_dopamine_ros.grm.compact.network import CompactNetwork
from robo_dopamine_ros.grm.compact.training import train
from robo_dopamine_ros.grm.compact.validation import (
    held_out_frames,
    training_part,
    validate,
)
from robo_dopamine_ros.grm.compact.verdict import AdaptationResult
from robo_dopamine_ros.grm.compact.weights import read_network, save_model
from robo_dopamine_ros.grm.goal_images import goal_views
from robo_dopamine_ros.grm.protocol import ModelError, ProgressCallback, ignore_progress
from robo_dopamine_ros.types import VIEWS, Recording, Views

NOISE_MARGIN = 4.0  # live images may have this times the pixel noise of the demonstration


def adapt(
    recordings: Sequence[Recording],
    folder: Path,
    settings: CompactTrainConfig,
    seed: int = 0,
    base: Path | None = None,
    views: Sequence[str] | None = None,
    shape: CompactShape | None = None,
    report: ProgressCallback = ignore_progress,
) -> AdaptationResult:
    """Train on recordings of one task and write a model folder.

    Without `base` the network starts from random weights, with `shape` or the default one. The last
    recording that ends with the finished task gives the goal images. Raises ValueError for a
    recording that cannot be used, ModelError for a base with other views.
    """
    if not recordings:
        raise ValueError('no recordings to learn from; give at least one demonstration')
    names = tuple(views or [v for v in VIEWS if v in recordings[0].views] or recordings[0].views)
    report(0.0, 'reading')
    torch.manual_seed(seed)
    network = initial_network(base, names, shape or CompactShape(views=len(names)))
    demonstrations = [decode_recording(recording, names) for recording in recordings]
    held = [held_out_frames(demonstration) for demonstration in demonstrations]
    training = [training_part(d, h) for d, h in zip(demonstrations, held, strict=True)]

    steps = 0

    def on_step(fraction: float, terms: dict[str, float]) -> None:
        nonlocal steps
        steps += 1
        report(0.97 * fraction, f'loss {sum(terms.values()):.2f}')

    network = train(network, training, settings, seed, on_step)
    report(0.97, 'checking')
    metrics = validate(network, demonstrations[0], held[0])
    result = AdaptationResult(metrics, steps, settings.steps, settings.seconds)
    finished = [r for r, d in zip(recordings, demonstrations, strict=True) if d.complete]
    goal, noise = goal_and_noise((finished or list(recordings))[-1])
    card = ModelCard(
        name=folder.name,
        views=names,
        instruction=recordings[0].instruction,
        shape=network.shape,
        most_grain=max(ModelCard.most_grain, NOISE_MARGIN * noise),
    )
    notes = {
        'demonstrations': [recording.name for recording in recordings],
        'base': base.name if base else None,
        'seed': seed,
        'settings': dataclasses.asdict(settings),
        'self_check': result.to_json(),
    }
    save_model(folder, network, card, goal, notes)
    report(1.0, 'done')
    return result


def initial_network(
    base: Path | None, views: tuple[str, ...], shape: CompactShape
) -> CompactNetwork:
    """A network with random weights, or that of a base model with the same views."""
    if base is None:
        return CompactNetwork(shape)
    card = read_card(base)
    if card.views != views:
        raise ModelError(
            f'base {base} has views {list(card.views)}, the demonstration {list(views)}'
        )
    return read_network(base, card.shape)


def goal_and_noise(recording: Recording) -> tuple[Views, float]:
    """The goal views at camera size, and the largest pixel noise in the recording."""
    goal = goal_views(recording)
    sampled = recording.play(stride=max(1, recording.length // 8))
    return goal, max(max_pixel_noise(views.images, recording.views) for views in sampled)
