"""The engines of the compact GRM that need torch, and the export of its network to ONNX.

One runs the network in torch on the CPU, the other the exported graphs in TensorRT on a GPU.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from robo_dopamine_ros.grm.compact.config import CompactShape
from robo_dopamine_ros.grm.compact.model import COMPARE_GRAPH, ENCODE_GRAPH, EncodedViews
from robo_dopamine_ros.grm.compact.network import CompactNetwork
from robo_dopamine_ros.grm.onnx_export import ExportGraph, write_onnx
from robo_dopamine_ros.grm.protocol import ProgressCallback, sub_progress
from robo_dopamine_ros.grm.tensorrt.cache import EngineSpec, open_engine

COMPARE_BATCH = (1, 3, 64)  # least, usual and largest number of states compared at once


class EncodeGraph(nn.Module):
    """The graph that encodes a set of views."""

    def __init__(self, network: CompactNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Images (1, V, 3, H, W) and mask (1, V) to the outputs of the graph.

        These are state (1, S), progress (1,), familiarity (1,) and policy features (1, F).
        """
        tokens, features = self.network.tokens_and_features(pictures, present)
        state = self.network.state(tokens)
        progress = self.network.progress(state).clamp(0, 1)
        return state, progress, torch.sigmoid(self.network.familiarity(state)), features


class CompareGraph(nn.Module):
    """The graph that compares states."""

    def __init__(self, network: CompactNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Change of progress (N,) from states (N, S) to one state (1, S)."""
        return self.network.change(before, after.expand_as(before))


class CompactTorchEngine:
    """Runs the network in torch on the CPU."""

    def __init__(self, network: CompactNetwork) -> None:
        self._encode, self._compare = EncodeGraph(network).eval(), CompareGraph(network).eval()

    def encode(self, images: np.ndarray, present: np.ndarray) -> EncodedViews:
        """As `CompactEngine.encode`."""
        with torch.inference_mode():
            out = self._encode(torch.from_numpy(images)[None], torch.from_numpy(present)[None])
        return EncodedViews(out[0].numpy(), float(out[1]), float(out[2]), out[3][0].numpy())

    def compare(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """As `CompactEngine.compare`."""
        with torch.inference_mode():
            return self._compare(torch.from_numpy(before), torch.from_numpy(after)).numpy()


class CompactTensorRTEngine:
    """Runs both graphs in TensorRT; their engines are built at the first start."""

    def __init__(self, folder: Path, shape: CompactShape, report: ProgressCallback) -> None:
        least, usual, most = ((count, shape.state) for count in COMPARE_BATCH)
        compare = EngineSpec(folder / COMPARE_GRAPH, ({'before': (least, usual, most)},))
        self._encode = open_engine(
            EngineSpec(folder / ENCODE_GRAPH), sub_progress(report, 0.0, 0.5)
        )
        self._compare = open_engine(compare, sub_progress(report, 0.5, 1.0))

    def encode(self, images: np.ndarray, present: np.ndarray) -> EncodedViews:
        """As `CompactEngine.encode`."""
        feeds = {'pictures': images[None], 'present': present[None]}
        outputs = self._encode.run({name: torch.from_numpy(one) for name, one in feeds.items()})
        arrays = {name: output.cpu().numpy() for name, output in outputs.items()}
        scalars = float(arrays['progress'][0]), float(arrays['familiarity'][0])
        features = arrays.get('features')  # missing in older models
        return EncodedViews(arrays['state'], *scalars, *(() if features is None else features))

    def compare(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """As `CompactEngine.compare`."""
        feeds = {'before': torch.from_numpy(before), 'after': torch.from_numpy(after)}
        return self._compare.run(feeds)['change'].cpu().numpy()


def export_graphs(network: CompactNetwork, folder: Path) -> None:
    """Write the two ONNX graphs of a network into `folder`."""
    shape = network.shape
    inputs = {
        'pictures': torch.zeros(1, shape.views, 3, shape.height, shape.width),
        'present': torch.ones(1, shape.views),
    }
    outputs = ('state', 'progress', 'familiarity', 'features')
    write_onnx(ExportGraph(EncodeGraph(network), inputs, outputs), folder / ENCODE_GRAPH)
    states = {'before': torch.zeros(3, shape.state), 'after': torch.zeros(1, shape.state)}
    dynamic = {'before': {0: 'count'}}
    write_onnx(
        ExportGraph(CompareGraph(network), states, ('change',), dynamic), folder / COMPARE_GRAPH
    )
