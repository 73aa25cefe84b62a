"""Reproducible questions about recordings: random pairs of views of an episode."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from robo_dopamine_ros.grm.protocol import GRM
from robo_dopamine_ros.types import SECOND, Hops, Recording, TaskContext, Views

QUESTIONS_PER_PAIR = 5  # two perspectives for the first views of a pair, three for the second
MAX_FRAMES = 60  # of an episode; their images are held in memory


class SampledEpisode(NamedTuple):
    """Views at sampled frames of a recording, with stamps one second apart."""

    name: str
    task: str
    views: tuple[Views, ...]

    @property
    def context(self) -> TaskContext:
        """The task with the first views as its start and the last views as its goal."""
        return TaskContext(self.task, self.views[0], self.views[-1])


def sample_episode(recording: Recording, most: int = MAX_FRAMES) -> SampledEpisode:
    """Sample up to `most` frames evenly over the annotated span; ValueError for fewer than two."""
    first, last = recording.span
    if not last > first:
        raise ValueError(f'{recording.name}: span {first}..{last}; it needs two frames or more')
    frames = set(np.linspace(first, last, most).round().astype(int).tolist())
    playing = enumerate(recording.play(start=first, stop=last + 1), first)
    sampled = [views for frame, views in playing if frame in frames]
    if len(sampled) != len(frames):
        raise ValueError(
            f'{recording.name}: {len(sampled)} of {len(frames)} samples could be read from frames '
            f'{first}..{last}; is it shorter than its annotation?'
        )
    stamped = tuple(_at(views, number) for number, views in enumerate(sampled))
    return SampledEpisode(recording.name, recording.instruction, stamped)


def draw_pairs(
    episode: SampledEpisode, count: int, rng: np.random.Generator
) -> Iterator[tuple[Views, Views]]:
    """Random pairs of different views, in either order in time."""
    for _ in range(count):
        before, after = rng.choice(len(episode.views), 2, replace=False)
        yield _at(episode.views[before], 0), _at(episode.views[after], 1)


def query_pair(model: GRM, episode: SampledEpisode, pair: tuple[Views, Views]) -> Iterator[Hops]:
    """Reset a model and step it with both views of a pair."""
    model.reset(episode.context)
    for views in pair:
        yield model.step(views)


def _at(views: Views, second: int) -> Views:
    return replace(views, stamps=dict.fromkeys(views.images, SECOND * (second + 1)))
