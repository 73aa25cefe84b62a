"""Checkpoints: one safetensors file with tensors, facts and configuration; there whole or not.

Facts and configuration are JSON in the file's header. A file is written beside its place and
renamed into it once it is on the disk, so a crash or a full disk leaves the one before.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

FORMAT = 1  # of the file; raised when old ones can no longer be read


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, or must not be used here."""


@dataclass(frozen=True)
class Checkpoint:
    """What was saved."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    configuration: dict[str, Any]


def save(
    path: Path,
    tensors: Mapping[str, Tensor],
    configuration: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint; `facts` is anything JSON can say, counters and random states too."""
    texts = {'facts': json.dumps(dict(facts or {})), 'configuration': json.dumps(configuration)}
    header = {'format': str(FORMAT), 'digest': digest(tensors, texts), **texts}
    write(path, safetensors.torch.save(dict(tensors), header))


def load(path: Path, configuration: Mapping[str, Any] | None = None) -> Checkpoint:
    """Read a checkpoint; raises CheckpointError if damaged, or if its configuration is another."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f'{path}: cannot be read: {error.strerror}') from error
    try:
        length = int.from_bytes(data[:8], 'little')
        header = json.loads(data[8 : 8 + length])['__metadata__']
        version, told = int(header['format']), header['digest']
        texts = {key: header[key] for key in ('facts', 'configuration')}
        found = {key: json.loads(text) for key, text in texts.items()}
        tensors = safetensors.torch.load(data)
    except (ValueError, LookupError, TypeError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f'{path}: cut off, damaged or no checkpoint ({len(data)} bytes): {error}'
        ) from error
    if version != FORMAT:
        raise CheckpointError(f'{path}: has format {version}; this program reads {FORMAT}')
    if digest(tensors, texts) != told:
        raise CheckpointError(f'{path}: damaged: its contents are not those that were written')
    if configuration is not None:
        here = json.loads(json.dumps(configuration))
        if changes := list(differences(found['configuration'], here)):
            raise CheckpointError(f'{path}: of another configuration: {"; ".join(changes)}')
    return Checkpoint(tensors, **found)


def write(path: Path, data: bytes) -> None:
    """Put a file in its place at once, durable when this returns."""
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
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def digest(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    """Fingerprint of all that a checkpoint says."""
    sum_ = hashlib.sha256('\n'.join(texts[key] for key in sorted(texts)).encode())
    for name in sorted(tensors):
        value = tensors[name]
        sum_.update(f'\n{name} {tuple(value.shape)} {value.dtype}\n'.encode())
        sum_.update(value.detach().contiguous().numpy().tobytes())
    return sum_.hexdigest()


def differences(
    saved: Mapping[str, Any], here: Mapping[str, Any], prefix: str = ''
) -> Iterator[str]:
    """Say of every key whose value differs what it is there and here."""
    for key in sorted({*saved, *here}):
        there, own = saved.get(key, 'absent'), here.get(key, 'absent')
        if isinstance(there, dict) and isinstance(own, dict):
            yield from differences(there, own, f'{prefix}{key}.')
        elif there != own:
            yield f'{prefix}{key} is {there} in the file, {own} here'
