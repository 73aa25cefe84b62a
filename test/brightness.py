"""A fake reward model with predictable hops."""

import numpy as np

from robo_dopamine_ros.grm.hops import hop_label
from robo_dopamine_ros.types import Hops, TaskContext, Views


def brightness(views: Views) -> float:
    """Mean of all pixels, 0 black .. 1 white."""
    return float(np.mean([image.mean() for image in views.images.values()]) / 255)


class Brightness:
    """A reward model whose progress is the brightness of the images."""

    def __init__(self, views: tuple[str, ...], name: str = 'brightness') -> None:
        self.name = name
        self.views = views
        self.contexts: list[TaskContext] = []
        self.fails = False
        self.prepared = 0  # calls of prepare_next
        self._last: float | None = None

    def reset(self, context: TaskContext) -> None:
        self.contexts.append(context)
        self._last = None

    def step(self, views: Views) -> Hops:
        if self.fails:
            raise RuntimeError('out of memory')
        state = brightness(views)
        last, self._last = self._last, state
        hop = 0.0 if last is None else float(hop_label(last, state))
        return Hops(hop, state, state - 1.0)

    def prepare_next(self) -> None:
        self.prepared += 1
        if self.fails:
            raise RuntimeError('out of memory')
