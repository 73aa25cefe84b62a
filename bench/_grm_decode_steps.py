"""Decode steps that the answers of an episode need, with an engine that gives prescribed answers.

Answers of random weights do not follow progress, so these are made up: an episode goes from start
to goal with occasional setbacks, and every answer is off by a few percent.
"""

from collections.abc import Sequence

import numpy as np
import torch
from _grm_random_model import TASK_TEXT
from torch import Tensor

from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.engine import KeyValues, NetworkShape, TokenChunk, VisionFeatures
from robo_dopamine_ros.grm.vlm.image_processor import ImageSettings
from robo_dopamine_ros.grm.vlm.kv_cache import PERSPECTIVES
from robo_dopamine_ros.grm.vlm.model import VlmGRM, VlmProcessor
from robo_dopamine_ros.grm.vlm.query.answer_tokens import SYMBOLS, AnswerTokens
from robo_dopamine_ros.grm.vlm.query.layout import PromptLayout
from robo_dopamine_ros.grm.vlm.query.prompt import IMAGE_COUNT
from robo_dopamine_ros.grm.vlm.settings import VlmSettings
from robo_dopamine_ros.types import VIEWS, TaskContext, Views

STEPS, NOISE, SETBACKS = 40, 2.0, 0.1  # of an episode; std of answers [%]; probability
SIDE = 112  # of an image [px]
IMAGE_TEXT = '<|vision_start|><|image_pad|><|vision_end|>'


class PrescribedEngine:
    """A `VlmEngine` that gives prescribed answers."""

    dtype, device = torch.float32, torch.device('cpu')
    shape = NetworkShape('qwen2_5_vl', 1, 1, 1, 1, 0, SIDE, SIDE, SIDE // 28, SIDE // 28)

    def __init__(self, tokens: AnswerTokens) -> None:
        self.answer_tokens = tokens.ids
        self.wanted: Sequence[str] = ()  # path of each query of the batch
        self.begin = 0  # position of the first token of an answer

    def embed(self, ids: Tensor) -> Tensor:
        return torch.zeros(len(ids), 1)

    def encode_images(self, pixels: Tensor) -> VisionFeatures:
        return VisionFeatures(torch.zeros(len(pixels), self.shape.tokens, 1))

    def decode(self, chunk: TokenChunk, past: KeyValues | None = None) -> tuple[Tensor, KeyValues]:
        queries, rows = chunk.embeds.shape[:2]
        logits = torch.zeros(queries, rows, len(SYMBOLS))
        for query, path in enumerate(self.wanted[:queries]):
            for place, symbol in enumerate(path):
                row = chunk.positions[0, query] == self.begin + 1 + place
                logits[query, row, SYMBOLS.index(symbol)] = 1.0
        new = torch.zeros(queries, 1, rows, 1)
        return logits, (new, new)


def decode_steps(settings: VlmSettings, decimals: bool, episodes: int, seed: int = 0) -> float:
    """Mean decode steps per step, for answers with whole numbers or with one decimal."""
    rng, tokenizer = np.random.default_rng(seed), random_checkpoint.make_tokenizer()
    tokens = AnswerTokens.of(tokenizer)
    engine = PrescribedEngine(tokens)
    layout = PromptLayout.of(tokenizer, IMAGE_TEXT * IMAGE_COUNT, TASK_TEXT, engine.shape, tokens)
    engine.begin = layout.answer
    images = ImageSettings(28, random_checkpoint.MEAN, random_checkpoint.STD)
    model = VlmGRM(
        'prescribed', engine, VlmProcessor(lambda task: layout, tokens, images), settings
    )
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    views = Views(dict.fromkeys(VIEWS, picture), dict.fromkeys(VIEWS, 0))
    for _ in range(episodes):
        model.reset(TaskContext(TASK_TEXT, views, views))
        for answers in episode(rng, decimals):
            engine.wanted = [answers[row] for row in PERSPECTIVES if row in answers]
            model.step(views)
            decoded = {row: one.path for row, one in model.answers.items()}
            cut = decimals and not settings.decimals
            assert cut or decoded == answers, f'{answers} was decoded as {decoded}'
    return model.cost.decode_steps / episodes / STEPS


def episode(rng: np.random.Generator, decimals: bool) -> list[dict[str, str]]:
    """Answers to the queries of each step."""
    steps, last = [], 0.0
    for number in range(STEPS):
        setback = -0.1 if rng.random() < SETBACKS else 0.0
        here = float(np.clip(number / (STEPS - 1) + setback, 0, 1))
        hops = {'backward': here - 1, 'forward': here}
        if number:
            rest = 1 - last if here >= last else last
            hops['incremental'] = (here - last) / rest if rest else 0.0
        last = here
        off = {row: 100 * hop + NOISE * rng.normal() for row, hop in hops.items()}
        steps.append({row: as_path(percent, decimals) for row, percent in off.items()})
    return steps


def as_path(percent: float, decimal: bool) -> str:
    """Path of a number below 100."""
    value = float(np.clip(round(percent, int(decimal)), -99, 99))
    if decimal:
        return f'{value:+.1f}' if value else '>'
    return f'{value:+.0f}%' if value else '>'
