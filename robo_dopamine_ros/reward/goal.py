"""The finished task, as a model folder keeps it: one picture for each view."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.types import Recording, Views

GOAL = 'goal'  # name of the folder with the pictures, in that of a model


def goal_of(recording: Recording) -> Views:
    """The last annotated frame of a recording, at the camera's own size."""
    last = recording.span[1]
    return next(recording.play(start=last, stop=last + 1))


def write_goal(folder: Path, goal: Views, views: Sequence[str]) -> None:
    """Write VIEW.png for each of these views."""
    folder.mkdir(parents=True, exist_ok=True)
    for view in views:
        cv2.imwrite(str(folder / f'{view}.png'), np.ascontiguousarray(goal.images[view][..., ::-1]))


def read_goal(folder: Path, views: Sequence[str], least: int | None = None) -> Views:
    """Read VIEW.png of these views; beyond the first `least` one may be missing.

    Raises ModelError naming a picture that is missing or none.
    """
    images = {}
    for number, view in enumerate(views):
        path = folder / f'{view}.png'
        if least is not None and number >= least and not path.exists():
            continue
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise ModelError(f'{path} is missing or no picture')
        images[view] = np.ascontiguousarray(picture[..., ::-1])
    return Views(images, dict.fromkeys(images, 0))
