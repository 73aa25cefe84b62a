"""The engine of a compiled GRM: ONNX Runtime on a CPU, TensorRT on a GPU."""

from pathlib import Path

import safetensors
import torch
from torch import Tensor
from torch.nn import functional

from robo_dopamine_ros.grm.onnx_runtime import GraphRuntime, OnnxRuntime
from robo_dopamine_ros.grm.protocol import (
    ModelError,
    ProgressCallback,
    ignore_progress,
    sub_progress,
)
from robo_dopamine_ros.grm.tensorrt.build import Profile
from robo_dopamine_ros.grm.tensorrt.cache import EngineSpec, open_engine
from robo_dopamine_ros.grm.vlm.compiled import model_dir
from robo_dopamine_ros.grm.vlm.compiled.graphs import cache_names, decoder_profiles, vision_profiles
from robo_dopamine_ros.grm.vlm.engine import KeyValues, TokenChunk, VisionFeatures
from robo_dopamine_ros.grm.vlm.network.decoder import additive_mask

ENGINES = ('onnx', 'tensorrt')


class VlmGraphEngine:
    """A `VlmEngine` over the graphs of a model directory (model_dir.py)."""

    def __init__(
        self, card: model_dir.VlmCard, vision: GraphRuntime, decoder: GraphRuntime, table: Tensor
    ) -> None:
        """`table` of embeddings is (vocabulary, C)."""
        self.card, self._vision, self._decoder, self._table = card, vision, decoder, table
        self.shape, self.answer_tokens = card.shape, card.answer_tokens
        self.device, self.dtype = vision.device, card.dtype
        self._names = cache_names(card.shape)

    @classmethod
    def open(
        cls,
        folder: Path,
        engine: str = 'onnx',
        threads: int = 0,
        report: ProgressCallback = ignore_progress,
    ) -> 'VlmGraphEngine':
        """Open a model directory; missing TensorRT engines are built.

        `threads` are those of ONNX Runtime, 0: all.
        """
        card = model_dir.read_vlm_card(folder)
        vision, decoder = open_runtimes(folder, card, engine, threads, report)
        return cls(card, vision, decoder, read_embedding(folder))

    def embed(self, ids: Tensor) -> Tensor:
        """See `VlmEngine.embed`."""
        return functional.embedding(ids.cpu(), self._table).to(self.device)

    def encode_images(self, pixels: Tensor) -> VisionFeatures:
        """See `VlmEngine.encode_images`; ValueError for images of another size."""
        wanted = (3, self.shape.height, self.shape.width)
        if pixels.ndim != 4 or tuple(pixels.shape[1:]) != wanted:
            raise ValueError(f'pixels {tuple(pixels.shape)}; this engine takes (N, *{wanted})')
        outputs = self._vision.run({'pixels': pixels.to(self.device)})
        return VisionFeatures(outputs['embeds'], outputs.get('deepstack'))

    def decode(self, chunk: TokenChunk, past: KeyValues | None = None) -> tuple[Tensor, KeyValues]:
        """See `VlmEngine.decode`."""
        if (chunk.deepstack is None) == bool(self.shape.deepstack):
            raise ValueError(f'{self.shape.family} takes deepstack features or does not')
        feeds = {
            'embeds': chunk.embeds,
            'positions': chunk.positions,
            'mask': additive_mask(chunk.mask, self.dtype),
            **({} if chunk.deepstack is None else {'deepstack': chunk.deepstack}),
            **dict(zip(self._names, past or self._empty_past(len(chunk.embeds)), strict=True)),
        }
        outputs = self._decoder.run(feeds)
        return outputs['logits'], tuple(outputs[f'new_{name}'] for name in self._names)

    def _empty_past(self, queries: int) -> KeyValues:
        """Keys and values of zero tokens."""
        size = (queries, self.shape.heads_kv, 0, self.shape.head_dim)
        return (torch.empty(size, dtype=self.dtype, device=self.device),) * len(self._names)


def open_runtimes(
    folder: Path, card: model_dir.VlmCard, engine: str, threads: int, report: ProgressCallback
) -> tuple[GraphRuntime, GraphRuntime]:
    """Open the graphs of vision tower and decoder; missing TensorRT engines are built."""
    if engine == 'onnx':
        if card.dtype is torch.bfloat16:
            raise ModelError(
                f'{folder} is in bf16, which ONNX Runtime cannot compute with; '
                'use engine "tensorrt", or export it with --precision fp32'
            )
        vision, decoder = folder / model_dir.VISION, folder / model_dir.DECODER
        return OnnxRuntime(vision, threads), OnnxRuntime(decoder, threads)
    if engine != 'tensorrt':
        raise ModelError(f'engine {engine!r} of a compiled model is one of {", ".join(ENGINES)}')
    first, second = build_recipes(folder, card)
    return (
        open_engine(first, sub_progress(report, 0.0, 0.2)),
        open_engine(second, sub_progress(report, 0.2, 1.0)),
    )


def build_recipes(folder: Path, card: model_dir.VlmCard) -> tuple[EngineSpec, EngineSpec]:
    """TensorRT build recipes of the vision tower and of the decoder."""

    def recipe(name: str, profiles: tuple[Profile, ...]) -> EngineSpec:
        return EngineSpec(folder / name, profiles, card.precision, card.graph_hash(folder, name))

    return (
        recipe(model_dir.VISION, vision_profiles(card.shape)),
        recipe(model_dir.DECODER, decoder_profiles(card.shape, card.lengths)),
    )


def read_embedding(folder: Path) -> Tensor:
    """Embeddings (vocabulary, C), memory-mapped; ModelError if the file is damaged."""
    try:
        with safetensors.safe_open(folder / model_dir.EMBEDDING, 'pt') as file:
            return file.get_tensor('embedding')
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(
            f'{folder / model_dir.EMBEDDING}: {error}; {model_dir.EXPORT_AGAIN}'
        ) from error
