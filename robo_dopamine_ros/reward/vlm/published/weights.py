"""What the safetensors files of a checkpoint hold, told by their headers before they are read."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robo_dopamine_ros.reward.grm import ModelError

SINGLE, INDEX = 'model.safetensors', 'model.safetensors.index.json'
AGAIN = 'copy or download the file again'
MOST_HEADER = 100_000_000  # of a safetensors file [B]


@dataclass(frozen=True)
class Weights:
    """All weights of a checkpoint."""

    files: tuple[Path, ...]
    count: int  # numbers in all of them

    def size(self, bytes_each: int) -> int:
        """Memory they take when every number has so many bytes [B]."""
        return self.count * bytes_each


def survey(folder: Path) -> Weights:
    """Look at every file of weights; ModelError naming the first that is missing or cut short."""
    files = list_files(folder)
    return Weights(files, sum(count(path) for path in files))


def list_files(folder: Path) -> tuple[Path, ...]:
    """The files that hold the weights, by the index where there are several."""
    index = folder / INDEX
    if not index.exists():
        if (folder / SINGLE).exists():
            return (folder / SINGLE,)
        raise ModelError(f'{folder} has no weights: neither {SINGLE} nor {INDEX}; {AGAIN}')
    try:
        names = sorted(set(json.loads(index.read_text(encoding='utf-8'))['weight_map'].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f'{index} is no index of weights ({error!r}); {AGAIN}') from error
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        told = f'{len(missing)} of {len(names)} files that {INDEX} names'
        raise ModelError(f'{folder / missing[0]} is missing ({told}); {AGAIN}')
    return tuple(folder / name for name in names)


def count(path: Path) -> int:
    """Numbers in a file, whose length must be what its header says."""
    header, begin = read_header(path)
    tensors = [facts for name, facts in header.items() if name != '__metadata__']
    try:
        end = begin + max((facts['data_offsets'][1] for facts in tensors), default=0)
        numbers = sum(math.prod(facts['shape']) for facts in tensors)
    except (KeyError, TypeError, IndexError) as error:
        raise ModelError(f'{path}: its header is broken ({error!r}); {AGAIN}') from error
    length = path.stat().st_size
    if length != end:
        raise ModelError(f'{path} has {length} bytes and should have {end}; {AGAIN}')
    return numbers


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file, and where the numbers begin."""
    try:
        with path.open('rb') as file:
            length = int.from_bytes(file.read(8), 'little')
            header = json.loads(file.read(min(length, MOST_HEADER)))
    except (OSError, ValueError) as error:
        raise ModelError(
            f'{path} is cut short or no safetensors file ({error}); {AGAIN}'
        ) from error
    if not isinstance(header, dict):
        raise ModelError(f'{path} is no safetensors file; {AGAIN}')
    return header, 8 + length
