"""Hop samples on disk, in the form that the released training scripts read."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from robo_dopamine_ros.reward.vlm.hopdata import Hop, Sampling, answer, draw
from robo_dopamine_ros.reward.vlm.prompt import IMAGE, Prompt
from robo_dopamine_ros.types import VIEWS, Recording, Views

SAMPLES, PICTURES = 'hops.json', 'pictures'
CAMERAS = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')  # the published names of VIEWS
QUALITY = 95  # of JPEG


class Picture(NamedTuple):
    """One picture of a recording."""

    episode: int  # number of the recording
    frame: int
    view: str


def seats(recording: Recording) -> tuple[str, ...]:
    """The view of a recording in each of the three places of a question.

    A missing view is shown by the front one, as the published model was taught.
    """
    known = [view for view in VIEWS if view in recording.views]
    if not known:
        known = list(recording.views[: len(VIEWS)])
        return (*known, *[known[0]] * (len(VIEWS) - len(known)))
    return tuple(view if view in known else known[0] for view in VIEWS)


def pictures(hop: Hop, recordings: Sequence[Recording]) -> tuple[Picture, ...]:
    """The eight pictures of a question: start and end of the reference, before, after."""
    shown, own = recordings[hop.reference], seats(recordings[hop.episode])
    front = seats(shown)[0]
    return (
        *(Picture(hop.reference, frame, front) for frame in shown.span),
        *(Picture(hop.episode, hop.before, view) for view in own),
        *(Picture(hop.episode, hop.after, view) for view in own),
    )


def footage(
    recordings: Sequence[Recording], wanted: set[Picture]
) -> Iterator[tuple[Picture, np.ndarray]]:
    """Each wanted picture (H, W, 3) uint8 RGB once, recording by recording, while it plays."""
    for number, recording in enumerate(recordings):
        views: dict[int, set[str]] = {}
        for picture in wanted:
            if picture.episode == number:
                views.setdefault(picture.frame, set()).add(picture.view)
        if views:
            for frame, seen in _play(recording, min(views), max(views)):
                for view in sorted(views.get(frame, ())):
                    yield Picture(number, frame, view), seen.images[view]


def write(
    recordings: Sequence[Recording],
    folder: Path,
    prompt: Prompt,
    sampling: Sampling | None = None,
    seed: int = 0,
    report: Callable[[float, str], None] = lambda share, what: None,
) -> int:
    """Write samples and the pictures they name; gives the number of samples.

    Paths are relative to the folder, which is what the authors' scripts call data_path. The list
    is written last, so that it is never there without its pictures.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f'{folder} is not empty; give a new folder, nothing is written over')
    hops = draw(recordings, sampling or Sampling(), seed)
    items = [_item(index, hop, recordings, prompt) for index, hop in enumerate(hops)]
    wanted = {picture for hop in hops for picture in pictures(hop, recordings)}
    for index, (picture, image) in enumerate(footage(recordings, wanted)):
        _write_picture(folder / _path(picture, recordings), image)
        report(index / len(wanted), 'pictures')
    part = folder / f'{SAMPLES}.part'
    part.write_text(json.dumps(items, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
    part.replace(folder / SAMPLES)
    report(1.0, 'done')
    return len(items)


def task_of(recording: Recording) -> str:
    """The instruction; raises ValueError where there is none, for a model is asked in words."""
    if not recording.instruction:
        raise ValueError(f'{recording.name} has no instruction; say the task in words')
    return recording.instruction


def _item(index: int, hop: Hop, recordings: Sequence[Recording], prompt: Prompt) -> dict[str, Any]:
    recording = recordings[hop.episode]
    task = task_of(recording)
    question, reply = IMAGE.join(prompt.parts(task)), answer(hop.label)
    return {
        'id': f'{recording.name}-bf_{hop.before:06}-af_{hop.after:06}-{index:07}',
        'task': task,
        'image': [str(_path(picture, recordings)) for picture in pictures(hop, recordings)],
        'conversations': [
            {'from': 'human', 'value': question},
            {'from': 'gpt', 'value': reply},
        ],
    }


def _path(picture: Picture, recordings: Sequence[Recording]) -> Path:
    recording = recordings[picture.episode]
    name = dict(zip(VIEWS, CAMERAS, strict=True)).get(picture.view, f'cam_{picture.view}')
    episode = f'{picture.episode:03}_{recording.name}'  # two folders may hold the same names
    return Path(PICTURES, episode, name, f'frame_{picture.frame:06}.jpg')


def _write_picture(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(
        '.jpg', np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    if not done:
        raise ValueError(f'{path}: a picture of shape {image.shape} cannot be written as JPEG')
    path.write_bytes(data.tobytes())


def _play(recording: Recording, first: int, last: int) -> Iterator[tuple[int, Views]]:
    yield from enumerate(recording.play(start=first, stop=last + 1), first)
