"""Curves of practice for TensorBoard, where it is installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Logbook:
    """Writes numbers by name and step; without TensorBoard it writes nothing and says so."""

    def __init__(self, folder: Path) -> None:
        self._writer: Any = None
        self.reason = ''
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.reason = 'no TensorBoard curves: install the package tensorboard to have them'
        else:
            self._writer = SummaryWriter(str(folder))

    def write(self, numbers: Mapping[str, float], step: int) -> None:
        """Add one point to every curve named."""
        if self._writer is not None:
            for name, value in numbers.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Have everything on disk."""
        if self._writer is not None:
            self._writer.close()
