"""TensorBoard curves of training, where the package tensorboard is installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoardWriter:
    """Writes scalars by name and step; without TensorBoard it writes nothing."""

    def __init__(self, writer: Any, reason: str = '') -> None:
        self._writer = writer  # SummaryWriter or None
        self.reason = reason  # why nothing is written

    @classmethod
    def open(cls, path: Path) -> 'TensorBoardWriter':
        """Make an event file in a directory; `reason` says if TensorBoard is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return cls(None, 'no TensorBoard curves: install the package tensorboard to have them')
        return cls(SummaryWriter(str(path)))

    def add_scalars(self, scalars: Mapping[str, float], step: int) -> None:
        """Add one point to the curve of every name."""
        if self._writer is not None:
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close the event file."""
        if self._writer is not None:
            self._writer.close()
