"""A compiled GRM: a folder with everything that is needed of a checkpoint, but no torch network.

model.json, vision.onnx and decoder.onnx (each with a .data file when it is large), the embeddings
of all tokens (read row by row from the disk), the tokenizer, and the prompt as the checkpoint's
chat template renders it, with `{task}` where the task belongs.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from robo_dopamine_ros.reward.compact.card import CARD
from robo_dopamine_ros.reward.graphs import Fingerprint, combined, files
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.vlm.engine import Shape
from robo_dopamine_ros.reward.vlm.precision import PRECISIONS
from robo_dopamine_ros.reward.vlm.published.pictures import ImageSettings
from robo_dopamine_ros.reward.vlm.settings import COMPILED

VISION, DECODER, EMBEDDING = 'vision.onnx', 'decoder.onnx', 'embedding.safetensors'
TOKENIZER, CHAT = 'tokenizer.json', 'chat.txt'
TYPES: dict[str, torch.dtype] = {name: getattr(torch, told) for name, told in PRECISIONS.items()}
AGAIN = 'export the model again'


@dataclass(frozen=True)
class Lengths:
    """Tokens of the three parts of a query about a task of a few words."""

    prefix: int
    before: int
    after: int  # without the answer


@dataclass(frozen=True)
class VlmCard:
    """What a compiled GRM says about itself."""

    name: str  # of the checkpoint
    shape: Shape
    answer_tokens: tuple[int, ...]  # that logits are about, in their order
    images: ImageSettings
    precision: str  # of the weights
    opset: int  # of the graphs
    prompt: str  # sha256 of its text, before the chat template
    lengths: Lengths
    files: Mapping[str, Fingerprint]

    @property
    def dtype(self) -> torch.dtype:
        """What embeddings, keys and values are; a quantised network has those of 16 bits."""
        return TYPES.get(self.precision, torch.float16)

    def graph_hash(self, folder: Path, name: str) -> str:
        """The sha256 of a graph and its weights, as they were when they were written."""
        return combined([self.files[file.name].sha256 for file in files(folder / name)])


def write_card(folder: Path, card: VlmCard) -> None:
    """Write what makes a folder a model."""
    facts = {'kind': COMPILED, **dataclasses.asdict(card)}
    facts['files'] = {name: told._asdict() for name, told in card.files.items()}
    (folder / CARD).write_text(json.dumps(facts, indent=2) + '\n', encoding='utf-8')


def read_card(folder: Path) -> VlmCard:
    """Read it, and look whether all files are there and whole; ModelError naming the file."""
    path = folder / CARD
    try:
        facts = json.loads(path.read_text(encoding='utf-8'))
        if facts.pop('kind', None) != COMPILED:
            raise ModelError(f'{path} is not of kind {COMPILED!r}')
        made: dict[str, Any] = {
            'shape': Shape(**facts.pop('shape')),
            'images': _images(**facts.pop('images')),
            'lengths': Lengths(**facts.pop('lengths')),
            'answer_tokens': tuple(facts.pop('answer_tokens')),
            'files': {name: Fingerprint(**told) for name, told in facts.pop('files').items()},
        }
        card = VlmCard(**facts, **made)
    except ModelError:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f'{path}: {error}; {AGAIN}') from error
    _check(folder, card)
    return card


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of the checkpoint."""
    try:
        return Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as error:  # the library raises nothing more telling
        raise ModelError(f'{folder / TOKENIZER} is no tokenizer ({error}); {AGAIN}') from error


def read_chat(folder: Path) -> str:
    """The prompt as it reaches the tokenizer, with `{task}` where the task belongs."""
    try:
        return (folder / CHAT).read_text(encoding='utf-8')
    except (OSError, ValueError) as error:
        raise ModelError(f'{folder / CHAT}: {error}; {AGAIN}') from error


def _images(mean: list[float], std: list[float], **others: int) -> ImageSettings:
    return ImageSettings(mean=tuple(mean), std=tuple(std), **others)


def _check(folder: Path, card: VlmCard) -> None:
    for name, told in card.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f'{path} is missing; {AGAIN}')
        if (size := path.stat().st_size) != told.size:
            raise ModelError(f'{path} has {size} bytes, and had {told.size}; {AGAIN}')
