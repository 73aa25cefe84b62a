"""The vision-language GRM: three queries a step, with caches for all that is constant.

A step encodes the three new images with the vision tower and decodes the end of each query and a
tree of answers with the language model, in one batch. All other features, keys and values are
cached.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.decoding import TreeDecoder
from robo_dopamine_ros.grm.vlm.engine import VlmEngine
from robo_dopamine_ros.grm.vlm.image_processor import ImageSettings
from robo_dopamine_ros.grm.vlm.kv_cache import PERSPECTIVES, PrefixKvCache, ViewKeys
from robo_dopamine_ros.grm.vlm.prompt_embedding import PromptEmbedder
from robo_dopamine_ros.grm.vlm.query.answer_tokens import AnswerTokens
from robo_dopamine_ros.grm.vlm.query.answer_tree import AnswerTree
from robo_dopamine_ros.grm.vlm.query.layout import PromptLayout
from robo_dopamine_ros.grm.vlm.query.readout import DecodedAnswer
from robo_dopamine_ros.grm.vlm.settings import VlmSettings
from robo_dopamine_ros.grm.vlm.vision_cache import VisionCache
from robo_dopamine_ros.types import Hops, TaskContext, Views

NO_READING = Hops(0.0, 0.0, None, 0.0, False)


@dataclass(frozen=True)
class VlmProcessor:
    """Prompt layout, answer tokens and image preprocessing of a model."""

    layout_for: Callable[[str], PromptLayout]  # task -> its query
    tokens: AnswerTokens
    images: ImageSettings


class ComputeCost(NamedTuple):
    """Work done since the model was loaded."""

    images: int  # encoded by the vision tower
    tokens: int  # decoded by the language model within `step`, cached ones excluded
    prefetch_tokens: int  # decoded by the language model to fill the cache
    decode_steps: int  # passes after the first of an answer


class VlmGRM:
    """A GRM (grm/protocol.py) over any engine.

    A single camera fills all three views of the prompt, as in the published single-view mode. A
    grey image replaces a wrist view without an image, and the goal image of a task without a goal.
    """

    def __init__(
        self,
        name: str,
        engine: VlmEngine,
        processor: VlmProcessor,
        settings: VlmSettings | None = None,
        goal: Views | None = None,
    ) -> None:
        """`goal` is the default for episodes that are reset without one."""
        self._settings = settings or VlmSettings()
        self.name, self.views = name, self._settings.views
        self.answers: dict[str, DecodedAnswer] = {}  # of the last step, by perspective
        self._engine, self._processor, self._default_goal = engine, processor, goal
        self._vision_cache = VisionCache(engine, processor.images)
        self._kv_cache = PrefixKvCache(engine, self._vision_cache)
        self._decoder = TreeDecoder(engine, processor.tokens, self._settings)
        self._embedder: PromptEmbedder | None = None
        self._constant: dict[str, ViewKeys] = {}  # images of start and goal, by perspective
        self._last: ViewKeys | None = None  # images of the last valid step

    @property
    def cost(self) -> ComputeCost:
        """Work done so far."""
        decoder, prefetched = self._decoder, self._kv_cache.tokens
        images = self._vision_cache.encoded
        return ComputeCost(images, decoder.tokens, prefetched, decoder.decode_steps)

    @property
    def answer_logits(self) -> dict[str, tuple[AnswerTree, Tensor]]:
        """Answer trees and their logits (R, symbols) of the last step, by perspective."""
        return self._decoder.tree_logits

    def with_engine(self, wrap: Callable[[VlmEngine], VlmEngine]) -> 'VlmGRM':
        """The same model with its engine wrapped and with empty caches."""
        engine = wrap(self._engine)
        return VlmGRM(self.name, engine, self._processor, self._settings, self._default_goal)

    def reset(self, context: TaskContext) -> None:
        """Start an episode and cache what stays constant in it.

        The start needs the front view, and so does the goal if there is one: that of `context`,
        else the default of the model. Without any goal there is no backward hop.

        Raises ValueError for an empty task, for views without the front view, and for images of a
        size that the engine does not take.
        """
        if not context.instruction.strip():
            raise ValueError('the task has no words; say what is to be done with set_task')
        self._embedder, self._last = None, None
        self._decoder.reset()
        start = self._keys(context.start)
        goal_views = context.goal or self._default_goal
        goal = self._goal_keys(goal_views) if goal_views else None
        cache = self._vision_cache
        end = goal[0] if goal else cache.encode([cache.blank_image()])[0]
        layout = self._processor.layout_for(context.instruction)
        embedder = PromptEmbedder(self._engine, cache, layout)
        self._constant = {'backward': goal, 'forward': start} if goal else {'forward': start}
        with explain_gpu_memory():
            self._kv_cache.set_prefix(embedder, start[0], end)
            self._kv_cache.update(self._constant)
        self._embedder = embedder

    def step(self, views: Views) -> Hops:
        """Hops from the last valid views, the start and the goal; RuntimeError before `reset`."""
        if self._embedder is None:
            raise RuntimeError('step before reset; call reset(context) when an episode starts')
        if self.views[0] not in views.images:
            return replace(NO_READING, reason=f'no view {self.views[0]}')
        after = self._keys(views)
        before = {**self._constant, **({'incremental': self._last} if self._last else {})}
        perspectives = [perspective for perspective in PERSPECTIVES if perspective in before]
        with explain_gpu_memory():
            self._kv_cache.update(before)
            past = self._kv_cache.past(perspectives)
            self.answers = dict(self._decoder.decode(self._embedder, after, past, perspectives))
        hops = self._hops()
        if hops.valid:
            self._last = after
        return hops

    def prepare_next(self) -> None:
        """Prefill the cache with the last valid views, which the next step compares with."""
        if self._embedder is not None and self._last is not None:
            self._kv_cache.update({'incremental': self._last})

    def _keys(self, views: Views) -> ViewKeys:
        """Encode the images of the three views; ValueError without the front view."""
        front = self._front(views)
        if len(self.views) == 1:
            images = [front] * 3
        else:
            blank = self._vision_cache.blank_image()
            wrists = [views.images.get(view, blank) for view in self.views[1:]]
            images = [front, *wrists, *[blank] * (2 - len(wrists))]
        first, second, third = self._vision_cache.encode(images)
        return first, second, third

    def _goal_keys(self, views: Views) -> ViewKeys:
        """Encode the goal images; a front view alone fills all three views, as published."""
        if all(view in views.images for view in self.views):
            return self._keys(views)
        key = self._vision_cache.encode([self._front(views)])[0]
        return key, key, key

    def _front(self, views: Views) -> np.ndarray:
        if self.views[0] not in views.images:
            raise ValueError(f'views {list(views.images)}; {self.views[0]!r} must be among them')
        return views.images[self.views[0]]

    def _hops(self) -> Hops:
        answers = self.answers.items()
        reasons = [f'{name}: {one.reason}' for name, one in answers if not one.valid]
        if reasons:
            return replace(NO_READING, reason='; '.join(reasons))
        hops = {name: one.percent / 100 for name, one in answers}
        std = max((one.std for _, one in answers), default=0.0) / 100
        return Hops(
            incremental=hops.get('incremental', 0.0),
            forward=hops['forward'],
            backward=hops.get('backward'),
            familiarity=1.0 if math.isnan(std) else 1.0 - std,
        )


@contextmanager
def explain_gpu_memory() -> Iterator[None]:
    """Turn a full GPU memory into a ModelError that names the remedies."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f'the memory of the GPU is full ({str(error).splitlines()[0]}); '
            'close what else uses it, or take a smaller model or precision'
        ) from error
