"""Chooses device and precision of a network, and checks that it fits into memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from robo_dopamine_ros.grm.protocol import ModelError

DTYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16, 'float32': torch.float32}
BFLOAT16_FROM = 8  # compute capability of the first GPUs with bfloat16 arithmetic
GIB = 2**30
SMALLER_MODEL_HINT = 'a smaller model (the smallest published is GRM-3B)'


def choose_device(name: str) -> torch.device:
    """The torch device of that name; 'auto' is a GPU if there is one. ModelError if unusable."""
    has_gpu = torch.cuda.is_available()
    if name == 'auto':
        return torch.device('cuda' if has_gpu else 'cpu')
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f'device {name!r} is unknown; it is auto, cpu, cuda or cuda:0') from error
    if device.type == 'cuda' and not has_gpu:
        raise ModelError(f'device {name!r}: torch sees no GPU here; use "cpu", or install its CUDA')
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(f'device {name!r}: there are only {torch.cuda.device_count()} GPUs')
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The torch dtype of that name; 'auto' is a fast 16-bit type on a GPU, float32 on a CPU."""
    if name == 'auto':
        if device.type != 'cuda':
            return torch.float32
        capability = torch.cuda.get_device_capability(device)[0]
        return torch.bfloat16 if capability >= BFLOAT16_FROM else torch.float16
    if name not in DTYPES:
        raise ModelError(f'precision {name!r} is unknown; it is auto, {", ".join(DTYPES)}')
    return DTYPES[name]


def free_memory(device: torch.device) -> int | None:
    """Free memory of a device [B]; None if unknown."""
    if device.type == 'cuda':
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free = torch.cuda.mem_get_info(device)[0] + kept
        shared = torch.cuda.get_device_properties(device).is_integrated
        return max(free, main_memory() or 0) if shared else free
    return main_memory()


def main_memory() -> int | None:
    """Main memory available to processes, page cache included [B]; None if unknown."""
    try:
        with open('/proc/meminfo', encoding='ascii') as file:
            fields = dict(line.split(':', 1) for line in file)
        return int(fields['MemAvailable'].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def check_fit(count: int, dtype: torch.dtype, device: torch.device, free: int | None) -> None:
    """Raise ModelError if `count` weights of this dtype exceed the `free` memory [B]."""
    if free is not None and count * dtype.itemsize > free:
        raise ModelError(shortage_text(count, dtype, device, free))


def shortage_text(count: int, dtype: torch.dtype, device: torch.device, free: int | None) -> str:
    """Message: memory needed, memory free, and what would fit."""
    needed = f'the weights take {count * dtype.itemsize / GIB:.1f} GiB in {dtype_name(dtype)}'
    available = 'and do not fit' if free is None else f'and {free / GIB:.1f} GiB are free'
    fitting = [
        f'precision {name} ({count * other.itemsize / GIB:.1f} GiB)'
        for name, other in DTYPES.items()
        if other.itemsize < dtype.itemsize and (free is None or count * other.itemsize <= free)
    ]
    remedies = ['close what else runs there', *fitting, SMALLER_MODEL_HINT]
    return f'{needed} {available} on {device}; {", or ".join(remedies)}'


@contextmanager
def explain_out_of_memory(count: int, dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Turn running out of memory into a ModelError that says what would fit."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise ModelError(shortage_text(count, dtype, device, free_memory(device))) from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch raises a plain RuntimeError for that on a CPU."""
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or 'DefaultCPUAllocator' in str(error)


def dtype_name(dtype: torch.dtype) -> str:
    """Name of a dtype without its module, such as 'float16'."""
    return str(dtype).removeprefix('torch.')
