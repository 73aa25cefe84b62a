"""The weight files of a checkpoint, inspected by their safetensors headers before they are read."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robo_dopamine_ros.grm.protocol import ModelError

SINGLE_FILE, INDEX_FILE = 'model.safetensors', 'model.safetensors.index.json'
COPY_AGAIN = 'copy or download the file again'
MAX_HEADER_BYTES = 100_000_000  # [B]


@dataclass(frozen=True)
class WeightFiles:
    """The files with the weights of a checkpoint."""

    files: tuple[Path, ...]
    count: int  # parameters in all files


def inspect_weights(folder: Path) -> WeightFiles:
    """Inspect all weight files; ModelError names the first that is missing or truncated."""
    files = list_weight_files(folder)
    return WeightFiles(files, sum(count_parameters(path) for path in files))


def list_weight_files(folder: Path) -> tuple[Path, ...]:
    """The weight files, from the index if there are several; ModelError if one is missing."""
    index = folder / INDEX_FILE
    if not index.exists():
        if (folder / SINGLE_FILE).exists():
            return (folder / SINGLE_FILE,)
        raise ModelError(
            f'{folder} has no weights: neither {SINGLE_FILE} nor {INDEX_FILE}; {COPY_AGAIN}'
        )
    try:
        names = sorted(set(json.loads(index.read_text(encoding='utf-8'))['weight_map'].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f'{index} is no index of weights ({error!r}); {COPY_AGAIN}') from error
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        count = f'{len(missing)} of {len(names)} files that {INDEX_FILE} names'
        raise ModelError(f'{folder / missing[0]} is missing ({count}); {COPY_AGAIN}')
    return tuple(folder / name for name in names)


def count_parameters(path: Path) -> int:
    """Parameters in a file; ModelError if its length differs from its header."""
    header, begin = read_header(path)
    tensors = [entry for name, entry in header.items() if name != '__metadata__']
    try:
        end = begin + max((entry['data_offsets'][1] for entry in tensors), default=0)
        numbers = sum(math.prod(entry['shape']) for entry in tensors)
    except (KeyError, TypeError, IndexError) as error:
        raise ModelError(f'{path}: its header is broken ({error!r}); {COPY_AGAIN}') from error
    length = path.stat().st_size
    if length != end:
        raise ModelError(f'{path} has {length} bytes and should have {end}; {COPY_AGAIN}')
    return numbers


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Header of a safetensors file, and the offset of its data [B]."""
    try:
        with path.open('rb') as file:
            length = int.from_bytes(file.read(8), 'little')
            header = json.loads(file.read(min(length, MAX_HEADER_BYTES)))
    except (OSError, ValueError) as error:
        raise ModelError(
            f'{path} is cut short or no safetensors file ({error}); {COPY_AGAIN}'
        ) from error
    if not isinstance(header, dict):
        raise ModelError(f'{path} is no safetensors file; {COPY_AGAIN}')
    return header, 8 + length
