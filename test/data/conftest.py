"""Small synthetic episodes."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from robo_dopamine_ros.types import SECOND, VIEWS, Outcome, Recording, Views

SIZE = (64, 48)


def frame(view: int, index: int, length: int) -> np.ndarray:
    """An image in which a bright bar moves with time; the color encodes the view."""
    image = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    image[..., view] = 90
    x = round(index / max(1, length - 1) * (SIZE[0] - 8))
    image[:, x : x + 8] = 220
    return image


def make_recording(
    length: int = 12, views: tuple[str, ...] = VIEWS, **changes: object
) -> Recording:
    """A recording in memory."""
    rate = float(changes.pop('rate', 10.0))  # type: ignore[arg-type]

    def play(size=None, stride=1, start=0, stop=None):
        for index in range(start, length if stop is None else stop, stride):
            images = {view: frame(i, index, length) for i, view in enumerate(views)}
            yield Views(images, dict.fromkeys(views, round(index * SECOND / rate)))

    fields = {
        'name': 'synthetic',
        'span': (0, length - 1),
        'instruction': 'insert the peg',
        'outcome': Outcome.SUCCESS,
        'grade': 'success',
    }
    return Recording(rate=rate, length=length, views=views, play=play, **(fields | changes))


def write_video(path: Path, length: int, rate: float = 30.0) -> None:
    """An MPEG-4 file of the moving bar."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), rate, SIZE)
    for index in range(length):
        writer.write(frame(0, index, length))
    writer.release()


@pytest.fixture
def paper_folder(tmp_path):
    """Build the paper's folder: paper_folder(high=20, left_wrist=20, ...), videos by length."""

    def build(rates=None, annotation=None, **lengths):
        folder = tmp_path / 'task' / 'episode_001'
        folder.mkdir(parents=True)
        (folder.parent / 'task_instruction.json').write_text('["stack the cups", "pile them"]')
        lengths = lengths or {'high': 20, 'left_wrist': 20, 'right_wrist': 20}
        for name, length in lengths.items():
            write_video(folder / f'cam_{name}.mp4', length, (rates or {}).get(name, 30.0))
        if annotation is not None:
            text = annotation if isinstance(annotation, str) else json.dumps(annotation)
            (folder / 'annotated_keyframes.json').write_text(text)
        return folder

    return build


@pytest.fixture(scope='session')
def recording():
    """Makes recordings in memory."""
    return make_recording
