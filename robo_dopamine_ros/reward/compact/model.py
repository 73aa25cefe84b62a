"""The compact GRM: views in, hops out, with everything constant in an episode kept."""

from dataclasses import dataclass

import numpy as np

from robo_dopamine_ros.reward.compact.engines import Engine, Seen
from robo_dopamine_ros.reward.compact.pictures import stack, worst_grain
from robo_dopamine_ros.reward.compact.shape import Shape
from robo_dopamine_ros.types import Hops, TaskContext, Views

EDGE = 0.02  # hops are never scaled by less than this much of progress


@dataclass(frozen=True)
class Card:
    """What a model folder says about itself."""

    name: str
    views: tuple[str, ...]
    instruction: str
    shape: Shape
    least_familiarity: float = 0.25  # below this there is no reading
    most_grain: float = 0.06  # pixel noise above this is no reading, in parts of full scale


def hop(change: float, before: float) -> float:
    """Eq 2: progress gained, as a share of what was left (or, when lost, of what was there)."""
    room = 1.0 - before if change >= 0 else before
    return float(np.clip(change / max(room, EDGE), -1.0, 1.0))


class CompactGRM:
    """A GRM (reward/grm.py) of one network; the states of start, goal and last views are kept."""

    def __init__(self, card: Card, engine: Engine, goal: Views | None = None) -> None:
        self.name, self.views = card.name, card.views
        self._card, self._engine = card, engine
        self._learnt_goal = self._see(goal) if goal else None
        self._start: Seen | None = None
        self._goal = self._learnt_goal
        self._last: Seen | None = None

    def begin(self, context: TaskContext) -> None:
        """Start an episode; its goal is that of `context`, else the one learnt with the task."""
        self._start = self._see(context.start)
        self._goal = self._see(context.goal) if context.goal else self._learnt_goal
        self._last = None

    def step(self, views: Views) -> Hops:
        """Hops from the last valid views, the start and the goal; RuntimeError before `begin`."""
        if self._start is None:
            raise RuntimeError('step before begin; call begin(context) when an episode starts')
        if not any(name in views.images for name in self.views):
            return Hops(0.0, 0.0, None, 0.0, False, f'none of the views {list(self.views)}')
        noise = worst_grain(views.images, self.views)
        if noise > self._card.most_grain:
            reason = f'pixel noise {noise:.2f} of full scale, at most {self._card.most_grain:.2f}'
            return Hops(0.0, 0.0, None, 0.0, False, reason)
        now = self._see(views)
        hops = self._compare(now)
        if hops.valid:
            self._last = now
        return hops

    def rest(self) -> None:
        """Nothing is left to do: an answer takes milliseconds."""

    def _see(self, views: Views) -> Seen:
        shape = self._card.shape
        return self._engine.see(*stack(views, self.views, shape.width, shape.height))

    def _compare(self, now: Seen) -> Hops:
        known = [kept for kept in (self._start, self._last, self._goal) if kept is not None]
        changes = self._engine.compare(np.concatenate([k.state for k in known]), now.state)
        told = {
            id(kept): hop(float(change), kept.progress)
            for kept, change in zip(known, changes, strict=True)
        }
        valid = now.familiarity >= self._card.least_familiarity
        return Hops(
            incremental=told.get(id(self._last), 0.0),
            forward=told[id(self._start)],
            backward=None if self._goal is None else told[id(self._goal)],
            familiarity=now.familiarity,
            valid=bool(valid and np.isfinite(changes).all()),
            reason='' if valid else f'unfamiliar views ({now.familiarity:.2f})',
        )
