"""Questions about recordings that anyone can ask again: pairs of looks, drawn by chance."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from robo_dopamine_ros.reward.grm import GRM
from robo_dopamine_ros.types import SECOND, Hops, Recording, TaskContext, Views

EACH = 5  # questions that a pair of looks asks: the first look has nothing before it
LOOKS = 60  # of an episode, at most: their pictures are held in memory


class Episode(NamedTuple):
    """Looks at one recording, a second of stamps apart."""

    name: str
    task: str
    views: tuple[Views, ...]

    @property
    def context(self) -> TaskContext:
        """What to begin with: its start, and its end as the goal."""
        return TaskContext(self.task, self.views[0], self.views[-1])


def look_at(recording: Recording, most: int = LOOKS) -> Episode:
    """Looks that lie evenly over what is annotated; ValueError for fewer than two."""
    first, last = recording.span
    if not last > first:
        raise ValueError(f'{recording.name}: span {first}..{last}; it needs two frames or more')
    frames = set(np.linspace(first, last, most).round().astype(int).tolist())
    playing = enumerate(recording.play(start=first, stop=last + 1), first)
    seen = [views for frame, views in playing if frame in frames]
    if len(seen) != len(frames):
        raise ValueError(
            f'{recording.name}: {len(seen)} of {len(frames)} looks could be read from frames '
            f'{first}..{last}; is it shorter than its annotation?'
        )
    stamped = tuple(_at(views, number) for number, views in enumerate(seen))
    return Episode(recording.name, recording.instruction, stamped)


def draw(episode: Episode, count: int, rng: np.random.Generator) -> Iterator[tuple[Views, Views]]:
    """Pairs of different looks; what lies before comes second as often as first."""
    for _ in range(count):
        before, after = rng.choice(len(episode.views), 2, replace=False)
        yield _at(episode.views[before], 0), _at(episode.views[after], 1)


def ask(model: GRM, episode: Episode, pair: tuple[Views, Views]) -> Iterator[Hops]:
    """Begin anew, and let a model judge both looks of a pair, one after the other."""
    model.begin(episode.context)
    for views in pair:
        yield model.step(views)


def _at(views: Views, second: int) -> Views:
    return replace(views, stamps=dict.fromkeys(views.images, SECOND * (second + 1)))
