"""Models as large as the published ones, or smaller in proportion, of random weights; and a prompt.

Only lengths and sizes matter to what is measured. The prompt is of random words, as long in tokens
as the authors' own, segment by segment.
"""

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from robo_dopamine_ros.reward.vlm.published import synthetic
from robo_dopamine_ros.reward.vlm.published.chat import read_chat
from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint, silence
from robo_dopamine_ros.reward.vlm.published.family import FAMILIES, Family
from robo_dopamine_ros.reward.vlm.published.pictures import ImageSettings
from robo_dopamine_ros.reward.vlm.published.synthetic import Size
from robo_dopamine_ros.reward.vlm.query.prompt import IMAGE, TASK, Prompt

SPREAD = 0.03  # of the weights: answers depend on the pictures, and nothing overflows
SIZES = {  # family and size of what was published
    'grm-3b': ('qwen2_5_vl', Size(2048, 36, 16, 2, 128, 11008, 151936, 1280, 32, 16, 3420, SPREAD)),
    'grm-8b': ('qwen2_5_vl', Size(3584, 28, 28, 4, 128, 18944, 152064, 1280, 32, 16, 3420, SPREAD)),
    'grm2-4b': ('qwen3_vl', Size(2560, 36, 32, 8, 128, 9728, 151936, 1024, 24, 16, 4096, SPREAD)),
    'grm2-8b': ('qwen3_vl', Size(4096, 36, 32, 8, 128, 12288, 151936, 1152, 27, 16, 4304, SPREAD)),
}
ORDER = 'organize the table'  # the task
SEGMENTS = (100, 15, 11, 10, 10, 8, 10, 10, 534)  # tokens of text around the eight pictures
OPENING, CLOSING = 6, 13  # of these, the turn's marks in the first and in the last
WORDS = ('red', 'blue', 'arm', 'block', 'box', 'hand', 'lift', 'open', 'near', 'left', 'table')


def scaled(size: Size, times: int) -> Size:
    """A model that many times narrower and shallower; pictures keep their cost in tokens."""

    def part(value: int, least: int = 1) -> int:
        return max(least, value // times)

    heads = part(size.heads)
    usual = size.hidden == size.heads * size.head_dim  # what one family cannot do without
    return replace(
        size,
        hidden=heads * size.head_dim if usual else part(size.hidden),
        layers=part(size.layers, 3),
        heads=heads,
        heads_kv=part(size.heads_kv),
        inner=part(size.inner),
        vocabulary=size.vocabulary // times**2,
        vision_hidden=part(size.vision_hidden),
        vision_layers=part(size.vision_layers, 3),
        vision_heads=part(size.vision_heads),
        vision_inner=part(size.vision_inner),
    )


def picture_in_tokens(size: Size, family: str) -> float:
    """What a picture costs the vision tower, in tokens of the language model."""
    patches, gates = (352, 3) if family == 'qwen2_5_vl' else (280, 2)
    attention = 2 * size.hidden * size.head_dim * (size.heads + size.heads_kv)
    token = size.layers * (attention + 3 * size.hidden * size.inner)
    inside = 4 * size.vision_hidden**2 + gates * size.vision_hidden * size.vision_inner
    return patches * size.vision_layers * inside / token


def build(
    name: str, family: str, size: Size, device: torch.device, kind: torch.dtype
) -> Checkpoint:
    """A model made where it will run, in its precision; nothing of it is written to a disk."""
    tokenizer, before = synthetic.make_tokenizer(), torch.get_default_dtype()
    torch.set_default_dtype(kind)
    try:
        with torch.device(device), silence(lambda share, what: None):
            model = synthetic.make_model(family, tokenizer, size, seed=0)
    finally:
        torch.set_default_dtype(before)
    mean, std = synthetic.MEAN, synthetic.STD
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'chat_template.jinja').write_text(synthetic.TEMPLATE, encoding='utf-8')
        chat = read_chat(Path(folder))
    kin: Family = FAMILIES[family]
    images = ImageSettings(kin.factor, mean, std)
    model = model.requires_grad_(False)
    return Checkpoint(name, Path(), kin, model, tokenizer, images, chat)


def stand_in_prompt() -> Prompt:
    """Random words with the task in the first segment and in the last."""
    chance = random.Random(0)
    last = len(SEGMENTS) - 1
    return Prompt(
        IMAGE.join(
            (TASK + ' ') * (number in (0, last))
            + letters(
                length
                - (len(ORDER) + 1) * (number in (0, last))
                - {0: OPENING, last: CLOSING}.get(number, 0),
                chance,
            )
            for number, length in enumerate(SEGMENTS)
        )
    )


def letters(count: int, chance: random.Random) -> str:
    """Words of so many letters and spaces in all; each is a token of the random models."""
    text = ''
    while len(text) < count:
        text += chance.choice(WORDS) + ' '
    return text[:count]
