"""The one exporter: a torch module becomes an ONNX graph that ONNX Runtime and TensorRT run.

The same module gives the same bytes, so that an engine that was built of a graph can be found again
by the graph's hash.
"""

import hashlib
import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

OPSET = 18  # TensorRT 10.3 knows it; 23 has whole attention operators, for TensorRT from 10.15 on
OPSETS = (18, 19, 23)  # 19: the first with 8-bit rounding of 16-bit numbers
INLINE = 64 << 20  # weights of more than this stand in a file of their own [bytes]
WEIGHTS = '.data'  # ends the name of that file
LONGEST = 1 << 16  # a free axis may be this long
CHUNK = 1 << 22  # read at a time [bytes]


@dataclass(frozen=True)
class Graph:
    """A module, and what goes in and comes out of it."""

    module: nn.Module
    inputs: Mapping[str, Tensor]  # examples, in the order of the module's arguments
    outputs: tuple[str, ...]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    # of an input: its axes of no fixed length, each with the name of the length; 'P+S' is a sum


class Fingerprint(NamedTuple):
    """What tells one file from another."""

    size: int  # [bytes]
    sha256: str


def write(graph: Graph, path: Path, opset: int = OPSET) -> None:
    """Write an ONNX file, and beside it one with the weights when they are many."""
    if opset not in OPSETS:
        raise ValueError(f'opset is {opset}; it is one of {", ".join(map(str, OPSETS))}')
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph.module.eval(),
            tuple(graph.inputs.values()),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=_axes(graph),
            opset_version=opset,
            dynamo=True,
            verbose=False,
        )
        assert program is not None  # it is, of this exporter
        _forget_sources(program.model)
        program.save(str(path), external_data=_size(graph.module) > INLINE)


def fingerprint(path: Path) -> Fingerprint:
    """Size and hash of one file; OSError when it cannot be read."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return Fingerprint(path.stat().st_size, digest.hexdigest())


def files(path: Path) -> tuple[Path, ...]:
    """The files of the graph at `path`: its own, and that of its weights when there is one."""
    weights = path.with_name(path.name + WEIGHTS)
    return (path, weights) if weights.exists() else (path,)


def hash_of(path: Path) -> str:
    """The sha256 of the graph at `path`, its weights included."""
    parts = [fingerprint(file).sha256 for file in files(path)]
    return combined(parts)


def combined(hashes: list[str]) -> str:
    """One sha256 of the files of a graph, given theirs in the order of `files`."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(''.join(hashes).encode()).hexdigest()


def _axes(graph: Graph) -> tuple[Any, ...]:
    """The free axes as torch wants them: like the arguments, what `*rest` takes in a tuple."""
    sizes = torch.export.Dim
    lengths: dict[str, Any] = {
        name: sizes.AUTO if '+' in name else sizes(name, min=0, max=LONGEST)
        for axes in graph.dynamic.values()
        for name in axes.values()
    }
    axes = [
        {axis: lengths[length] for axis, length in graph.dynamic.get(name, {}).items()}
        for name in graph.inputs
    ]
    for index, argument in enumerate(inspect.signature(graph.module.forward).parameters.values()):
        if argument.kind is argument.VAR_POSITIONAL:
            return (*axes[:index], tuple(axes[index:]))
    return tuple(axes)


def _forget_sources(model: Any) -> None:
    """Drop what the exporter notes of source files: it names folders of this machine."""
    for graph in (model.graph, *model.functions.values()):
        graph.metadata_props.clear()
        for value in (*graph.inputs, *graph.initializers.values()):
            value.metadata_props.clear()
        for node in graph.all_nodes():
            node.metadata_props.clear()
            for value in node.outputs:
                value.metadata_props.clear()
    model.metadata_props.clear()


def _size(module: nn.Module) -> int:
    kept = (*module.parameters(), *module.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in kept)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from telling its story."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
