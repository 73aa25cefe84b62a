"""Whether the engines of this machine compute the same: random small models, and a compact one."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robo_dopamine_ros.reward.compact.card import read_card
from robo_dopamine_ros.reward.compact.engines import Engine as CompactEngine
from robo_dopamine_ros.reward.compact.loading import start_engine
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.telling import Report, part, silent
from robo_dopamine_ros.reward.tensorrt.library import Gpu, library
from robo_dopamine_ros.reward.vlm.compiled.export import export
from robo_dopamine_ros.reward.vlm.compiled.graph_engine import GraphEngine
from robo_dopamine_ros.reward.vlm.engine import KV, Chunk, Engine
from robo_dopamine_ros.reward.vlm.network.torch_engine import TorchEngine
from robo_dopamine_ros.reward.vlm.precision import PRECISIONS
from robo_dopamine_ros.reward.vlm.published.checkpoint import open_checkpoint, silence
from robo_dopamine_ros.reward.vlm.published.family import FAMILIES
from robo_dopamine_ros.reward.vlm.published.synthetic import write
from robo_dopamine_ros.reward.vlm.query.prompt import practice_prompt

LIMITS = {'fp32': 1e-4, 'fp16': 0.02, 'bf16': 0.1}  # difference allowed, in parts of the largest
CAMERA = (640, 480)
PARTS = ((1, 40, 0), (3, 30, 40), (3, 1, 70))  # queries, tokens, tokens before


@dataclass(frozen=True)
class Row:
    """One graph through one engine, compared with another engine."""

    graph: str
    precision: str
    engine: str
    reference: str
    difference: float = float('inf')  # the largest
    scale: float = 0.0  # of what it is compared with: the largest number in it
    fault: str = ''  # why it could not be run

    @property
    def agrees(self) -> bool:
        """Whether both give the same but for rounding."""
        return not self.fault and self.difference <= LIMITS[self.precision] * max(self.scale, 1e-6)


def facts() -> tuple[dict[str, str], str]:
    """What there is of GPU and libraries, and why TensorRT cannot be tried; '' when it can."""
    told = {'torch': str(torch.__version__)}
    try:
        gpu = Gpu.found()
        told |= {'GPU': gpu.name, 'compute capability': gpu.sm, 'memory': gpu.room()}
        told['TensorRT'] = library().__version__
    except ModelError as error:
        return told, str(error)
    return told, ''


def compare(
    compact: Path,
    precisions: Sequence[str],
    report: Report,
    families: Sequence[str] = tuple(FAMILIES),
) -> list[Row]:
    """ONNX Runtime against torch, then TensorRT in these precisions against ONNX Runtime.

    With all of them that is a dozen engines to build, which takes minutes.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as place:
        for index, family in enumerate(families):
            first, last = index / len(families), (index + 1) / len(families)
            whole = part(report, first * 0.9, last * 0.9)
            rows += _published(Path(place) / family, family, precisions, whole)
    report(0.9, 'compact')
    rows += _compact(compact, bool(precisions))
    report(1.0, 'done')
    return rows


def _published(place: Path, family: str, precisions: Sequence[str], report: Report) -> list[Row]:
    """A random model of a family; what is exact is that of its float32 graphs."""
    report(0.0, family)
    with silence(silent):
        write(place / 'checkpoint', family)
    network = open_checkpoint(place / 'checkpoint', 'cpu', 'float32')
    export(network, place / 'fp32', CAMERA, practice_prompt())
    onnx = GraphEngine(place / 'fp32')
    exact = _answers(onnx)
    sides = onnx.shape.height, onnx.shape.width
    plain = TorchEngine(network.model, *sides, onnx.answer_tokens)
    rows = _rows(family, 'fp32', 'onnx', 'torch', partial(_answers, plain), exact)
    for index, precision in enumerate(precisions):
        report((index + 1) / (len(precisions) + 1), f'{family} {precision}')
        folder = place / precision
        if not folder.exists():
            opened = open_checkpoint(place / 'checkpoint', 'cpu', PRECISIONS[precision])
            export(opened, folder, CAMERA, practice_prompt())
        built = partial(_built, folder)
        rows += _rows(family, precision, 'tensorrt', 'onnx fp32', built, exact)
    return rows


