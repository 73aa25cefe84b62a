"""Keeps a small picture of every view now and then, for the film strip."""

import numpy as np

from robo_dopamine_ros.data.filmstrip import Shot, filled
from robo_dopamine_ros.nodes.observer import Observer
from robo_dopamine_ros.ros.cameras import CameraParameters, open_cameras
from robo_dopamine_ros.types import SECOND, Views

EVERY = 0.25  # [s] between pictures
WIDTH = 240  # [px]


class Album:
    """Looks at the cameras of a running cell; one thread at a time may call `look`."""

    def __init__(self, observer: Observer, views: tuple[str, ...]) -> None:
        self._cameras = open_cameras(observer.node, CameraParameters(views=views))
        self._kept: list[Views] = []

    def look(self) -> None:
        """Keep the newest pictures, unless those kept last are about as new."""
        match = self._cameras.take()
        if match is None or not match.pictures:
            return
        if self._kept and match.stamp - self._kept[-1].stamp < EVERY * SECOND:
            return
        views, _ = self._cameras.convert(match)
        if views.images:
            small = {view: _thumbnail(image) for view, image in views.images.items()}
            self._kept.append(Views(small, views.stamps))

    def between(self, start: int, end: int) -> list[Shot]:
        """Pictures stamped within a span [ns], timed from its start."""
        kept = [views for views in self._kept if start <= views.stamp <= end]
        return [Shot((views.stamp - start) / SECOND, views.images) for views in kept]


def _thumbnail(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return filled(image, (WIDTH, round(WIDTH * height / width)))
