from collections.abc import Callable, Iterator
from dataclasses import dataclass

from robo_dopamine_ros.types import VIEWS, Views


@dataclass(frozen=True)
class Footage:
    """The pictures of an episode, whatever they are stored as."""

    rate: float | None  # [Hz]; None when the files do not say
    length: int  # frames
    views: tuple[str, ...]
    play: Callable[[float], Callable[..., Iterator[Views]]]  # rate [Hz] -> what Recording.play is


def in_usual_order(views: list[str]) -> list[str]:
    """Sort view names: the usual three first, in the order models see them."""
    return sorted(views, key=lambda view: (VIEWS.index(view) if view in VIEWS else 9, view))


def picked(length: int, stride: int, start: int, stop: int | None) -> range:
    """Check a request to play and give the frames it names."""
    if not stride >= 1:
        raise ValueError(f'stride = {stride}; it must be 1 or more')
    end = length if stop is None else stop
    if not 0 <= start < end <= length:
        raise ValueError(f'frames {start}..{end} asked for, but the episode has 0..{length}')
    return range(start, end, stride)
