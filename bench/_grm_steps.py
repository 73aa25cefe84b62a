"""How many passes more the answers of an episode need; an engine says them by rote.

What a random network says knows no progress, so these answers are made: an episode climbs from
start to goal with a slip now and then, and every answer is off by a few percent.
"""

from collections.abc import Sequence

import numpy as np
import torch
from _grm_model import ORDER
from torch import Tensor

from robo_dopamine_ros.reward.vlm.engine import KV, Chunk, Seen, Shape
from robo_dopamine_ros.reward.vlm.memory import ROWS
from robo_dopamine_ros.reward.vlm.model import Language, VlmGRM
from robo_dopamine_ros.reward.vlm.published import synthetic
from robo_dopamine_ros.reward.vlm.published.pictures import ImageSettings
from robo_dopamine_ros.reward.vlm.query.layout import Layout
from robo_dopamine_ros.reward.vlm.query.prompt import PICTURES
from robo_dopamine_ros.reward.vlm.query.words import SYMBOLS, AnswerTokens
from robo_dopamine_ros.reward.vlm.settings import VlmSettings
from robo_dopamine_ros.types import VIEWS, TaskContext, Views

LOOKS, OFF, SLIPS = 40, 2.0, 0.1  # looks of an episode, how far answers are off [%], their share
SIDE = 112  # of a picture [px]
MARK = '<|vision_start|><|image_pad|><|vision_end|>'


class Parrot:
    """An engine (vlm/engine.py) that says given answers."""

    dtype, device = torch.float32, torch.device('cpu')
    shape = Shape('qwen2_5_vl', 1, 1, 1, 1, 0, SIDE, SIDE, SIDE // 28, SIDE // 28)

    def __init__(self, tokens: AnswerTokens) -> None:
        self.answer_tokens = tokens.ids
        self.wanted: Sequence[str] = ()  # path of each query of the batch
        self.begin = 0  # position of an answer's first token

    def embed(self, ids: Tensor) -> Tensor:
        return torch.zeros(len(ids), 1)

    def see(self, pixels: Tensor) -> Seen:
        return Seen(torch.zeros(len(pixels), self.shape.tokens, 1))

    def read(self, chunk: Chunk, past: KV | None = None) -> tuple[Tensor, KV]:
        queries, rows = chunk.embeds.shape[:2]
        logits = torch.zeros(queries, rows, len(SYMBOLS))
        for query, path in enumerate(self.wanted[:queries]):
            for place, symbol in enumerate(path):
                row = chunk.positions[0, query] == self.begin + 1 + place
                logits[query, row, SYMBOLS.index(symbol)] = 1.0
        new = torch.zeros(queries, 1, rows, 1)
        return logits, (new, new)


def passes(settings: VlmSettings, decimals: bool, episodes: int, seed: int = 0) -> float:
    """Passes more that a look needs on average, for whole numbers or for ones with a decimal."""
    chance, tokenizer = np.random.default_rng(seed), synthetic.make_tokenizer()
    tokens = AnswerTokens.of(tokenizer)
    parrot = Parrot(tokens)
    layout = Layout.of(tokenizer, MARK * PICTURES, ORDER, parrot.shape, tokens)
    parrot.begin = layout.answer
    images = ImageSettings(28, synthetic.MEAN, synthetic.STD)
    model = VlmGRM('parrot', parrot, Language(lambda task: layout, tokens, images), settings)
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    views = Views(dict.fromkeys(VIEWS, picture), dict.fromkeys(VIEWS, 0))
    for _ in range(episodes):
        model.begin(TaskContext(ORDER, views, views))
        for answers in episode(chance, decimals):
            parrot.wanted = [answers[row] for row in ROWS if row in answers]
            model.step(views)
            heard = {row: one.path for row, one in model.answers.items()}
            cut = decimals and not settings.decimals
            assert cut or heard == answers, f'{answers} was read as {heard}'
    return model.cost.steps / episodes / LOOKS


def episode(chance: np.random.Generator, decimals: bool) -> list[dict[str, str]]:
    """Answers to the queries of each look."""
    told, last = [], 0.0
    for number in range(LOOKS):
        slip = -0.1 if chance.random() < SLIPS else 0.0
        here = float(np.clip(number / (LOOKS - 1) + slip, 0, 1))
        hops = {'backward': here - 1, 'forward': here}
        if number:
            rest = 1 - last if here >= last else last
            hops['incremental'] = (here - last) / rest if rest else 0.0
        last = here
        off = {row: 100 * hop + OFF * chance.normal() for row, hop in hops.items()}
        told.append({row: written(percent, decimals) for row, percent in off.items()})
    return told


def written(percent: float, decimal: bool) -> str:
    """The path of a number below 100."""
    told = float(np.clip(round(percent, int(decimal)), -99, 99))
    if decimal:
        return f'{told:+.1f}' if told else '>'
    return f'{told:+.0f}%' if told else '>'
