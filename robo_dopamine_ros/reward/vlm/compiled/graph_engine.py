"""The engine that runs a compiled GRM: ONNX Runtime on a CPU, TensorRT on a GPU."""

from pathlib import Path

import safetensors
import torch
from torch import Tensor
from torch.nn import functional

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.runtimes import OnnxRuntime, Runtime
from robo_dopamine_ros.reward.telling import Report, part, silent
from robo_dopamine_ros.reward.tensorrt.build import Profile
from robo_dopamine_ros.reward.tensorrt.cache import Recipe, open_engine
from robo_dopamine_ros.reward.vlm.compiled.folder import (
    AGAIN,
    DECODER,
    EMBEDDING,
    VISION,
    VlmCard,
    read_card,
)
from robo_dopamine_ros.reward.vlm.compiled.graphs import (
    cache_names,
    decoder_profiles,
    vision_profiles,
)
from robo_dopamine_ros.reward.vlm.engine import KV, Chunk, Seen
from robo_dopamine_ros.reward.vlm.network.decoder import additive

ENGINES = ('onnx', 'tensorrt')


class GraphEngine:
    """An engine (vlm/engine.py) over the graphs of a folder (folder.py)."""

    def __init__(
        self, folder: Path, engine: str = 'onnx', threads: int = 0, report: Report = silent
    ) -> None:
        """`threads` are those of ONNX Runtime, 0: all; `report` is told of builds of TensorRT."""
        self.card = card = read_card(folder)
        self.shape, self.answer_tokens = card.shape, card.answer_tokens
        self._vision, self._decoder = open_runtimes(folder, card, engine, threads, report)
        self.device, self.dtype = self._vision.device, card.dtype
        self._table = read_embedding(folder)
        self._names = cache_names(card.shape)

    def embed(self, ids: Tensor) -> Tensor:
        """As `Engine.embed`."""
        return functional.embedding(ids.cpu(), self._table).to(self.device)

    def see(self, pixels: Tensor) -> Seen:
        """As `Engine.see`; ValueError for pictures of another size."""
        wanted = (3, self.shape.height, self.shape.width)
        if pixels.ndim != 4 or tuple(pixels.shape[1:]) != wanted:
            raise ValueError(f'pixels {tuple(pixels.shape)}; this engine takes (N, *{wanted})')
        seen = self._vision.run({'pixels': pixels.to(self.device)})
        return Seen(seen['embeds'], seen.get('deepstack'))

    def read(self, chunk: Chunk, past: KV | None = None) -> tuple[Tensor, KV]:
        """As `Engine.read`."""
        if (chunk.deepstack is None) == bool(self.shape.deepstack):
            raise ValueError(f'{self.shape.family} takes deepstack features or does not')
        feeds = {
            'embeds': chunk.embeds,
            'positions': chunk.positions,
            'mask': additive(chunk.mask, self.dtype),
            **({} if chunk.deepstack is None else {'deepstack': chunk.deepstack}),
            **dict(zip(self._names, past or self._nothing(len(chunk.embeds)), strict=True)),
        }
        found = self._decoder.run(feeds)
        return found['logits'], tuple(found[f'new_{name}'] for name in self._names)

    def _nothing(self, queries: int) -> KV:
        """Keys and values of no tokens."""
        size = (queries, self.shape.heads_kv, 0, self.shape.head_dim)
        return (torch.empty(size, dtype=self.dtype, device=self.device),) * len(self._names)


def open_runtimes(
    folder: Path, card: VlmCard, engine: str, threads: int, report: Report
) -> tuple[Runtime, Runtime]:
    """What runs the vision tower, and what runs the decoder."""
    if engine == 'onnx':
        if card.dtype is torch.bfloat16:
            raise ModelError(
                f'{folder} is in bf16, which ONNX Runtime cannot compute with; '
                'use engine "tensorrt", or export it with --precision fp32'
            )
        return OnnxRuntime(folder / VISION, threads), OnnxRuntime(folder / DECODER, threads)
    if engine != 'tensorrt':
        raise ModelError(f'engine {engine!r} of a compiled model is one of {", ".join(ENGINES)}')
    first, second = recipes(folder, card)
    return (
        open_engine(first, part(report, 0.0, 0.2)),
        open_engine(second, part(report, 0.2, 1.0)),
    )


def recipes(folder: Path, card: VlmCard) -> tuple[Recipe, Recipe]:
    """How TensorRT builds the vision tower and the decoder."""

    def recipe(name: str, profiles: tuple[Profile, ...]) -> Recipe:
        return Recipe(folder / name, profiles, card.precision, card.graph_hash(folder, name))

    return (
        recipe(VISION, vision_profiles(card.shape)),
        recipe(DECODER, decoder_profiles(card.shape, card.lengths)),
    )


def read_embedding(folder: Path) -> Tensor:
    """Embeddings (vocabulary, C) that stay on the disk until they are looked up."""
    try:
        with safetensors.safe_open(folder / EMBEDDING, 'pt') as file:
            return file.get_tensor('embedding')
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(f'{folder / EMBEDDING}: {error}; {AGAIN}') from error
