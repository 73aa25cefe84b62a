"""Training of the compact GRM on pseudo-episodes of one or more demonstrations.

The network learns the change of progress between two states, from which Eq 2 gives the hop.
"""

import copy
import math
import os
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from robo_dopamine_ros.grm.compact import augment, negatives
from robo_dopamine_ros.grm.compact.config import CompactShape, CompactTrainConfig
from robo_dopamine_ros.grm.compact.dataset import Demonstration, sample_frames
from robo_dopamine_ros.grm.compact.network import CompactNetwork


@dataclass(frozen=True)
class PseudoEpisodeBatch:
    """View sets of several pseudo-episodes, then of goals, then corrupted ones."""

    images: Tensor  # (N, V, 3, H, W) 0..1
    present: Tensor  # (N, V) 1 where the view is visible
    progress: Tensor  # (M,) labels of the valid sets, which come first
    scene: Tensor  # (M,) number of the pseudo-episode; -1 for goals


def pseudo_episode(
    demonstration: Demonstration,
    chosen: np.ndarray,
    shape: CompactShape,
    strength: float,
    generator: torch.Generator,
) -> Tensor:
    """Frames `chosen` of a demonstration with the augmentation of one pseudo-episode.

    Returns (N, V, 3, H, W) in 0..1.
    """
    views, scene = shape.views, augment.EPISODE_STRENGTH.scaled(strength)
    raw = demonstration.images[torch.from_numpy(chosen)].float().flatten(0, 1) / 255
    total = len(raw)
    which = torch.arange(views).repeat(len(chosen))
    maps, displacements = augment.draw_warp(views, scene, generator)
    own_maps, own_displacements = augment.draw_warp(total, augment.FRAME_STRENGTH, generator)
    own_maps = own_maps - torch.eye(2, 3)
    out = augment.warp(
        raw,
        maps[which] + own_maps,
        displacements[which] + own_displacements,
        (shape.height, shape.width),
    )
    tint = augment.draw_colour(views, scene, generator)[which]
    out = augment.colour(out, tint * augment.draw_colour(total, augment.FRAME_STRENGTH, generator))
    out = augment.cutouts(out, generator)
    return augment.sensor_effects(out, generator).view(len(chosen), views, *out.shape[1:])


def view_mask(count: int, views: int, probability: float, generator: torch.Generator) -> Tensor:
    """Random mask (N, V) of visible views; at least one view of each set is visible."""
    drop = torch.rand(count, views, generator=generator) < probability
    drop[:, 0] &= torch.rand(count, generator=generator) < 0.5
    drop[drop.all(1)] = False
    return (~drop).float()


