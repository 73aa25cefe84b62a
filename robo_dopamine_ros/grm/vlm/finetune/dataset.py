"""The images of hops, and hop samples on disk in the format of the authors' training scripts."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from robo_dopamine_ros.grm.protocol import ProgressCallback, ignore_progress
from robo_dopamine_ros.grm.vlm.finetune.sampler import (
    HopSample,
    HopSampling,
    answer_text,
    sample_hops,
)
from robo_dopamine_ros.grm.vlm.query.prompt import IMAGE, Prompt
from robo_dopamine_ros.grm.vlm.settings import PADDING_GREY
from robo_dopamine_ros.types import VIEWS, Recording

SAMPLES_FILE, IMAGE_DIR = 'hops.json', 'pictures'
CAMERA_NAMES = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')  # VIEWS in the published format
JPEG_QUALITY = 95
FRONT, BLANK_VIEW = VIEWS[0], ''  # BLANK_VIEW: the recording lacks the view


class ImageRef(NamedTuple):
    """One image of a recording."""

    episode: int  # number of the recording
    frame: int
    view: str


def view_slots(recording: Recording) -> tuple[str, ...]:
    """Views of a recording for the three images of one time in the prompt, as at inference.

    A single camera fills all three; of two, the missing one is BLANK_VIEW.
    """
    views = recording.views
    if len(views) == 1:
        return tuple(views * 3)
    if FRONT in views:
        return tuple(view if view in views else BLANK_VIEW for view in VIEWS)
    return (*views, BLANK_VIEW)[:3]


def hop_images(hop: HopSample, recordings: Sequence[Recording]) -> tuple[ImageRef, ...]:
    """The eight images of the prompt: start and end of the reference, views before and after."""
    reference, own = recordings[hop.reference], recordings[hop.episode]
    front, first = view_slots(reference)[0], own.span[0]
    return (
        *(ImageRef(hop.reference, frame, front) for frame in reference.span),
        *(
            ImageRef(hop.episode, frame if view else first, view)  # all blank ones are the same
            for frame in (hop.before, hop.after)
            for view in view_slots(own)
        ),
    )


def load_images(
    recordings: Sequence[Recording], wanted: set[ImageRef]
) -> Iterator[tuple[ImageRef, np.ndarray]]:
    """Yield each wanted image (H, W, 3) uint8 RGB once, playing each recording once."""
    for number, recording in enumerate(recordings):
        views: dict[int, set[str]] = {}
        for ref in wanted:
            if ref.episode == number:
                views.setdefault(ref.frame, set()).add(ref.view)
        if views:
            first, last = min(views), max(views)
            for frame, current in enumerate(recording.play(start=first, stop=last + 1), first):
                for view in sorted(views.get(frame, ())):
                    images = current.images
                    blank = np.full_like(next(iter(images.values())), PADDING_GREY)
                    yield ImageRef(number, frame, view), images[view] if view else blank


def write_dataset(
    recordings: Sequence[Recording],
    folder: Path,
    prompt: Prompt,
    sampling: HopSampling | None = None,
    seed: int = 0,
    report: ProgressCallback = ignore_progress,
) -> int:
    """Write samples and their images; returns the number of samples.

    Paths are relative to the folder, the data_path of the authors' scripts. The list of samples is
    written last, so that it never exists without its images.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f'{folder} is not empty; give a new folder, nothing is written over')
    hops = sample_hops(recordings, sampling or HopSampling(), seed)
    items = [_item(index, hop, recordings, prompt) for index, hop in enumerate(hops)]
    wanted = {ref for hop in hops for ref in hop_images(hop, recordings)}
    for index, (ref, image) in enumerate(load_images(recordings, wanted)):
        _write_image(folder / _path(ref, recordings), image)
        report(index / len(wanted), 'pictures')
    part = folder / f'{SAMPLES_FILE}.part'
    part.write_text(json.dumps(items, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
    part.replace(folder / SAMPLES_FILE)
    report(1.0, 'done')
    return len(items)


def require_instruction(recording: Recording) -> str:
    """The instruction of a recording; ValueError if it has none."""
    if not recording.instruction:
        raise ValueError(f'{recording.name} has no instruction; say the task in words')
    return recording.instruction


def _item(
    index: int, hop: HopSample, recordings: Sequence[Recording], prompt: Prompt
) -> dict[str, Any]:
    recording = recordings[hop.episode]
    task = require_instruction(recording)
    question, reply = IMAGE.join(prompt.parts(task)), answer_text(hop.label)
    return {
        'id': f'{recording.name}-bf_{hop.before:06}-af_{hop.after:06}-{index:07}',
        'task': task,
        'image': [str(_path(ref, recordings)) for ref in hop_images(hop, recordings)],
        'conversations': [{'from': 'human', 'value': question}, {'from': 'gpt', 'value': reply}],
    }


def _path(ref: ImageRef, recordings: Sequence[Recording]) -> Path:
    recording = recordings[ref.episode]
    names = {**dict(zip(VIEWS, CAMERA_NAMES, strict=True)), BLANK_VIEW: 'blank'}
    name = names.get(ref.view, f'cam_{ref.view}')
    episode = f'{ref.episode:03}_{recording.name}'  # recordings of two folders may have one name
    return Path(IMAGE_DIR, episode, name, f'frame_{ref.frame:06}.jpg')


def _write_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(
        '.jpg', np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise ValueError(f'{path}: a picture of shape {image.shape} cannot be written as JPEG')
    path.write_bytes(data.tobytes())
