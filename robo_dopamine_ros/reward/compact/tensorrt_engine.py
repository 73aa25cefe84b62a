"""The engine that runs the same graphs on a GPU."""

from pathlib import Path

import numpy as np
import torch

from robo_dopamine_ros.reward.compact.engines import COMPARE, SEE, Seen
from robo_dopamine_ros.reward.compact.shape import Shape
from robo_dopamine_ros.reward.telling import Report
from robo_dopamine_ros.reward.tensorrt.cache import Recipe, open_engine

STATES = (1, 3, 64)  # least, usual and most to compare at once


class TensorRTEngine:
    """Runs both halves of the network through TensorRT; they are built at their first start."""

    def __init__(self, folder: Path, shape: Shape, report: Report) -> None:
        first, second = recipes(folder, shape)
        self._see = open_engine(first, lambda share, what: report(share / 2, what))
        self._compare = open_engine(second, lambda share, what: report((1 + share) / 2, what))

    def see(self, pictures: np.ndarray, present: np.ndarray) -> Seen:
        """As `Engine.see`."""
        feeds = {'pictures': pictures[None], 'present': present[None]}
        found = self._see.run({name: torch.from_numpy(part) for name, part in feeds.items()})
        arrays = {name: out.cpu().numpy() for name, out in found.items()}
        told = float(arrays['progress'][0]), float(arrays['familiarity'][0])
        features = arrays.get('features')  # none of older models
        return Seen(arrays['state'], *told, *(() if features is None else features))

    def compare(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """As `Engine.compare`."""
        feeds = {'before': torch.from_numpy(before), 'after': torch.from_numpy(after)}
        return self._compare.run(feeds)['change'].cpu().numpy()


def recipes(folder: Path, shape: Shape) -> tuple[Recipe, Recipe]:
    """How both graphs are built; the first takes one size only."""
    least, usual, most = ((count, shape.state) for count in STATES)
    return Recipe(folder / SEE), Recipe(folder / COMPARE, ({'before': (least, usual, most)},))
