"""A published GRM checkpoint: loads network, tokenizer, image settings and chat template."""

import importlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from robo_dopamine_ros.grm.protocol import ModelError, ProgressCallback, ignore_progress
from robo_dopamine_ros.grm.vlm.device import (
    check_fit,
    choose_device,
    choose_dtype,
    explain_out_of_memory,
    free_memory,
    is_out_of_memory,
)
from robo_dopamine_ros.grm.vlm.image_processor import ImageSettings, read_image_settings
from robo_dopamine_ros.grm.vlm.published.family import ModelFamily, detect_family
from robo_dopamine_ros.grm.vlm.published.hub import find_checkpoint
from robo_dopamine_ros.grm.vlm.published.weights import COPY_AGAIN, WeightFiles, inspect_weights

ChatRenderer = Callable[[Sequence[str]], str]  # texts around the images -> the whole prompt


@dataclass(frozen=True)
class PublishedCheckpoint:
    """A checkpoint in memory."""

    name: str  # as requested: of the folder, or on the hub
    folder: Path
    family: ModelFamily
    model: Any  # transformers model in evaluation mode, without gradients
    tokenizer: Tokenizer
    images: ImageSettings
    render_chat: ChatRenderer  # one user message, an image between any two of the texts


def open_checkpoint(
    name: str | Path,
    device: str = 'auto',
    dtype: str = 'auto',
    report: ProgressCallback = ignore_progress,
) -> PublishedCheckpoint:
    """Load a checkpoint folder or hub model; ModelError names the file and the remedy.

    Device 'auto' is a GPU if there is one. Precision 'auto' is bfloat16 on a GPU that supports it,
    float16 on an older one, float32 on a CPU. `report` may be called from any thread.
    """
    torch_device = choose_device(device)
    torch_dtype = choose_dtype(dtype, torch_device)
    folder = find_checkpoint(name, report)
    family = detect_family(read_config(folder), folder / 'config.json')
    tokenizer = read_tokenizer(folder)
    images, render_chat = read_image_settings(folder, family), read_chat_template(folder)
    weights = inspect_weights(folder)
    check_fit(weights.count, torch_dtype, torch_device, free_memory(torch_device))
    with (
        explain_out_of_memory(weights.count, torch_dtype, torch_device),
        quiet_transformers(report),
    ):
        model = read_model(folder, family, weights, torch_device, torch_dtype)
    shown = Path(name).resolve().name if folder == Path(name).expanduser() else str(name)
    return PublishedCheckpoint(shown, folder, family, model, tokenizer, images, render_chat)


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a checkpoint; ModelError if it is missing or no JSON object."""
    path = folder / 'config.json'
    try:
        config = json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise ModelError(f'{folder} is no checkpoint: it has no config.json') from None
    except (OSError, ValueError) as error:
        raise ModelError(f'{path} is no JSON ({error}); {COPY_AGAIN}') from error
    if not isinstance(config, dict):
        raise ModelError(f'{path} is no JSON object; {COPY_AGAIN}')
    return config


def read_tokenizer(folder: Path, remedy: str = COPY_AGAIN) -> Tokenizer:
    """The tokenizer.json of a folder; ModelError if it is missing or damaged."""
    path = folder / 'tokenizer.json'
    if not path.exists():
        raise ModelError(f'{path} is missing; copy it from the checkpoint')
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        raise ModelError(f'{path} is no tokenizer ({error}); {remedy}') from error


def read_model(
    folder: Path,
    family: ModelFamily,
    weights: WeightFiles,
    device: torch.device,
    dtype: torch.dtype,
) -> Any:
    """Load the network; ModelError for missing or mismatched weights, never random ones."""
    library: Any = importlib.import_module('transformers')  # takes seconds; loosely typed
    placement = {'device_map': {'': device}} if device.type == 'cuda' else {}
    try:
        model, loading = getattr(library, family.architecture).from_pretrained(
            folder,
            dtype=dtype,
            attn_implementation='sdpa',
            local_files_only=True,
            output_loading_info=True,
            **placement,
        )
    except Exception as error:  # the library raises errors of many classes
        if is_out_of_memory(error):
            raise
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f'{folder} does not load as {family.architecture}: {first}') from error
    missing = sorted(loading['missing_keys']) + [str(key) for key in loading['mismatched_keys']]
    if missing:
        which = f'{len(missing)} weights of {family.architecture}, such as {missing[0]}'
        raise ModelError(f'{weights.files[0]}: without {which}; {COPY_AGAIN}, and config.json')
    return model.eval().requires_grad_(False)


@contextmanager
def quiet_transformers(report: ProgressCallback = ignore_progress) -> Iterator[None]:
    """Suppress the progress bars and warnings of transformers; report the progress instead."""
    transformers_logging: Any = importlib.import_module('transformers.utils.logging')
    logger = logging.getLogger('transformers')
    level = logger.level

    def count(items: Any) -> Iterator[Any]:
        total = len(items)
        for done, item in enumerate(items):
            report(done / total, 'reading weights')
            yield item
        report(1.0, 'reading weights')

    def hook(factory: Any, values: tuple[Any, ...], options: dict[str, Any]) -> Any:
        counted = (count(values[0]), *values[1:]) if values else values
        return factory(*counted, **{**options, 'disable': True})

    before = transformers_logging.set_tqdm_hook(hook)
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
        transformers_logging.set_tqdm_hook(before)


def read_chat_template(folder: Path) -> ChatRenderer:
    """Compile the chat template of a checkpoint; ModelError if it is missing or invalid."""
    template = read_template_text(folder)
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=['jinja2.ext.loopcontrols']
    )
    environment.globals['raise_exception'] = refuse
    try:
        compiled = environment.from_string(template)
    except TemplateError as error:
        raise ModelError(f'{folder}: chat template: {error}') from error

    def render(parts: Sequence[str]) -> str:
        """One user message with an image between any two parts, and the start of the reply."""
        content: list[dict[str, str]] = []
        for part in parts:
            content += ({'type': 'image'}, {'type': 'text', 'text': part})
        messages = [{'role': 'user', 'content': content[1:]}]
        try:
            return compiled.render(messages=messages, add_generation_prompt=True)
        except (TemplateError, TypeError, ValueError) as error:
            raise ModelError(f'{folder}: chat template: {error}') from error

    return render


def read_template_text(folder: Path) -> str:
    """Text of the template, from any of its possible files; ModelError lists them."""
    own_file = folder / 'chat_template.jinja'
    if own_file.exists():
        return own_file.read_text(encoding='utf-8')
    others = ('chat_template.json', 'tokenizer_config.json', 'processor_config.json')
    for path in (folder / name for name in others):
        try:
            found = json.loads(path.read_text(encoding='utf-8')).get('chat_template')
        except FileNotFoundError:
            continue
        except (OSError, ValueError, AttributeError) as error:
            raise ModelError(f'{path}: {error}; copy the file again') from error
        if isinstance(found, str):
            return found
    wanted = ', '.join((own_file.name, *others))
    raise ModelError(f'{folder} has no chat template ({wanted}); copy it from the checkpoint')
