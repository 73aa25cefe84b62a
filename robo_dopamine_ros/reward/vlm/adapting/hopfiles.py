"""Hop samples on disk, in the form that the released training scripts read."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from robo_dopamine_ros.reward.telling import Report, silent
from robo_dopamine_ros.reward.vlm.adapting.hopdata import Hop, Sampling, answer, draw
from robo_dopamine_ros.reward.vlm.query.prompt import IMAGE, Prompt
from robo_dopamine_ros.reward.vlm.settings import GREY
from robo_dopamine_ros.types import VIEWS, Recording, Views

SAMPLES, PICTURES = 'hops.json', 'pictures'
CAMERAS = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')  # the published names of VIEWS
QUALITY = 95  # of JPEG
FRONT, BLANK = VIEWS[0], ''  # BLANK: a view that the recording lacks


class Picture(NamedTuple):
    """One picture of a recording."""

    episode: int  # number of the recording
    frame: int
    view: str


def seats(recording: Recording) -> tuple[str, ...]:
    """The view of a recording in each of the three places of a question, as in use.

    A single camera stands in all three; of two, the place of the missing one is BLANK.
    """
    views = recording.views
    if len(views) == 1:
        return tuple(views * 3)
    if FRONT in views:
        return tuple(view if view in views else BLANK for view in VIEWS)
    return (*views, BLANK)[:3]


def pictures(hop: Hop, recordings: Sequence[Recording]) -> tuple[Picture, ...]:
    """The eight pictures of a question: start and end of the reference, before, after."""
    shown, own = recordings[hop.reference], recordings[hop.episode]
    front, first = seats(shown)[0], own.span[0]
    return (
        *(Picture(hop.reference, frame, front) for frame in shown.span),
        *(
            Picture(hop.episode, frame if view else first, view)  # all blank ones are one
            for frame in (hop.before, hop.after)
            for view in seats(own)
        ),
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
                    image = seen.images[view] if view else _blank(seen)
                    yield Picture(number, frame, view), image


def write(
    recordings: Sequence[Recording],
    folder: Path,
    prompt: Prompt,
    sampling: Sampling | None = None,
    seed: int = 0,
    report: Report = silent,
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
    names = {**dict(zip(VIEWS, CAMERAS, strict=True)), BLANK: 'blank'}
    name = names.get(picture.view, f'cam_{picture.view}')
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


def _blank(seen: Views) -> np.ndarray:
    return np.full_like(next(iter(seen.images.values())), GREY)


def _play(recording: Recording, first: int, last: int) -> Iterator[tuple[int, Views]]:
    yield from enumerate(recording.play(start=first, stop=last + 1), first)
