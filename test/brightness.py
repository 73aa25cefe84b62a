"""A fake reward model whose answers anybody can foretell."""

import numpy as np

from robo_dopamine_ros.types import Hops, TaskContext, Views


def brightness(views: Views) -> float:
    """Mean of all pixels, 0 black .. 1 white."""
    return float(np.mean([image.mean() for image in views.images.values()]) / 255)


class Brightness:
    """A model for which progress is how bright the pictures are."""

    def __init__(self, views: tuple[str, ...], name: str = 'brightness') -> None:
        self.name = name
        self.views = views
        self.contexts: list[TaskContext] = []
        self.fails = False
        self.rested = 0
        self._last: float | None = None

    def begin(self, context: TaskContext) -> None:
        self.contexts.append(context)
        self._last = None

    def step(self, views: Views) -> Hops:
        if self.fails:
            raise RuntimeError('out of memory')
        state = brightness(views)
        last, self._last = self._last, state
        gained = 0.0 if last is None else state - last
        room = 1.0 if last is None else (1.0 - last if gained >= 0 else last)
        return Hops(gained / room if room else 0.0, state, state - 1.0)

    def rest(self) -> None:
        self.rested += 1
        if self.fails:
            raise RuntimeError('out of memory')
