"""Comparison of the engines of this machine, on small random models and a compact model."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.grm.compact.loading import start_engine
from robo_dopamine_ros.grm.compact.model import CompactEngine
from robo_dopamine_ros.grm.compact.model_card import read_card
from robo_dopamine_ros.grm.protocol import (
    ModelError,
    ProgressCallback,
    ignore_progress,
    sub_progress,
)
from robo_dopamine_ros.grm.tensorrt.environment import Gpu, import_tensorrt
from robo_dopamine_ros.grm.vlm.compiled.export import export
from robo_dopamine_ros.grm.vlm.compiled.graph_engine import VlmGraphEngine
from robo_dopamine_ros.grm.vlm.engine import KeyValues, TokenChunk, VlmEngine
from robo_dopamine_ros.grm.vlm.network.torch_engine import VlmTorchEngine
from robo_dopamine_ros.grm.vlm.published.checkpoint import open_checkpoint, quiet_transformers
from robo_dopamine_ros.grm.vlm.published.family import FAMILIES
from robo_dopamine_ros.grm.vlm.query.prompt import short_prompt
from robo_dopamine_ros.grm.vlm.random_checkpoint import write_random_checkpoint
from robo_dopamine_ros.grm.vlm.settings import PRECISIONS

# difference allowed, relative to the largest value of the reference
TOLERANCES = {'fp32': 1e-4, 'fp16': 0.02, 'bf16': 0.1}
CAMERA_SIZE = (640, 480)
CHUNK_SIZES = ((1, 40, 0), (3, 30, 40), (3, 1, 70))  # queries, tokens, past tokens


@dataclass(frozen=True)
class EngineComparison:
    """One graph in one engine, compared with a reference engine."""

    graph: str
    precision: str
    engine: str
    reference: str
    difference: float = float('inf')  # largest absolute difference
    scale: float = 0.0  # largest absolute value of the reference
    error: str = ''  # why the engine could not run

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance of the precision."""
        return not self.error and self.difference <= TOLERANCES[self.precision] * max(
            self.scale, 1e-6
        )


def gpu_summary() -> tuple[dict[str, str], str]:
    """Versions of GPU and libraries, and why TensorRT cannot be tested; '' when it can."""
    found = {'torch': str(torch.__version__)}
    try:
        gpu = Gpu.current()
        found |= {'GPU': gpu.name, 'compute capability': gpu.sm, 'memory': gpu.memory_summary()}
        found['TensorRT'] = import_tensorrt().__version__
    except ModelError as error:
        return found, str(error)
    return found, ''


def compare_engines(
    compact: Path,
    precisions: Sequence[str],
    report: ProgressCallback,
    families: Sequence[str] = tuple(FAMILIES),
) -> list[EngineComparison]:
    """Compare ONNX Runtime with torch, then TensorRT in these precisions with ONNX Runtime.

    `compact` is a compact model folder. All families and precisions together build a dozen
    TensorRT engines, which takes minutes.
    """
    rows: list[EngineComparison] = []
    with tempfile.TemporaryDirectory() as temporary:
        for index, family in enumerate(families):
            first, last = index / len(families), (index + 1) / len(families)
            whole = sub_progress(report, first * 0.9, last * 0.9)
            rows += _compare_vlm(Path(temporary) / family, family, precisions, whole)
    report(0.9, 'compact')
    rows += _compare_compact(compact, bool(precisions))
    report(1.0, 'done')
    return rows


def _compare_vlm(
    folder: Path, family: str, precisions: Sequence[str], report: ProgressCallback
) -> list[EngineComparison]:
    """Compare the engines on a random model of a family; the reference is its float32 graphs."""
    report(0.0, family)
    with quiet_transformers(ignore_progress):
        write_random_checkpoint(folder / 'checkpoint', family)
    network = open_checkpoint(folder / 'checkpoint', 'cpu', 'float32')
    export(network, folder / 'fp32', CAMERA_SIZE, short_prompt())
    onnx = VlmGraphEngine.open(folder / 'fp32')
    exact = _outputs(onnx)
    size = onnx.shape.height, onnx.shape.width
    plain = VlmTorchEngine(network.model, *size, onnx.answer_tokens)
    rows = _rows(family, 'fp32', 'onnx', 'torch', partial(_outputs, plain), exact)
    for index, precision in enumerate(precisions):
        report((index + 1) / (len(precisions) + 1), f'{family} {precision}')
        compiled = folder / precision
        if not compiled.exists():
            opened = open_checkpoint(folder / 'checkpoint', 'cpu', PRECISIONS[precision])
            export(opened, compiled, CAMERA_SIZE, short_prompt())
        run = partial(_tensorrt_outputs, compiled)
        rows += _rows(family, precision, 'tensorrt', 'onnx fp32', run, exact)
    return rows


