"""Cache of built engines, keyed by everything they depend on."""

import dataclasses
import hashlib
import json
import mmap
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robo_dopamine_ros.grm.cache import cache_dir
from robo_dopamine_ros.grm.onnx_export import graph_hash
from robo_dopamine_ros.grm.protocol import ModelError, ProgressCallback
from robo_dopamine_ros.grm.tensorrt.build import BuiltEngine, Profile, build
from robo_dopamine_ros.grm.tensorrt.environment import Gpu, import_tensorrt
from robo_dopamine_ros.grm.tensorrt.runtime import PlanError, TensorRTRuntime


@dataclass(frozen=True)
class EngineKey:
    """What an engine depends on; the field names are part of the digest."""

    graph: str  # sha256 of the ONNX graph, including its weights
    tensorrt: str  # version of TensorRT
    gpu: str  # name of the GPU
    sm: str  # compute capability
    precision: str
    profiles: Sequence[Mapping[str, Any]]

    @property
    def digest(self) -> str:
        """Hash in the file name of the engine."""
        fields = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(fields.encode()).hexdigest()[:16]


def default_cache_dir() -> Path:
    """The engine cache in the cache folder of the user, because model folders may be read-only.

    Engines may be deleted at any time; they are built again.
    """
    return cache_dir() / 'tensorrt'


@dataclass(frozen=True)
class EngineSpec:
    """An ONNX graph and the settings of its build."""

    graph: Path
    profiles: tuple[Profile, ...] = ()
    precision: str = 'fp32'  # that of the graph; the engine has the same types
    sha256: str = ''  # of the graph; empty: computed, which takes seconds for a large graph


def open_engine(
    spec: EngineSpec, report: ProgressCallback, folder: Path | None = None, gpu: Gpu | None = None
) -> TensorRTRuntime:
    """Open the engine of a graph on this machine; build it when it is missing or does not load."""
    trt = import_tensorrt()
    gpu, folder = gpu or Gpu.current(), folder or default_cache_dir()
    sha256 = spec.sha256 or graph_hash(spec.graph)
    version = trt.__version__
    key = EngineKey(sha256, version, gpu.name, gpu.sm, spec.precision, spec.profiles)
    path = folder / f'{spec.graph.stem}-{spec.precision}-{key.digest}.plan'
    name = str(spec.graph)
    plan = _read_plan(path)
    if plan is not None:
        try:
            return TensorRTRuntime(name, plan, gpu)
        except PlanError:
            _card(path).unlink(missing_ok=True)
    timing = folder / f'timing-{version}-{hashlib.sha256(gpu.name.encode()).hexdigest()[:8]}.bin'
    known = timing.read_bytes() if timing.exists() else b''
    built = build(spec.graph, spec.profiles, gpu, known, report)
    _store(built, path, timing, key)
    return TensorRTRuntime(name, built.plan, gpu)


def _card(plan: Path) -> Path:
    """The card of an engine file: its key, and its size as proof that it is complete."""
    return plan.with_suffix('.json')


def _read_plan(path: Path) -> mmap.mmap | None:
    """The serialized engine at `path`, or None if it is missing or incomplete."""
    try:
        size = json.loads(_card(path).read_text(encoding='utf-8'))['bytes']
        with path.open('rb') as file:
            whole = os.fstat(file.fileno()).st_size == size
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _store(built: BuiltEngine, path: Path, timing: Path, key: EngineKey) -> None:
    """Write the engine, then its card."""
    fields = {**dataclasses.asdict(key), 'bytes': built.plan.nbytes}
    card = json.dumps(fields, indent=2).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, lambda file: file.write(built.plan))
        _write(_card(path), lambda file: file.write(card))
        _write(timing, lambda file: file.write(built.timing))
    except OSError as error:
        message = f'{path}: the engine cannot be kept: {error.strerror}'
        raise ModelError(f'{message}; the variable XDG_CACHE_HOME names another folder') from error


def _write(path: Path, fill: Callable[[Any], Any]) -> None:
    """Write a file atomically: complete or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}-')
    try:
        with os.fdopen(handle, 'wb') as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
