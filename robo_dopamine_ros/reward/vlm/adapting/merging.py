"""A checkpoint with an adapter merged in, in the files and types of the one it came from.

Weights are added in float32 and rounded once, file by file: names, parts and types stay what they
were, so whatever reads the base reads the result.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.vlm.published.weights import list_files

COPIED = ('.json', '.txt', '.jinja', '.model')  # beside weights: configuration, tokenizer, template


def deltas(model: torch.nn.Module) -> dict[str, Tensor]:
    """What the adapters of a model add to each weight, float32 on the CPU, by `place`."""
    found = {}
    for name, module in model.named_modules():
        if hasattr(module, 'get_delta_weight'):
            delta = module.get_delta_weight('default')
            found[place(f'{name}.weight')] = delta.detach().float().cpu()
    return found


def place(name: str) -> str:
    """The part of a weight's name that all versions of transformers write alike."""
    found = re.search(r'(visual\..*|layers\..*)', name.replace('.base_layer', ''))
    return found[0] if found else name


def merge(base: Path, folder: Path, added: Mapping[str, Tensor]) -> None:
    """Copy a checkpoint folder, with something added to some of its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    left = dict(added)
    for path in list_files(base):
        with safetensors.safe_open(path, 'pt') as file:
            header = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name in tensors:
            delta = left.pop(place(name), None)
            if delta is not None:
                tensors[name] = (tensors[name].float() + delta).to(tensors[name].dtype)
        safetensors.torch.save_file(tensors, folder / path.name, header)
    if left:
        raise ModelError(
            f'{base}: {len(left)} adapted weights are not in its files, {min(left)} for one; '
            'their names are of a version that is not known here'
        )
    for path in base.iterdir():
        if path.suffix in COPIED and path.is_file() and not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
