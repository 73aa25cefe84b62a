"""Goal images of a model folder: one PNG of the finished task for each view."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.types import Recording, Views

GOAL_DIR = 'goal'  # subfolder of a model folder


def goal_views(recording: Recording) -> Views:
    """The last annotated frame of a recording, at the size of the camera image."""
    last = recording.span[1]
    return next(recording.play(start=last, stop=last + 1))


def write_goal_images(folder: Path, goal: Views, views: Sequence[str]) -> None:
    """Write VIEW.png for each of these views."""
    folder.mkdir(parents=True, exist_ok=True)
    for view in views:
        cv2.imwrite(str(folder / f'{view}.png'), np.ascontiguousarray(goal.images[view][..., ::-1]))


def read_goal_images(folder: Path, views: Sequence[str], least: int | None = None) -> Views:
    """Read VIEW.png of these views; those after the first `least` are optional.

    Raises ModelError naming an image that is missing or cannot be decoded.
    """
    images = {}
    for number, view in enumerate(views):
        path = folder / f'{view}.png'
        if least is not None and number >= least and not path.exists():
            continue
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise ModelError(f'{path} is missing or no picture')
        images[view] = np.ascontiguousarray(image[..., ::-1])
    return Views(images, dict.fromkeys(images, 0))
