"""Engines that were built before, found again by everything they depend on."""

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

from robo_dopamine_ros.reward.cache import cache_folder
from robo_dopamine_ros.reward.graphs import hash_of
from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.telling import Report
from robo_dopamine_ros.reward.tensorrt.build import Built, Profile, build
from robo_dopamine_ros.reward.tensorrt.library import Gpu, library
from robo_dopamine_ros.reward.tensorrt.runtime import PlanError, TensorRTRuntime


@dataclass(frozen=True)
class Key:
    """What an engine depends on; with any of it different it is another."""

    graph: str  # sha256 of the ONNX graph, its weights included
    tensorrt: str  # version
    gpu: str  # name
    sm: str  # compute capability
    precision: str
    profiles: Sequence[Mapping[str, Any]]

    @property
    def digest(self) -> str:
        """Names the engine's file."""
        facts = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:16]


def default_folder() -> Path:
    """Where engines are kept: the user's cache, since models may lie where nothing can be written.

    Engines of any model may be deleted at any time; they are built again.
    """
    return cache_folder() / 'tensorrt'


@dataclass(frozen=True)
class Recipe:
    """An ONNX graph and how it is to be built."""

    graph: Path
    profiles: tuple[Profile, ...] = ()
    precision: str = 'fp32'  # that of the graph: an engine keeps its types
    sha256: str = ''  # of the graph; empty: it is computed, which takes seconds for a large one


def open_engine(
    recipe: Recipe, report: Report, folder: Path | None = None, gpu: Gpu | None = None
) -> TensorRTRuntime:
    """The engine of a recipe on this machine; built when it is not there or does not load."""
    trt = library()
    gpu, folder = gpu or Gpu.found(), folder or default_folder()
    sha256 = recipe.sha256 or hash_of(recipe.graph)
    version = trt.__version__
    key = Key(sha256, version, gpu.name, gpu.sm, recipe.precision, recipe.profiles)
    place = folder / f'{recipe.graph.stem}-{recipe.precision}-{key.digest}.plan'
    name = str(recipe.graph)
    plan = _read(place)
    if plan is not None:
        try:
            return TensorRTRuntime(name, plan, gpu)
        except PlanError:
            _card(place).unlink(missing_ok=True)
    timing = folder / f'timing-{version}-{hashlib.sha256(gpu.name.encode()).hexdigest()[:8]}.bin'
    known = timing.read_bytes() if timing.exists() else b''
    built = build(recipe.graph, recipe.profiles, gpu, known, report)
    _keep(built, place, timing, key)
    return TensorRTRuntime(name, built.plan, gpu)


def _card(plan: Path) -> Path:
    """What says which engine it is, and that it is whole."""
    return plan.with_suffix('.json')


def _read(place: Path) -> mmap.mmap | None:
    """The engine kept at `place`, unless it is not there or not all of it is."""
    try:
        size = json.loads(_card(place).read_text(encoding='utf-8'))['bytes']
        with place.open('rb') as file:
            whole = os.fstat(file.fileno()).st_size == size
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(built: Built, place: Path, timing: Path, key: Key) -> None:
    """Write the engine, then what says that it is whole."""
    facts = {**dataclasses.asdict(key), 'bytes': built.plan.nbytes}
    card = json.dumps(facts, indent=2).encode()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, lambda file: file.write(built.plan))
        _write(_card(place), lambda file: file.write(card))
        _write(timing, lambda file: file.write(built.timing))
    except OSError as error:
        told = f'{place}: the engine cannot be kept: {error.strerror}'
        raise ModelError(f'{told}; the variable XDG_CACHE_HOME names another folder') from error


def _write(path: Path, fill: Callable[[Any], Any]) -> None:
    """Write a file so that it is there as a whole or not at all."""
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
