"""Random models of the published sizes or smaller, and a prompt of the published length.

Only sizes and lengths matter to the measurement. The prompt consists of random words, with as many
tokens as the official one in each segment.
"""

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.image_processor import ImageSettings
from robo_dopamine_ros.grm.vlm.published.checkpoint import (
    PublishedCheckpoint,
    quiet_transformers,
    read_chat_template,
)
from robo_dopamine_ros.grm.vlm.published.family import FAMILIES, ModelFamily
from robo_dopamine_ros.grm.vlm.query.prompt import IMAGE, TASK, Prompt
from robo_dopamine_ros.grm.vlm.random_checkpoint import RandomModelSize

SPREAD = 0.03  # of the weights: answers depend on the images, and nothing overflows
SIZES = {  # family and size of the published models
    'grm-3b': (
        'qwen2_5_vl',
        RandomModelSize(2048, 36, 16, 2, 128, 11008, 151936, 1280, 32, 16, 3420, SPREAD),
    ),
    'grm-8b': (
        'qwen2_5_vl',
        RandomModelSize(3584, 28, 28, 4, 128, 18944, 152064, 1280, 32, 16, 3420, SPREAD),
    ),
    'grm2-4b': (
        'qwen3_vl',
        RandomModelSize(2560, 36, 32, 8, 128, 9728, 151936, 1024, 24, 16, 4096, SPREAD),
    ),
    'grm2-8b': (
        'qwen3_vl',
        RandomModelSize(4096, 36, 32, 8, 128, 12288, 151936, 1152, 27, 16, 4304, SPREAD),
    ),
}
TASK_TEXT = 'organize the table'
SEGMENTS = (100, 15, 11, 10, 10, 8, 10, 10, 534)  # tokens of text around the eight images
OPENING, CLOSING = 6, 13  # of these, the chat template's in the first and last segment
WORDS = ('red', 'blue', 'arm', 'block', 'box', 'hand', 'lift', 'open', 'near', 'left', 'table')


def scaled(size: RandomModelSize, times: int) -> RandomModelSize:
    """A model `times` narrower and shallower; images cost the same number of tokens."""

    def part(value: int, least: int = 1) -> int:
        return max(least, value // times)

    heads = part(size.heads)
    square = size.hidden == size.heads * size.head_dim  # required by one family
    return replace(
        size,
        hidden=heads * size.head_dim if square else part(size.hidden),
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


def image_in_tokens(size: RandomModelSize, family: str) -> float:
    """Cost of encoding an image, in tokens of the language model."""
    patches, projections = (352, 3) if family == 'qwen2_5_vl' else (280, 2)
    attention = 2 * size.hidden * size.head_dim * (size.heads + size.heads_kv)
    token = size.layers * (attention + 3 * size.hidden * size.inner)
    inside = 4 * size.vision_hidden**2 + projections * size.vision_hidden * size.vision_inner
    return patches * size.vision_layers * inside / token


def build(
    name: str, family: str, size: RandomModelSize, device: torch.device, dtype: torch.dtype
) -> PublishedCheckpoint:
    """A model created on its device and in its precision; nothing is written to disk."""
    tokenizer, before = random_checkpoint.make_tokenizer(), torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device), quiet_transformers(lambda share, what: None):
            model = random_checkpoint.make_model(family, tokenizer, size, seed=0)
    finally:
        torch.set_default_dtype(before)
    mean, std = random_checkpoint.MEAN, random_checkpoint.STD
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'chat_template.jinja').write_text(
            random_checkpoint.CHAT_TEMPLATE, encoding='utf-8'
        )
        chat = read_chat_template(Path(folder))
    model_family: ModelFamily = FAMILIES[family]
    images = ImageSettings(model_family.factor, mean, std)
    model = model.requires_grad_(False)
    return PublishedCheckpoint(name, Path(), model_family, model, tokenizer, images, chat)


def random_prompt() -> Prompt:
    """Random words, with the task in the first and last segment."""
    rng = random.Random(0)
    last = len(SEGMENTS) - 1
    return Prompt(
        IMAGE.join(
            (TASK + ' ') * (number in (0, last))
            + letters(
                length
                - (len(TASK_TEXT) + 1) * (number in (0, last))
                - {0: OPENING, last: CLOSING}.get(number, 0),
                rng,
            )
            for number, length in enumerate(SEGMENTS)
        )
    )


def letters(count: int, rng: random.Random) -> str:
    """Words with `count` letters and spaces in total; each is a token of the random models."""
    text = ''
    while len(text) < count:
        text += rng.choice(WORDS) + ' '
    return text[:count]
