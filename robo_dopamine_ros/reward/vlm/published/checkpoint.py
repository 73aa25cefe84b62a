"""Opening a published GRM: its network, words, pictures and manner of speaking."""

import importlib
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.telling import Report, silent
from robo_dopamine_ros.reward.vlm.published.chat import Chat, read_chat
from robo_dopamine_ros.reward.vlm.published.family import Family, family_of
from robo_dopamine_ros.reward.vlm.published.hub import find
from robo_dopamine_ros.reward.vlm.published.pictures import ImageSettings, read_images
from robo_dopamine_ros.reward.vlm.published.place import (
    check_fit,
    choose_device,
    choose_dtype,
    free_memory,
    is_shortage,
    memory_told,
)
from robo_dopamine_ros.reward.vlm.published.weights import AGAIN, Weights, survey


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory."""

    name: str  # as it was asked for: that of the folder, or on the hub
    folder: Path
    family: Family
    model: Any  # of transformers, in evaluation mode and without gradients
    tokenizer: Tokenizer
    images: ImageSettings
    render: Chat

    def chat(self, parts: Sequence[str]) -> str:
        """The whole prompt for one message: texts with a picture between any two of them."""
        return self.render(parts)


def open_checkpoint(
    name: str | Path,
    device: str = 'auto',
    dtype: str = 'auto',
    report: Report = silent,
) -> Checkpoint:
    """Open a folder or a name on the hub; ModelError naming the file and the cure.

    Device 'auto' is a GPU where there is one. Precision 'auto' is bfloat16 on a GPU that has it,
    float16 on an older one, float32 on a CPU. `report` is told of the progress, from any thread.
    """
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    folder = find(name, report)
    family = family_of(read_config(folder), folder / 'config.json')
    tokenizer = read_tokenizer(folder)
    images, chat = read_images(folder, family), read_chat(folder)
    weights = survey(folder)
    check_fit(weights.count, kind, place, free_memory(place))
    with memory_told(weights.count, kind, place), silence(report):
        model = read_model(folder, family, weights, place, kind)
    told = Path(name).resolve().name if folder == Path(name).expanduser() else str(name)
    return Checkpoint(told, folder, family, model, tokenizer, images, chat)


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a checkpoint."""
    path = folder / 'config.json'
    try:
        config = json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise ModelError(f'{folder} is no checkpoint: it has no config.json') from None
    except (OSError, ValueError) as error:
        raise ModelError(f'{path} is no JSON ({error}); {AGAIN}') from error
    if not isinstance(config, dict):
        raise ModelError(f'{path} is no JSON object; {AGAIN}')
    return config


def read_tokenizer(folder: Path) -> Tokenizer:
    """tokenizer.json of a checkpoint."""
    path = folder / 'tokenizer.json'
    if not path.exists():
        raise ModelError(f'{path} is missing; copy it from the checkpoint')
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more telling
        raise ModelError(f'{path} is no tokenizer ({error}); {AGAIN}') from error


def read_model(
    folder: Path, family: Family, weights: Weights, device: torch.device, kind: torch.dtype
) -> Any:
    """Load the network; weights that are missing or too many are a ModelError, never random."""
    library: Any = importlib.import_module('transformers')  # takes seconds; loosely typed
    spread = {'device_map': {'': device}} if device.type == 'cuda' else {}
    try:
        model, found = getattr(library, family.architecture).from_pretrained(
            folder,
            dtype=kind,
            attn_implementation='sdpa',
            local_files_only=True,
            output_loading_info=True,
            **spread,
        )
    except Exception as error:  # whatever the library stumbles over
        if is_shortage(error):
            raise
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f'{folder} does not load as {family.architecture}: {first}') from error
    missing = sorted(found['missing_keys']) + [str(key) for key in found['mismatched_keys']]
    if missing:
        told = f'{len(missing)} weights of {family.architecture}, such as {missing[0]}'
        raise ModelError(f'{weights.files[0]}: without {told}; {AGAIN}, and config.json')
    return model.eval().requires_grad_(False)


@contextmanager
def silence(report: Report = silent) -> Iterator[None]:
    """Keep the library's bars and warnings off the screen, and report what the bars would show."""
    voice: Any = importlib.import_module('transformers.utils.logging')
    logger = logging.getLogger('transformers')
    level = logger.level

    def count(items: Any) -> Iterator[Any]:
        total = len(items)
        for done, item in enumerate(items):
            report(done / total, 'reading weights')
            yield item
        report(1.0, 'reading weights')

    def bar(factory: Any, values: tuple[Any, ...], options: dict[str, Any]) -> Any:
        counted = (count(values[0]), *values[1:]) if values else values
        return factory(*counted, **{**options, 'disable': True})

    before = voice.set_tqdm_hook(bar)
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
        voice.set_tqdm_hook(before)
