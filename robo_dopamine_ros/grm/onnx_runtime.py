"""The interface that runs an exported graph, and its implementation with ONNX Runtime.

The implementation with TensorRT is in tensorrt/runtime.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.grm.protocol import ModelError

TORCH_TYPES = {  # by the names of ONNX Runtime
    'tensor(float)': torch.float32,
    'tensor(float16)': torch.float16,
    'tensor(int64)': torch.int64,
}


class GraphRuntime(Protocol):
    """Runs one graph on its device; inputs and outputs are tensors on that device."""

    @property
    def device(self) -> torch.device:
        """The device of the graph."""

    @property
    def inputs(self) -> Mapping[str, torch.dtype]:
        """Name and type of each input; the exporter drops inputs that the graph does not use."""

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the graph; returns outputs by name. `feeds` may hold more than the inputs."""


class OnnxRuntime:
    """Runs a graph on the CPU with a fixed number of threads; 0: one per core."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ModelError('engine "onnx" needs the package onnxruntime') from None

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        # QDQ fusions change the results of 8-bit graphs, and those of float8 do not load.
        options.add_session_config_entry('session.disable_quant_qdq', '1')
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # the exceptions of ONNX Runtime have no common base class
            raise ModelError(f'{path} does not load in ONNX Runtime: {error}') from error
        self.device = torch.device('cpu')
        self.inputs = {one.name: TORCH_TYPES[one.type] for one in self._session.get_inputs()}
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As `GraphRuntime.run`."""
        arrays = {name: feeds[name].detach().contiguous().numpy() for name in self.inputs}
        outputs: list[np.ndarray] = self._session.run(self._outputs, arrays)
        named = zip(self._outputs, outputs, strict=True)
        return {name: torch.from_numpy(output) for name, output in named}
