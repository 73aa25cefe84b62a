"""The vision-language GRM: three queries a step, and nothing computed twice.

What an answer costs: the three new pictures go through the vision tower, the end of each query and
a tree of answers through the language model, all in one batch. The rest is remembered.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.vlm.asking import Asker
from robo_dopamine_ros.reward.vlm.chunks import Script
from robo_dopamine_ros.reward.vlm.engine import Engine
from robo_dopamine_ros.reward.vlm.gallery import Gallery
from robo_dopamine_ros.reward.vlm.memory import ROWS, Memory, Triple
from robo_dopamine_ros.reward.vlm.published.pictures import ImageSettings
from robo_dopamine_ros.reward.vlm.query.layout import Layout
from robo_dopamine_ros.reward.vlm.query.reading import Reading
from robo_dopamine_ros.reward.vlm.query.tree import Tree
from robo_dopamine_ros.reward.vlm.query.words import AnswerTokens
from robo_dopamine_ros.reward.vlm.settings import VlmSettings
from robo_dopamine_ros.types import Hops, TaskContext, Views

NO_READING = Hops(0.0, 0.0, None, 0.0, False)


@dataclass(frozen=True)
class Language:
    """What a model needs beside its network."""

    lay_out: Callable[[str], Layout]  # the query for a task
    tokens: AnswerTokens
    images: ImageSettings


class Cost(NamedTuple):
    """What was computed since the model was opened."""

    pictures: int  # through the vision tower
    tokens: int  # through the language model, while somebody waited for the answer
    ahead: int  # through the language model, for what is remembered
    steps: int  # passes for the rest of an answer


class VlmGRM:
    """A GRM (reward/grm.py) over any engine.

    One camera stands in all three places, as in the published single-view mode; a wrist camera
    that gives nothing is a grey picture, and so is the end picture of a task without a goal.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        language: Language,
        settings: VlmSettings | None = None,
        goal: Views | None = None,
    ) -> None:
        """`goal` is that of tasks which are begun without one."""
        chosen = settings or VlmSettings()
        self.name, self.views = name, chosen.views
        self.answers: dict[str, Reading] = {}  # of the last step, by query
        self._engine, self._language, self._settings = engine, language, chosen
        self._learnt_goal = goal
        self._gallery = Gallery(engine, language.images)
        self._memory = Memory(engine, self._gallery)
        self._asker = Asker(engine, language.tokens, chosen)
        self._script: Script | None = None
        self._constant: dict[str, Triple] = {}  # what forward and backward compare with
        self._last: Triple | None = None  # pictures of the last reading

    @property
    def cost(self) -> Cost:
        """What was computed so far."""
        asked, kept = self._asker, self._memory
        return Cost(self._gallery.encoded, asked.tokens, kept.tokens, asked.steps)

    @property
    def heard(self) -> dict[str, tuple[Tree, Tensor]]:
        """Trees and logits (R, symbols) the last answers were read from, by query."""
        return self._asker.heard

    def through(self, wrap: Callable[[Engine], Engine]) -> 'VlmGRM':
        """The same model, run through something around its engine; it remembers nothing yet."""
        engine = wrap(self._engine)
        return VlmGRM(self.name, engine, self._language, self._settings, self._learnt_goal)

    def begin(self, context: TaskContext) -> None:
        """Start an episode; its start needs the front view, as does its goal if there is one.

        Without a goal in `context` it is that of the model, if any; without any there is no
        backward hop.

        Raises ValueError for a task without words, views that lack the front, or pictures of a
        size the engine does not take.
        """
        if not context.instruction.strip():
            raise ValueError('the task has no words; say what is to be done with set_task')
        self._script, self._last = None, None
        self._asker.forget()
        start = self._keys(context.start)
        shown = context.goal or self._learnt_goal
        goal = self._goal_keys(shown) if shown else None
        end = goal[0] if goal else self._gallery.show([self._gallery.blank()])[0]
        script = Script(self._engine, self._gallery, self._language.lay_out(context.instruction))
        self._constant = {'backward': goal, 'forward': start} if goal else {'forward': start}
        with plain_words():
            self._memory.begin(script, start[0], end)
            self._memory.prepare(self._constant)
        self._script = script

    def step(self, views: Views) -> Hops:
        """Hops from the last valid views, the start and the goal; RuntimeError before `begin`."""
        if self._script is None:
            raise RuntimeError('step before begin; call begin(context) when an episode starts')
        if self.views[0] not in views.images:
            return replace(NO_READING, reason=f'no view {self.views[0]}')
        now = self._keys(views)
        compared = {**self._constant, **({'incremental': self._last} if self._last else {})}
        rows = [row for row in ROWS if row in compared]
        with plain_words():
            self._memory.prepare(compared)
            past = self._memory.past(rows)
            self.answers = dict(self._asker.ask(self._script, now, past, rows))
        hops = self._hops()
        if hops.valid:
            self._last = now
        return hops

    def rest(self) -> None:
        """Read the last pictures as those the next ones will be compared with."""
        if self._script is not None and self._last is not None:
            self._memory.prepare({'incremental': self._last})

    def _keys(self, views: Views) -> Triple:
        """The three pictures of one moment; ValueError without the front."""
        front = self._front(views)
        if len(self.views) == 1:
            pictures = [front] * 3
        else:
            blank = self._gallery.blank()
            wrists = [views.images.get(view, blank) for view in self.views[1:]]
            pictures = [front, *wrists, *[blank] * (2 - len(wrists))]
        first, second, third = self._gallery.show(pictures)
        return first, second, third

    def _goal_keys(self, views: Views) -> Triple:
        """The pictures of the finished task: the front alone stands for all three, as published."""
        if all(view in views.images for view in self.views):
            return self._keys(views)
        key = self._gallery.show([self._front(views)])[0]
        return key, key, key

    def _front(self, views: Views) -> np.ndarray:
        if self.views[0] not in views.images:
            raise ValueError(f'views {list(views.images)}; {self.views[0]!r} must be among them')
        return views.images[self.views[0]]

    def _hops(self) -> Hops:
        told = self.answers
        reasons = [f'{row}: {one.reason}' for row, one in told.items() if not one.valid]
        if reasons:
            return replace(NO_READING, reason='; '.join(reasons))
        hops = {row: one.percent / 100 for row, one in told.items()}
        doubt = max((one.spread for one in told.values()), default=0.0) / 100
        return Hops(
            incremental=hops.get('incremental', 0.0),
            forward=hops['forward'],
            backward=hops.get('backward'),
            familiarity=1.0 - doubt if doubt == doubt else 1.0,
        )


@contextmanager
def plain_words() -> Iterator[None]:
    """Say what can be done where a GPU's memory is full."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f'the memory of the GPU is full ({str(error).splitlines()[0]}); '
            'close what else uses it, or take a smaller model or precision'
        ) from error