def sample_batch(
    demonstrations: Sequence[Demonstration],
    shape: CompactShape,
    settings: CompactTrainConfig,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> PseudoEpisodeBatch:
    """Draw one batch."""

    def augmented(source: Demonstration, chosen: np.ndarray) -> Tensor:
        return pseudo_episode(source, chosen, shape, settings.strength, generator)

    def any_of(among: Sequence[Demonstration]) -> Demonstration:
        return among[int(rng.integers(len(among)))]

    sets, labels, scenes = [], [], []
    for scene in range(settings.scenes):
        source = any_of(demonstrations)
        chosen = sample_frames(source, settings.frames, rng)
        sets.append(augmented(source, chosen))
        labels.append(source.progress[chosen])
        scenes.append(np.full(len(chosen), scene))
    source = any_of([d for d in demonstrations if d.complete] or demonstrations)
    goals = source.train_frames[-1 - rng.integers(0, max(1, len(source.train_frames) // 100), 2)]
    sets += [augmented(source, goals[:1]), augmented(source, goals[1:])]
    labels.append(source.progress[goals])
    scenes.append(np.full(2, -1))
    source = any_of(demonstrations)
    corrupted = rng.choice(source.train_frames, settings.broken)
    sets.append(negatives.corrupt(augmented(source, corrupted), generator))
    images = torch.cat(sets)
    return PseudoEpisodeBatch(
        images,
        view_mask(len(images), shape.views, settings.drop, generator),
        torch.from_numpy(np.concatenate(labels)).float(),
        torch.from_numpy(np.concatenate(scenes)),
    )


def prefetch_batches(
    demonstrations: Sequence[Demonstration],
    shape: CompactShape,
    settings: CompactTrainConfig,
    seed: int,
) -> Generator[PseudoEpisodeBatch, None, None]:
    """Endless batches, the next one prepared in a second thread; reproducible by `seed`."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    with ThreadPoolExecutor(1) as worker:

        def draw() -> Future[PseudoEpisodeBatch]:
            return worker.submit(sample_batch, demonstrations, shape, settings, rng, generator)

        pending = draw()
        while True:
            batch, pending = pending.result(), draw()
            yield batch


def soft_labels(progress: Tensor, scale: Tensor, sigma: float) -> Tensor:
    """Histogram labels (N, bins): a Gaussian over the bins (HL-Gauss, arXiv 2403.03950)."""
    half = (scale[1] - scale[0]) / 2
    edges = torch.cat([scale[:1] - half, scale + half])
    mass = torch.special.ndtr((edges[None] - progress[:, None]) / sigma).diff(dim=1)
    return mass / mass.sum(1, keepdim=True)


def pair_indices(batch: PseudoEpisodeBatch) -> tuple[Tensor, Tensor]:
    """Index pairs (P,), (P,) within each pseudo-episode and between goals and all valid sets."""
    count = len(batch.progress)
    first, second = torch.triu_indices(count, count, 1)
    same = batch.scene[first] == batch.scene[second]
    goal = (batch.scene[first] < 0) | (batch.scene[second] < 0)
    keep = same | goal
    return first[keep], second[keep]


def losses(
    network: CompactNetwork, batch: PseudoEpisodeBatch, settings: CompactTrainConfig
) -> dict[str, Tensor]:
    """The weighted terms of the loss."""
    tokens = network.tokens(batch.images, batch.present)
    states = network.state(tokens)
    valid = len(batch.progress)
    good = states[:valid]
    labels = soft_labels(batch.progress, network.scale, settings.sigma)
    histogram = -(labels * network.histogram(good)).sum(-1).mean()
    first, second = pair_indices(batch)
    true = batch.progress[second] - batch.progress[first]
    moved = network.change(good[first], good[second])
    near = torch.exp(-true.abs() / 0.1)
    weight = 0.3 + near
    change = (weight * functional.smooth_l1_loss(moved, true, beta=0.05, reduction='none')).mean()
    distinct = true.abs() > 0.01
    order = (functional.softplus(-moved * true.sign() / 0.04) * weight)[distinct].mean()
    target = torch.zeros(len(states))
    target[:valid] = 1.0
    familiarity = functional.binary_cross_entropy_with_logits(
        network.familiarity(states), target, pos_weight=torch.tensor(settings.broken / valid)
    )
    return {
        'histogram': histogram,
        'change': 4 * change,
        'order': 0.5 * order,
        'familiarity': 2 * familiarity,
    }


def learning_rate_factor(fraction: float, step: int) -> float:
    """Learning rate relative to its peak: linear warm-up of 20 steps, then cosine decay."""
    return min(1.0, (step + 1) / 20) * (0.51 + 0.49 * math.cos(math.pi * fraction))


def train(
    network: CompactNetwork,
    demonstrations: Sequence[Demonstration],
    settings: CompactTrainConfig,
    seed: int,
    report: Callable[[float, dict[str, float]], None] = lambda fraction, terms: None,
    clock: Callable[[], float] = time.monotonic,
) -> CompactNetwork:
    """Train the network and return its averaged weights.

    `report` gets the fraction done and the loss terms; `clock` gives seconds.
    """
    # half of the threads train while the others prepare the next batch
    torch.set_num_threads(max(1, (settings.threads or os.cpu_count() or 1) // 2))
    batches = prefetch_batches(demonstrations, network.shape, settings, seed)
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.rate, weight_decay=settings.decay, betas=(0.9, 0.98)
    )
    average = copy.deepcopy(network)
    begun, step, fraction = clock(), 0, 0.0
    while fraction < 1.0:
        for group in optimizer.param_groups:
            group['lr'] = settings.rate * learning_rate_factor(fraction, step)
        terms = losses(network, next(batches), settings)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        step += 1
        keep = min(settings.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for kept, new in zip(average.parameters(), network.parameters(), strict=True):
                kept.lerp_(new, 1 - keep)
        fraction = max(step / settings.steps, (clock() - begun) / settings.seconds)
        report(min(fraction, 1.0), {name: float(value.detach()) for name, value in terms.items()})
    batches.close()
    return average.eval()
