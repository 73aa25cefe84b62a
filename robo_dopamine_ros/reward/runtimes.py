"""What runs one exported graph: ONNX Runtime here, TensorRT in tensorrt/."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.reward.grm import ModelError

TYPES = {  # of tensors, as ONNX Runtime spells them
    'tensor(float)': torch.float32,
    'tensor(float16)': torch.float16,
    'tensor(int64)': torch.int64,
}


class Runtime(Protocol):
    """Runs one graph; tensors go in and come out on its own device."""

    @property
    def device(self) -> torch.device:
        """Where it runs."""

    @property
    def inputs(self) -> Mapping[str, torch.dtype]:
        """What the graph takes, which may be less than was exported."""

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Outputs by name; of `feeds` only what the graph has is used."""


class OnnxRuntime:
    """Runs a graph on the CPU with a fixed number of threads; 0: as many as there are."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ModelError('engine "onnx" needs the package onnxruntime') from None

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        # Of 8 bits as written: its fusions change the numbers, and those of float8 do not load.
        options.add_session_config_entry('session.disable_quant_qdq', '1')
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # the runtime's own kinds have no common ancestor
            raise ModelError(f'{path} does not load in ONNX Runtime: {error}') from error
        self.device = torch.device('cpu')
        self.inputs = {given.name: TYPES[given.type] for given in self._session.get_inputs()}
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As `Runtime.run`."""
        arrays = {name: feeds[name].detach().contiguous().numpy() for name in self.inputs}
        found: list[np.ndarray] = self._session.run(self._outputs, arrays)
        return {name: torch.from_numpy(out) for name, out in zip(self._outputs, found, strict=True)}
