"""The directory of a compiled GRM, which holds all that is needed of a checkpoint.

Files: model.json, vision.onnx and decoder.onnx (large ones with a .data file), the embeddings of
all tokens (memory-mapped), the tokenizer, and the prompt as rendered by the chat template of the
checkpoint, with `{task}` in place of the instruction.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from robo_dopamine_ros.grm.compact.model_card import CARD_FILE
from robo_dopamine_ros.grm.onnx_export import Fingerprint, combined_hash, graph_files
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.engine import NetworkShape
from robo_dopamine_ros.grm.vlm.image_processor import ImageSettings
from robo_dopamine_ros.grm.vlm.settings import COMPILED_KIND, PRECISIONS

VISION, DECODER, EMBEDDING = 'vision.onnx', 'decoder.onnx', 'embedding.safetensors'
TOKENIZER, CHAT = 'tokenizer.json', 'chat.txt'
CARD_DTYPES: dict[str, torch.dtype] = {k: getattr(torch, v) for k, v in PRECISIONS.items()}
EXPORT_AGAIN = 'export the model again'


@dataclass(frozen=True)
class SectionLengths:
    """Tokens of the three sections of a query with a task of typical length."""

    prefix: int
    before: int
    after: int  # without the answer tree


@dataclass(frozen=True)
class VlmCard:
    """Metadata of a compiled GRM, stored as model.json."""

    name: str  # of the checkpoint
    shape: NetworkShape
    answer_tokens: tuple[int, ...]  # token ids of the logits, in their order
    images: ImageSettings
    precision: str  # of the weights
    opset: int  # of the graphs
    prompt: str  # SHA-256 of its text, before the chat template
    lengths: SectionLengths
    files: Mapping[str, Fingerprint]

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of embeddings, keys and values; float16 in a quantized network."""
        return CARD_DTYPES.get(self.precision, torch.float16)

    def graph_hash(self, folder: Path, name: str) -> str:
        """SHA-256 of a graph and its weights as recorded at export."""
        return combined_hash([self.files[file.name].sha256 for file in graph_files(folder / name)])


def write_vlm_card(folder: Path, card: VlmCard) -> None:
    """Write model.json."""
    metadata = {'kind': COMPILED_KIND, **dataclasses.asdict(card)}
    metadata['files'] = {name: file._asdict() for name, file in card.files.items()}
    (folder / CARD_FILE).write_text(json.dumps(metadata, indent=2) + '\n', encoding='utf-8')


def read_vlm_card(folder: Path) -> VlmCard:
    """Read model.json and check that all files exist in full size; ModelError names the file."""
    path = folder / CARD_FILE
    try:
        metadata = json.loads(path.read_text(encoding='utf-8'))
        if metadata.pop('kind', None) != COMPILED_KIND:
            raise ModelError(f'{path} is not of kind {COMPILED_KIND!r}')
        parsed: dict[str, Any] = {
            'shape': NetworkShape(**metadata.pop('shape')),
            'images': _images(**metadata.pop('images')),
            'lengths': SectionLengths(**metadata.pop('lengths')),
            'answer_tokens': tuple(metadata.pop('answer_tokens')),
            'files': {name: Fingerprint(**file) for name, file in metadata.pop('files').items()},
        }
        card = VlmCard(**metadata, **parsed)
    except ModelError:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f'{path}: {error}; {EXPORT_AGAIN}') from error
    for name, file in card.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f'{path} is missing; {EXPORT_AGAIN}')
        if (size := path.stat().st_size) != file.size:
            raise ModelError(f'{path} has {size} bytes, and had {file.size}; {EXPORT_AGAIN}')
    return card


def read_prompt_text(folder: Path) -> str:
    """Read the rendered prompt, with `{task}` in place of the instruction."""
    try:
        return (folder / CHAT).read_text(encoding='utf-8')
    except (OSError, ValueError) as error:
        raise ModelError(f'{folder / CHAT}: {error}; {EXPORT_AGAIN}') from error


def _images(mean: list[float], std: list[float], **others: int) -> ImageSettings:
    return ImageSettings(mean=tuple(mean), std=tuple(std), **others)
