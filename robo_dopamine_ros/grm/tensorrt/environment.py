"""The TensorRT library, which is installed apart from this package, and the current GPU."""

import importlib
import re
from dataclasses import dataclass
from typing import Any

import torch

from robo_dopamine_ros.grm.protocol import ModelError

MIN_VERSION, MAX_VERSION = (10, 3), (12, 0)
INSTALL_HINT = (
    "JetPack brings it to a Jetson (package tensorrt) and NVIDIA's apt repository to a PC "
    '(package python3-libnvinfer), or pip installs the package tensorrt; a virtual environment '
    "sees the first two when it was made with --system-site-packages by the system's Python"
)
GIB = 1 << 30


def import_tensorrt() -> Any:
    """Import a supported version of `tensorrt`; ModelError says how to install one."""
    try:
        found = importlib.import_module('tensorrt')
        version = version_of(found)
    except ModuleNotFoundError as error:
        if error.name != 'tensorrt':
            raise ModelError(f'TensorRT does not load: {error}') from error
        raise ModelError(
            f'engine "tensorrt" needs TensorRT, which is not here; {INSTALL_HINT}'
        ) from None
    except (ImportError, OSError, AttributeError) as error:  # its shared libraries are missing
        raise ModelError(f'TensorRT does not load: {error}; {INSTALL_HINT}') from error
    if not MIN_VERSION <= version < MAX_VERSION:
        raise ModelError(
            f'TensorRT is {found.__version__}; it must be 10.3 or newer, and older than 12'
        )
    return found


def version_of(found: Any) -> tuple[int, ...]:
    """Major and minor version of the module."""
    return tuple(int(part) for part in re.findall(r'\d+', found.__version__)[:2])


@dataclass(frozen=True)
class Gpu:
    """A GPU that runs graphs."""

    name: str
    sm: str  # compute capability, such as '8.7'
    device: torch.device

    @classmethod
    def current(cls) -> 'Gpu':
        """The current CUDA device of torch; ModelError when torch has none."""
        if not torch.cuda.is_available():
            raise ModelError(
                f'engine "tensorrt" needs a GPU that torch sees; this torch is {torch.__version__}'
                + ('' if torch.version.cuda else ', which was built without CUDA')
            )
        index = torch.cuda.current_device()
        major, minor = torch.cuda.get_device_capability(index)
        name = torch.cuda.get_device_name(index)
        return cls(name, f'{major}.{minor}', torch.device('cuda', index))

    @property
    def memory(self) -> tuple[int, int]:
        """Free and total memory [bytes]."""
        return torch.cuda.mem_get_info(self.device)

    @property
    def stream(self) -> int:
        """Handle of torch's current stream."""
        return torch.cuda.current_stream(self.device).cuda_stream

    def memory_summary(self) -> str:
        """Free and total memory as text."""
        free, total = self.memory
        return f'{free / GIB:.1f} of {total / GIB:.1f} GiB of the GPU are free'