def _built(folder: Path) -> dict[str, list[Tensor]]:
    return _answers(GraphEngine(folder, 'tensorrt'))


def _answers(engine: Engine) -> dict[str, list[Tensor]]:
    """What the vision tower and the decoder make of random numbers, on the CPU in float32."""
    shape, chance = engine.shape, torch.Generator().manual_seed(0)
    pixels = torch.randn(3, 3, shape.height, shape.width, generator=chance)
    vision = [part for part in engine.see(pixels.to(engine.device)) if part is not None]
    decoder: list[Tensor] = []
    past: KV | None = None
    for queries, count, before in PARTS:
        if past is not None:
            past = tuple(part.expand(queries, -1, -1, -1) for part in past)
        logits, new = engine.read(_chunk(engine, queries, count, before, chance), past)
        decoder += [logits, *new]
        past = new if past is None else tuple(map(_joined, past, new))
    return {
        name: [part.float().cpu() for part in parts]
        for name, parts in (('vision', vision), ('decoder', decoder))
    }


def _joined(old: Tensor, new: Tensor) -> Tensor:
    return torch.cat((old, new), 2)


def _chunk(engine: Engine, queries: int, count: int, before: int, chance: torch.Generator) -> Chunk:
    shape, device, dtype = engine.shape, engine.device, engine.dtype
    embeds = torch.randn(queries, count, shape.hidden, generator=chance)
    positions = torch.randint(0, 1500, (3, queries, count), generator=chance)
    mask = torch.ones(count, before + count, dtype=torch.bool).tril(before)
    deepstack = torch.randn(shape.deepstack, *embeds.shape, generator=chance)
    return Chunk(
        embeds.to(device, dtype),
        positions.to(device),
        mask.expand(queries, 1, -1, -1).to(device),
        deepstack.to(device, dtype) if shape.deepstack else None,
    )


def _compact(folder: Path, with_tensorrt: bool) -> list[Row]:
    """The compact model through all engines."""
    shape = read_card(folder).shape

    def answers(engine: CompactEngine) -> dict[str, list[Tensor]]:
        chance = np.random.default_rng(0)
        pictures = chance.random((shape.views, 3, shape.height, shape.width), np.float32)
        seen = engine.see(pictures, np.ones(shape.views, np.float32))
        before = chance.standard_normal((3, shape.state), np.float32)
        told = np.array([seen.progress, seen.familiarity])
        outs = seen.state, told, seen.features, engine.compare(before, seen.state)
        see, compare = outs[:3], outs[3:]
        return {
            'see': [torch.from_numpy(out).float() for out in see],
            'compare': [torch.from_numpy(out).float() for out in compare],
        }

    def through(engine: str) -> dict[str, list[Tensor]]:
        return answers(start_engine(folder, shape, engine, 1))

    exact = through('onnx')
    rows = _rows('compact', 'fp32', 'onnx', 'torch', lambda: through('torch'), exact)
    if with_tensorrt:
        rows += _rows('compact', 'fp32', 'tensorrt', 'onnx', lambda: through('tensorrt'), exact)
    return rows


def _rows(
    name: str,
    precision: str,
    engine: str,
    reference: str,
    run: Callable[[], dict[str, list[Tensor]]],
    exact: dict[str, list[Tensor]],
) -> list[Row]:
    """A row for each graph; a failure is one too."""
    told = [(f'{name} {graph}', precision, engine, reference) for graph in exact]
    try:
        found = run()
    except (ModelError, RuntimeError, ValueError) as error:
        return [Row(*names, fault=str(error)) for names in told]
    rows = []
    for names, graph in zip(told, exact, strict=True):
        pairs = list(zip(found[graph], exact[graph], strict=True))
        apart = max(float((a - b).abs().max()) for a, b in pairs)
        scale = max(float(b.abs().max()) for _, b in pairs)
        apart = apart if apart == apart else float('inf')  # what is no number agrees with nothing
        rows.append(Row(*names, difference=apart, scale=scale))
    return rows
