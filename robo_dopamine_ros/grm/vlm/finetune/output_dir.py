"""The output directory of an adaptation: the merged checkpoint, or the state of a training.

The checkpoint has the file names, tensor names and dtypes of its base, so that whatever loads the
base loads the result. The adapter is added in float32 and rounded once.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from robo_dopamine_ros.grm.goal_images import GOAL_DIR
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.published.weights import list_weight_files

WORK_DIR = 'training'  # exists while the training is unfinished
ADAPTER_DIR, CARD_FILE = 'adapter', 'adaptation.json'
CONFIG_FILE = 'config.json'  # moved into place last: it makes a directory a checkpoint
DISK_MARGIN = 1.05  # disk space over the size of the files
# Configuration, tokenizer and template, copied from the base.
COPIED_SUFFIXES = ('.json', '.txt', '.jinja', '.model')


def refuse_used_dir(folder: Path) -> None:
    """Raise ValueError for a directory with anything but an unfinished training."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if (folder / CARD_FILE).exists() and (folder / CONFIG_FILE).exists():
        shutil.rmtree(folder / WORK_DIR, ignore_errors=True)  # left by an interrupted move
        raise ValueError(f'{folder} holds a finished adaptation; give a new folder')
    if not (folder / WORK_DIR).is_dir():
        raise ValueError(f'{folder} is not empty; give a new folder, nothing is written over')


def check_disk_space(folder: Path, needed: int) -> None:
    """Raise ModelError if the disk has less than `needed` bytes free."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    needed_bytes = DISK_MARGIN * needed
    if free < needed_bytes:
        raise ModelError(
            f'{folder}: {free / 1e9:.1f} GB free on its disk, {needed_bytes / 1e9:.1f} GB needed '
            'for the adapted model and what is kept meanwhile; free some or choose another disk'
        )


def adapter_deltas(model: torch.nn.Module) -> dict[str, Tensor]:
    """What the adapters add to each weight, float32 on the CPU, by `stored_name`."""
    deltas = {}
    for name, module in model.named_modules():
        if hasattr(module, 'get_delta_weight'):
            delta = module.get_delta_weight('default')
            deltas[stored_name(f'{name}.weight')] = delta.detach().float().cpu()
    return deltas


def stored_name(name: str) -> str:
    """The part of a weight's name that is the same in all versions of transformers."""
    found = re.search(r'(visual\..*|layers\..*)', name.replace('.base_layer', ''))
    return found[0] if found else name


def write_merged(base: Path, folder: Path, deltas: Mapping[str, Tensor]) -> None:
    """Copy a checkpoint and add deltas to its weights; ModelError for a delta without a weight."""
    folder.mkdir(parents=True, exist_ok=True)
    left = dict(deltas)
    for path in list_weight_files(base):
        with safetensors.safe_open(path, 'pt') as file:
            header = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name in tensors:
            delta = left.pop(stored_name(name), None)
            if delta is not None:
                tensors[name] = (tensors[name].float() + delta).to(tensors[name].dtype)
        safetensors.torch.save_file(tensors, folder / path.name, header)
    if left:
        raise ModelError(
            f'{base}: {len(left)} adapted weights are not in its files, {min(left)} for one; '
            'their names are of a version that is not known here'
        )
    for path in base.iterdir():
        if path.suffix in COPIED_SUFFIXES and path.is_file() and not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)


def move_into_place(result: Path, folder: Path) -> None:
    """Move the checkpoint from the work directory to `folder` and remove the work directory."""
    for name in (ADAPTER_DIR, GOAL_DIR):
        shutil.rmtree(folder / name, ignore_errors=True)  # left by an interrupted move
    for path in sorted(result.iterdir(), key=lambda path: (path.name == CONFIG_FILE, path.name)):
        path.replace(folder / path.name)
    shutil.rmtree(folder / WORK_DIR)
