"""One-shot training of the compact GRM (the hop labels of Eq 2, one demonstration or many)."""

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

from robo_dopamine_ros.reward.compact import augment, corrupt
from robo_dopamine_ros.reward.compact.dataset import Demonstration, pick
from robo_dopamine_ros.reward.compact.network import Network
from robo_dopamine_ros.reward.compact.settings import Settings
from robo_dopamine_ros.reward.compact.shape import Shape


@dataclass(frozen=True)
class Batch:
    """Picture sets of several pseudo-episodes, then goals, then corrupted ones."""

    pictures: Tensor  # (N, V, 3, H, W) 0..1
    present: Tensor  # (N, V) 1 where the view may be seen
    progress: Tensor  # (M,) labels of the sound ones, which come first
    scene: Tensor  # (M,) number of the pseudo-episode; -1 for goals


def see(
    demonstration: Demonstration,
    chosen: np.ndarray,
    shape: Shape,
    strength: float,
    generator: torch.Generator,
) -> Tensor:
    """Frames of one demonstration as one pseudo-episode, (N, V, 3, H, W)."""
    views, scene = shape.views, augment.SCENE.times(strength)
    raw = demonstration.pictures[torch.from_numpy(chosen)].float().flatten(0, 1) / 255
    total = len(raw)
    which = torch.arange(views).repeat(len(chosen))
    maps, bends = augment.draw_warp(views, scene, generator)
    own_maps, own_bends = augment.draw_warp(total, augment.MOMENT, generator)
    own_maps = own_maps - torch.eye(2, 3)
    out = augment.warp(
        raw, maps[which] + own_maps, bends[which] + own_bends, (shape.height, shape.width)
    )
    tint = augment.draw_colour(views, scene, generator)[which]
    out = augment.colour(out, tint * augment.draw_colour(total, augment.MOMENT, generator))
    out = augment.cutouts(out, generator)
    return augment.sensor(out, generator).view(len(chosen), views, *out.shape[1:])


def hide(count: int, views: int, chance: float, generator: torch.Generator) -> Tensor:
    """Which views are present, (N, V); never none."""
    drop = torch.rand(count, views, generator=generator) < chance
    drop[:, 0] &= torch.rand(count, generator=generator) < 0.5
    drop[drop.all(1)] = False
    return (~drop).float()


def compose(
    demonstrations: Sequence[Demonstration],
    shape: Shape,
    settings: Settings,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> Batch:
    """Draw one batch."""

    def look(source: Demonstration, chosen: np.ndarray) -> Tensor:
        return see(source, chosen, shape, settings.strength, generator)

    def anyone(among: Sequence[Demonstration]) -> Demonstration:
        return among[int(rng.integers(len(among)))]

    sets, labels, scenes = [], [], []
    for scene in range(settings.scenes):
        source = anyone(demonstrations)
        chosen = pick(source, settings.frames, rng)
        sets.append(look(source, chosen))
        labels.append(source.progress[chosen])
        scenes.append(np.full(len(chosen), scene))
    source = anyone([d for d in demonstrations if d.complete] or demonstrations)
    goals = source.shown[-1 - rng.integers(0, max(1, len(source.shown) // 100), 2)]
    sets += [look(source, goals[:1]), look(source, goals[1:])]
    labels.append(source.progress[goals])
    scenes.append(np.full(2, -1))
    source = anyone(demonstrations)
    spoil = rng.choice(source.shown, settings.broken)
    sets.append(corrupt.corrupt(look(source, spoil), generator))
    pictures = torch.cat(sets)
    return Batch(
        pictures,
        hide(len(pictures), shape.views, settings.drop, generator),
        torch.from_numpy(np.concatenate(labels)).float(),
        torch.from_numpy(np.concatenate(scenes)),
    )


def ahead(
    demonstrations: Sequence[Demonstration], shape: Shape, settings: Settings, seed: int
) -> Generator[Batch, None, None]:
    """Batches without end, always one composed in advance; the same for the same seed."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    with ThreadPoolExecutor(1) as worker:

        def draw() -> Future[Batch]:
            return worker.submit(compose, demonstrations, shape, settings, rng, generator)

        waiting = draw()
        while True:
            batch, waiting = waiting.result(), draw()
            yield batch


def soft_labels(progress: Tensor, scale: Tensor, sigma: float) -> Tensor:
    """Histogram labels (N, bins): a Gaussian over the bins (HL-Gauss)."""
    half = (scale[1] - scale[0]) / 2
    edges = torch.cat([scale[:1] - half, scale + half])
    mass = torch.special.ndtr((edges[None] - progress[:, None]) / sigma).diff(dim=1)
    return mass / mass.sum(1, keepdim=True)


def pairs(batch: Batch) -> tuple[Tensor, Tensor]:
    """Index pairs inside each pseudo-episode, and from every goal to every other set."""
    count = len(batch.progress)
    first, second = torch.triu_indices(count, count, 1)
    same = batch.scene[first] == batch.scene[second]
    goal = (batch.scene[first] < 0) | (batch.scene[second] < 0)
    keep = same | goal
    return first[keep], second[keep]


def losses(network: Network, batch: Batch, settings: Settings) -> dict[str, Tensor]:
    """Every term of the objective, weighted."""
    tokens = network.tokens(batch.pictures, batch.present)
    states = network.state(tokens)
    sound = len(batch.progress)
    good = states[:sound]
    labels = soft_labels(batch.progress, network.scale, settings.sigma)
    place = -(labels * network.histogram(good)).sum(-1).mean()
    first, second = pairs(batch)
    true = batch.progress[second] - batch.progress[first]
    moved = network.change(good[first], good[second])
    near = torch.exp(-true.abs() / 0.1)
    weight = 0.3 + near
    change = (weight * functional.smooth_l1_loss(moved, true, beta=0.05, reduction='none')).mean()
    told = true.abs() > 0.01
    order = (functional.softplus(-moved * true.sign() / 0.04) * weight)[told].mean()
    trusted = torch.zeros(len(states))
    trusted[:sound] = 1.0
    known = functional.binary_cross_entropy_with_logits(
        network.familiarity(states), trusted, pos_weight=torch.tensor(settings.broken / sound)
    )
    return {'place': place, 'change': 4 * change, 'order': 0.5 * order, 'known': 2 * known}


def schedule(fraction: float, step: int) -> float:
    """Learning rate as a share of its peak: short warm-up, then cosine."""
    return min(1.0, (step + 1) / 20) * (0.51 + 0.49 * math.cos(math.pi * fraction))


def train(
    network: Network,
    demonstrations: Sequence[Demonstration],
    settings: Settings,
    seed: int,
    report: Callable[[float, dict[str, float]], None] = lambda fraction, terms: None,
    clock: Callable[[], float] = time.monotonic,
) -> Network:
    """Train and return the averaged weights; `report` gets the fraction done and the losses."""
    # half of the processor trains, the other half composes the next batch meanwhile
    torch.set_num_threads(max(1, (settings.threads or os.cpu_count() or 1) // 2))
    batches = ahead(demonstrations, network.shape, settings, seed)
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.rate, weight_decay=settings.decay, betas=(0.9, 0.98)
    )
    average = copy.deepcopy(network)
    begun, step, fraction = clock(), 0, 0.0
    while fraction < 1.0:
        for group in optimizer.param_groups:
            group['lr'] = settings.rate * schedule(fraction, step)
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
