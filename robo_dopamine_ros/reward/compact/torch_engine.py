"""The engine that needs torch, and the export of the graphs that the other one runs."""

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from robo_dopamine_ros.reward.compact.engines import COMPARE, SEE, Seen
from robo_dopamine_ros.reward.compact.network import Network


class SeeGraph(nn.Module):
    """Pictures (1, V, 3, H, W), present (1, V) -> state (1, S), progress (1,), familiarity (1,).

    Last come the features (1, F) that policies see.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As the class says."""
        tokens, features = self.network.look(pictures, present)
        state = self.network.state(tokens)
        progress = self.network.progress(state).clamp(0, 1)
        return state, progress, torch.sigmoid(self.network.familiarity(state)), features


class CompareGraph(nn.Module):
    """States (N, S) and one state (1, S) -> progress gained (N,)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """As the class says."""
        return self.network.change(before, after.expand_as(before))


class TorchEngine:
    """Runs the network as it is."""

    def __init__(self, network: Network) -> None:
        self._see, self._compare = SeeGraph(network).eval(), CompareGraph(network).eval()

    def see(self, pictures: np.ndarray, present: np.ndarray) -> Seen:
        """As `Engine.see`."""
        with torch.inference_mode():
            out = self._see(torch.from_numpy(pictures)[None], torch.from_numpy(present)[None])
        return Seen(out[0].numpy(), float(out[1]), float(out[2]), out[3][0].numpy())

    def compare(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """As `Engine.compare`."""
        with torch.inference_mode():
            return self._compare(torch.from_numpy(before), torch.from_numpy(after)).numpy()


def export(network: Network, folder: Path) -> None:
    """Write the two ONNX graphs of a network into `folder`."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch's tracer speaks of its successor
        _export(network, folder)


def _export(network: Network, folder: Path) -> None:
    shape = network.shape
    network = network.eval()
    pictures = torch.zeros(1, shape.views, 3, shape.height, shape.width)
    torch.onnx.export(
        SeeGraph(network),
        (pictures, torch.ones(1, shape.views)),
        str(folder / SEE),
        input_names=['pictures', 'present'],
        output_names=['state', 'progress', 'familiarity', 'features'],
        opset_version=17,
        dynamo=False,
    )
    state = torch.zeros(1, shape.state)
    torch.onnx.export(
        CompareGraph(network),
        (state.expand(2, -1), state),
        str(folder / COMPARE),
        input_names=['before', 'after'],
        output_names=['change'],
        dynamic_axes={'before': {0: 'count'}, 'change': {0: 'count'}},
        opset_version=17,
        dynamo=False,
    )
