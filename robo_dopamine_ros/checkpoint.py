"""Checkpoints: one safetensors file with tensors, metadata and configuration, written atomically.

Metadata and configuration are JSON in the header of the file. Also copying of named tensors into
and out of live networks, exactly or not at all.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

FORMAT = 1  # of the file


class CheckpointError(ValueError):
    """A checkpoint cannot be read, or does not fit its use."""


class StateError(ValueError):
    """Names, shapes or dtypes of saved tensors differ from those of the live ones."""


@dataclass(frozen=True)
class Checkpoint:
    """Contents of a checkpoint."""

    tensors: dict[str, Tensor]
    metadata: dict[str, Any]
    configuration: dict[str, Any]


def save(
    path: Path,
    tensors: Mapping[str, Tensor],
    configuration: Mapping[str, Any],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint; `metadata` is any JSON value, such as counters and random states."""
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    texts = {'facts': json.dumps(dict(metadata or {})), 'configuration': json.dumps(configuration)}
    header = {'format': str(FORMAT), 'digest': digest(whole, texts), **texts}
    write_atomic(path, safetensors.torch.save(whole, header))


def load(path: Path, configuration: Mapping[str, Any] | None = None) -> Checkpoint:
    """Read a checkpoint; CheckpointError if it is damaged or has another configuration."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f'{path}: cannot be read: {error.strerror}') from error
    try:
        length = int.from_bytes(data[:8], 'little')
        header = json.loads(data[8 : 8 + length])['__metadata__']
        version, saved_digest = int(header['format']), header['digest']
        texts = {key: header[key] for key in ('facts', 'configuration')}
        metadata, saved = (json.loads(text) for text in texts.values())
        tensors = safetensors.torch.load(data)
    except (ValueError, LookupError, TypeError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f'{path}: cut off, damaged or no checkpoint ({len(data)} bytes): {error}'
        ) from error
    if version != FORMAT:
        raise CheckpointError(f'{path}: has format {version}; this program reads {FORMAT}')
    if digest(tensors, texts) != saved_digest:
        raise CheckpointError(f'{path}: damaged: its contents are not those that were written')
    if configuration is not None:
        check_configuration(path, saved, configuration)
    return Checkpoint(tensors, metadata, saved)


def check_configuration(path: Path, saved: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise CheckpointError naming every entry of the saved configuration that differs here."""
    changes = [
        f'{key} is {there} in the file, {own} here'
        for key, there, own in differences(saved, json.loads(json.dumps(here)))
    ]
    if changes:
        raise CheckpointError(f'{path}: of another configuration: {"; ".join(changes)}')


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file as a whole; durable when this returns, unchanged if it raises OSError."""
    part = path.with_name(f'{path.name}.part')
    try:
        with part.open('wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def digest(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    """SHA-256 of the texts and of names, shapes, dtypes and bytes of CPU tensors."""
    sha = hashlib.sha256('\n'.join(texts[key] for key in sorted(texts)).encode())
    for name in sorted(tensors):
        value = tensors[name]
        sha.update(f'\n{name} {tuple(value.shape)} {value.dtype}\n'.encode())
        sha.update(value.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def differences(
    saved: Mapping[str, Any], here: Mapping[str, Any], prefix: str = ''
) -> Iterator[tuple[str, Any, Any]]:
    """Dotted key, saved value and current value of every entry that differs; 'absent' if none."""
    for key in sorted({*saved, *here}):
        there, own = saved.get(key, 'absent'), here.get(key, 'absent')
        if isinstance(there, dict) and isinstance(own, dict):
            yield from differences(there, own, f'{prefix}{key}.')
        elif there != own:
            yield f'{prefix}{key}', there, own


def copy_tensors(live: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Detached copies of named tensors."""
    return {name: value.detach().clone() for name, value in live.items()}


@torch.no_grad()
def restore_tensors(live: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Copy saved tensors into the live ones in place; StateError, before any change, on misfit."""
    faults = [f'{name} is missing' for name in live.keys() - saved.keys()]
    faults += [f'{name} is not known here' for name in saved.keys() - live.keys()]
    faults += [
        f'{name} is {_shape_and_dtype(saved[name])}, here {_shape_and_dtype(live[name])}'
        for name in live.keys() & saved.keys()
        if _shape_and_dtype(saved[name]) != _shape_and_dtype(live[name])
    ]
    if faults:
        more = f' and {len(faults) - 5} more' if len(faults) > 5 else ''
        raise StateError(f'these tensors do not fit: {"; ".join(sorted(faults)[:5])}{more}')
    for name, value in live.items():
        value.copy_(saved[name])


def _shape_and_dtype(value: Tensor) -> str:
    return f'{tuple(value.shape)} {str(value.dtype).removeprefix("torch.")}'


def use_threads(count: int) -> None:
    """Set the number of CPU threads of torch; small networks are fastest with one."""
    torch.set_num_threads(count)
