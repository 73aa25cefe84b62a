"""What runs the network: ONNX Runtime here, torch and TensorRT beside. Equal numbers."""

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

ENGINES = ('auto', 'onnx', 'torch', 'tensorrt')
SEE, COMPARE = 'see.onnx', 'compare.onnx'


class Seen(NamedTuple):
    """What the network makes of one set of views."""

    state: np.ndarray  # (1, S) float32
    progress: float  # 0..1, clamped
    familiarity: float  # 0..1
    features: np.ndarray = np.empty(0, np.float32)  # (F,) for policies; none of older models


class Engine(Protocol):
    """Runs the two halves of the network."""

    def see(self, pictures: np.ndarray, present: np.ndarray) -> Seen:
        """Pictures (V, 3, H, W) float32 in 0..1 and present (V,) in {0, 1}."""

    def compare(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Progress gained (N,) from states (N, S) to one state (1, S)."""


class OnnxEngine:
    """Runs the exported graphs on the CPU with a fixed number of threads."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        self._see, self._compare = (
            onnxruntime.InferenceSession(
                str(folder / name), options, providers=['CPUExecutionProvider']
            )
            for name in (SEE, COMPARE)
        )

    def see(self, pictures: np.ndarray, present: np.ndarray) -> Seen:
        """As `Engine.see`."""
        feed = {'pictures': pictures[None], 'present': present[None]}
        state, progress, familiarity, *features = self._see.run(None, feed)
        return Seen(state, float(progress[0]), float(familiarity[0]), *(f[0] for f in features))

    def compare(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """As `Engine.compare`."""
        return self._compare.run(None, {'before': before, 'after': after})[0]
