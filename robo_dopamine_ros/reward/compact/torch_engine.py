"""The engine that needs torch, and the export of the graphs that the other one runs."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from robo_dopamine_ros.reward.compact.engines import COMPARE, SEE, Seen
from robo_dopamine_ros.reward.compact.network import Network
from robo_dopamine_ros.reward.graphs import Graph, write


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
    shape = network.shape
    seen = {
        'pictures': torch.zeros(1, shape.views, 3, shape.height, shape.width),
        'present': torch.ones(1, shape.views),
    }
    outputs = ('state', 'progress', 'familiarity', 'features')
    write(Graph(SeeGraph(network), seen, outputs), folder / SEE)
    states = {'before': torch.zeros(3, shape.state), 'after': torch.zeros(1, shape.state)}
    free = {'before': {0: 'count'}}
    write(Graph(CompareGraph(network), states, ('change',), free), folder / COMPARE)
