"""Where a network runs, in which precision, and whether it fits there."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from robo_dopamine_ros.reward.grm import ModelError

DTYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16, 'float32': torch.float32}
BFLOAT16_FROM = 8  # compute capability of the first GPUs that multiply in it
GIB = 2**30
SMALLER = 'a smaller model (the smallest published is GRM-3B)'


def choose_device(wish: str) -> torch.device:
    """The device of that name; 'auto' is a GPU where there is one."""
    has_gpu = torch.cuda.is_available()
    if wish == 'auto':
        return torch.device('cuda' if has_gpu else 'cpu')
    try:
        device = torch.device(wish)
    except RuntimeError as error:
        raise ModelError(f'device {wish!r} is unknown; it is auto, cpu, cuda or cuda:0') from error
    if device.type == 'cuda' and not has_gpu:
        raise ModelError(f'device {wish!r}: torch sees no GPU here; use "cpu", or install its CUDA')
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(f'device {wish!r}: there are only {torch.cuda.device_count()} GPUs')
    return device


def choose_dtype(wish: str, device: torch.device) -> torch.dtype:
    """The precision of that name; 'auto' is what the device multiplies fast."""
    if wish == 'auto':
        if device.type != 'cuda':
            return torch.float32
        capability = torch.cuda.get_device_capability(device)[0]
        return torch.bfloat16 if capability >= BFLOAT16_FROM else torch.float16
    if wish not in DTYPES:
        raise ModelError(f'precision {wish!r} is unknown; it is auto, {", ".join(DTYPES)}')
    return DTYPES[wish]


def free_memory(device: torch.device) -> int | None:
    """Memory that is free on a device [B]; None where nobody can tell."""
    if device.type == 'cuda':
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free = torch.cuda.mem_get_info(device)[0] + kept
        shared = torch.cuda.get_device_properties(device).is_integrated
        return max(free, main_memory() or 0) if shared else free
    return main_memory()


def main_memory() -> int | None:
    """Main memory that processes can get [B], what the page cache would give back included."""
    try:
        with open('/proc/meminfo', encoding='ascii') as file:
            facts = dict(line.split(':', 1) for line in file)
        return int(facts['MemAvailable'].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def check_fit(count: int, kind: torch.dtype, device: torch.device, free: int | None) -> None:
    """ModelError when `count` weights of this precision are more than what is free there."""
    if free is not None and count * kind.itemsize > free:
        raise ModelError(too_large(count, kind, device, free))


def too_large(count: int, kind: torch.dtype, device: torch.device, free: int | None) -> str:
    """What is needed, what there is, and what would fit."""
    needed = f'the weights take {count * kind.itemsize / GIB:.1f} GiB in {name_of(kind)}'
    there = 'and do not fit' if free is None else f'and {free / GIB:.1f} GiB are free'
    fitting = [
        f'precision {name} ({count * other.itemsize / GIB:.1f} GiB)'
        for name, other in DTYPES.items()
        if other.itemsize < kind.itemsize and (free is None or count * other.itemsize <= free)
    ]
    cures = ['close what else runs there', *fitting, SMALLER]
    return f'{needed} {there} on {device}; {", or ".join(cures)}'


@contextmanager
def memory_told(count: int, kind: torch.dtype, device: torch.device) -> Iterator[None]:
    """Turn running out of memory inside into a ModelError that says what would fit."""
    try:
        yield
    except Exception as error:
        if not is_shortage(error):
            raise
        raise ModelError(too_large(count, kind, device, free_memory(device))) from error


def is_shortage(error: Exception) -> bool:
    """Whether memory ran out; on a CPU torch has no exception of its own for that."""
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or 'DefaultCPUAllocator' in str(error)


def name_of(kind: torch.dtype) -> str:
    """'float16' and so on."""
    return str(kind).removeprefix('torch.')
