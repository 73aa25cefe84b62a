"""Frames of an episode, independent of the file format."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.types import VIEWS, Recording, Views

VIEW_PREFIX = 'cam_'  # of names in the paper
FRONT_VIEW, PAPERS_FRONT_VIEW = VIEWS[0], 'high'
Size = tuple[int, int]  # (width, height) [px]


@dataclass(frozen=True)
class FrameSource:
    """All frames of an episode on disk."""

    rate: float | None  # [Hz]; None when the files do not say
    length: int  # frames that every view has
    longest: int  # frames of the longest view
    views: tuple[str, ...]
    play: Callable[[float], Callable[..., Iterator[Views]]]  # rate [Hz] -> Recording.play


class FolderLayout(Protocol):
    """A way to store the frames of an episode in its folder; modules implement it."""

    def matches(self, folder: Path) -> bool:
        """Whether a folder holds frames in this layout."""

    def open_frames(self, folder: Path, tolerance: int) -> FrameSource:
        """Open the frames; views may differ by `tolerance` frames. Raises EpisodeError."""

    def save(self, recording: Recording, folder: Path) -> None:
        """Write the frames of a recording."""


def named_views(folder: Path, paths: Iterable[Path]) -> dict[str, Path]:
    """Files or folders by the view that their names say: `cam_high.mp4` and `front/` are `front`.

    EpisodeError where two of them are of one view.
    """
    found: dict[str, Path] = {}
    for path in sorted(paths):
        name = path.name.removesuffix('.mp4').removeprefix(VIEW_PREFIX)
        view = FRONT_VIEW if name == PAPERS_FRONT_VIEW else name
        if view in found:
            raise EpisodeError(
                f'{folder}: {found[view].name} and {path.name} are both the view {view}; keep one'
            )
        found[view] = path
    return {view: found[view] for view in sorted_views(list(found))}


def sorted_views(views: list[str]) -> list[str]:
    """Sort view names: the usual three first, in the order models take them."""
    return sorted(views, key=lambda view: (VIEWS.index(view) if view in VIEWS else 9, view))


def frame_range(length: int, stride: int, start: int, stop: int | None) -> range:
    """Frames start, start + stride .. below `stop`; ValueError outside 0..length."""
    if not stride >= 1:
        raise ValueError(f'stride = {stride}; it must be 1 or more')
    end = length if stop is None else stop
    if not 0 <= start < end <= length:
        raise ValueError(f'frames {start}..{end} asked for, but the episode has 0..{length}')
    return range(start, end, stride)


def resize(image: np.ndarray, size: Size | None) -> np.ndarray:
    """Scale an image to (W, H); area averaging when it becomes smaller."""
    height, width = image.shape[:2]
    if size is None or size == (width, height):
        return image
    smaller = size[0] <= width and size[1] <= height
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
