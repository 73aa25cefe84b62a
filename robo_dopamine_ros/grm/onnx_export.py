"""Export of torch modules to ONNX graphs for ONNX Runtime and TensorRT.

The export is reproducible: the same module gives the same bytes, so that a TensorRT engine can be
found by the hash of its graph.
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

OPSET = 18  # for TensorRT from 10.3 on; 23 has attention operators, for TensorRT from 10.15 on
OPSETS = (18, 19, 23)  # 19: the first with 8-bit rounding of 16-bit numbers
MAX_INLINE_WEIGHTS = 64 << 20  # larger weights are written to a separate file [bytes]
WEIGHTS_SUFFIX = '.data'  # of the separate file
MAX_DYNAMIC_LENGTH = 1 << 16  # of a dynamic axis
READ_SIZE = 1 << 22  # bytes read at once for hashing


@dataclass(frozen=True)
class ExportGraph:
    """A module to export, with its inputs and outputs."""

    module: nn.Module
    inputs: Mapping[str, Tensor]  # example inputs, in the order of the module's arguments
    outputs: tuple[str, ...]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    # input -> its dynamic axes, each with the name of its length; 'P+S' is a sum of two lengths


class Fingerprint(NamedTuple):
    """Size and hash of a file."""

    size: int  # [bytes]
    sha256: str


def write_onnx(graph: ExportGraph, path: Path, opset: int = OPSET) -> None:
    """Write the ONNX file, and a second file for weights above MAX_INLINE_WEIGHTS."""
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
        assert program is not None  # always with dynamo=True
        _strip_metadata(program.model)
        program.save(str(path), external_data=_weight_bytes(graph.module) > MAX_INLINE_WEIGHTS)


def fingerprint(path: Path) -> Fingerprint:
    """Size and sha256 of one file; OSError when it cannot be read."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(READ_SIZE):
            digest.update(chunk)
    return Fingerprint(path.stat().st_size, digest.hexdigest())


def graph_files(path: Path) -> tuple[Path, ...]:
    """The files of the graph at `path`: its own and, if there is one, that of its weights."""
    weights = path.with_name(path.name + WEIGHTS_SUFFIX)
    return (path, weights) if weights.exists() else (path,)


def graph_hash(path: Path) -> str:
    """The sha256 of the graph at `path`, including its weights."""
    parts = [fingerprint(file).sha256 for file in graph_files(path)]
    return combined_hash(parts)


def combined_hash(hashes: list[str]) -> str:
    """One sha256 from those of the files of a graph, in the order of `graph_files`."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(''.join(hashes).encode()).hexdigest()


def _axes(graph: ExportGraph) -> tuple[Any, ...]:
    """Dynamic shapes for `torch.onnx.export`, one per argument; those of `*rest` in a tuple."""
    sizes = torch.export.Dim
    lengths: dict[str, Any] = {
        name: sizes.AUTO if '+' in name else sizes(name, min=0, max=MAX_DYNAMIC_LENGTH)
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


def _strip_metadata(model: Any) -> None:
    """Drop the metadata of source files, which names folders of this machine."""
    for graph in (model.graph, *model.functions.values()):
        graph.metadata_props.clear()
        for value in (*graph.inputs, *graph.initializers.values()):
            value.metadata_props.clear()
        for node in graph.all_nodes():
            node.metadata_props.clear()
            for value in node.outputs:
                value.metadata_props.clear()
    model.metadata_props.clear()


def _weight_bytes(module: nn.Module) -> int:
    tensors = (*module.parameters(), *module.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warnings and log messages of the exporter."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