def _tensorrt_outputs(folder: Path) -> dict[str, list[Tensor]]:
    return _outputs(VlmGraphEngine.open(folder, 'tensorrt'))


def _outputs(engine: VlmEngine) -> dict[str, list[Tensor]]:
    """Outputs of vision tower and decoder for random inputs, on the CPU in float32."""
    shape, generator = engine.shape, torch.Generator().manual_seed(0)
    pixels = torch.randn(3, 3, shape.height, shape.width, generator=generator)
    vision = [part for part in engine.encode_images(pixels.to(engine.device)) if part is not None]
    decoder: list[Tensor] = []
    past: KeyValues | None = None
    for queries, count, before in CHUNK_SIZES:
        if past is not None:
            past = tuple(part.expand(queries, -1, -1, -1) for part in past)
        logits, new = engine.decode(_chunk(engine, queries, count, before, generator), past)
        decoder += [logits, *new]
        past = new if past is None else tuple(map(_concatenate, past, new))
    return {
        name: [part.float().cpu() for part in parts]
        for name, parts in (('vision', vision), ('decoder', decoder))
    }


def _concatenate(old: Tensor, new: Tensor) -> Tensor:
    return torch.cat((old, new), 2)


def _chunk(
    engine: VlmEngine, queries: int, count: int, before: int, generator: torch.Generator
) -> TokenChunk:
    shape, device, dtype = engine.shape, engine.device, engine.dtype
    embeds = torch.randn(queries, count, shape.hidden, generator=generator)
    positions = torch.randint(0, 1500, (3, queries, count), generator=generator)
    mask = torch.ones(count, before + count, dtype=torch.bool).tril(before)
    deepstack = torch.randn(shape.deepstack, *embeds.shape, generator=generator)
    return TokenChunk(
        embeds.to(device, dtype),
        positions.to(device),
        mask.expand(queries, 1, -1, -1).to(device),
        deepstack.to(device, dtype) if shape.deepstack else None,
    )


def _compare_compact(folder: Path, with_tensorrt: bool) -> list[EngineComparison]:
    """Compare the engines on a compact model."""
    shape = read_card(folder).shape

    def outputs(engine: CompactEngine) -> dict[str, list[Tensor]]:
        generator = np.random.default_rng(0)
        images = generator.random((shape.views, 3, shape.height, shape.width), np.float32)
        encoded = engine.encode(images, np.ones(shape.views, np.float32))
        before = generator.standard_normal((3, shape.state), np.float32)
        scalars = np.array([encoded.progress, encoded.familiarity])
        graphs = {
            'see': (encoded.state, scalars, encoded.features),
            'compare': (engine.compare(before, encoded.state),),
        }
        return {
            name: [torch.from_numpy(one).float() for one in arrays]
            for name, arrays in graphs.items()
        }

    def run(engine: str) -> dict[str, list[Tensor]]:
        return outputs(start_engine(folder, shape, engine, 1))

    exact = run('onnx')
    rows = _rows('compact', 'fp32', 'onnx', 'torch', lambda: run('torch'), exact)
    if with_tensorrt:
        rows += _rows('compact', 'fp32', 'tensorrt', 'onnx', lambda: run('tensorrt'), exact)
    return rows


def _rows(
    name: str,
    precision: str,
    engine: str,
    reference: str,
    run: Callable[[], dict[str, list[Tensor]]],
    exact: dict[str, list[Tensor]],
) -> list[EngineComparison]:
    """One comparison for each graph, also when the engine fails."""
    titles = [(f'{name} {graph}', precision, engine, reference) for graph in exact]
    try:
        found = run()
    except (ModelError, RuntimeError, ValueError) as error:
        return [EngineComparison(*title, error=str(error)) for title in titles]
    rows = []
    for title, graph in zip(titles, exact, strict=True):
        pairs = list(zip(found[graph], exact[graph], strict=True))
        difference = max(float((a - b).abs().max()) for a, b in pairs)
        scale = max(float(b.abs().max()) for _, b in pairs)
        if np.isnan(difference):  # agrees with nothing
            difference = float('inf')
        rows.append(EngineComparison(*title, difference=difference, scale=scale))
    return rows
