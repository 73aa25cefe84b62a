"""Building an engine of an ONNX graph, for the GPU this runs on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.telling import Report
from robo_dopamine_ros.reward.tensorrt.library import Gpu, library, version_of
from robo_dopamine_ros.reward.tensorrt.watching import Log, logger, monitor

Sizes = tuple[int, ...]
Profile = Mapping[str, tuple[Sizes, Sizes, Sizes]]  # input: least, usual and largest shape
ALWAYS_TYPED = (11, 0)  # from here on a network keeps the types of its graph without being asked
WORKSPACE = 0.5  # of the GPU's memory, that one layer may try out at most


@dataclass(frozen=True)
class Built:
    """An engine in bytes, and what was measured on the way."""

    plan: memoryview
    timing: bytes  # for the next build


def build(
    graph: Path, profiles: Sequence[Profile], gpu: Gpu, timing: bytes, report: Report
) -> Built:
    """Build; takes minutes. ModelError says why it cannot be."""
    trt, log = library(), Log()
    speaker = logger(trt, log)
    try:
        builder = trt.Builder(speaker)
    except (TypeError, RuntimeError) as error:
        raise ModelError(f'TensorRT {trt.__version__} does not start: {log.reason()}') from error
    network = builder.create_network(_typed(trt))
    parser = trt.OnnxParser(network, speaker)
    if not parser.parse_from_file(str(graph)):
        raise ModelError(f'{graph}: TensorRT {trt.__version__} cannot read it: {_faults(parser)}')
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, int(gpu.memory[1] * WORKSPACE))
    # TF32 keeps 10 bits of a factor, which rotary angles of far tokens do not survive
    config.clear_flag(trt.BuilderFlag.TF32)
    for profile in profiles:
        _add(builder, config, network, profile)
    _give_timing(config, timing)
    watcher = config.progress_monitor = monitor(trt, f'building {graph.stem}', report)
    plan = builder.build_serialized_network(network, config)
    if watcher.stopped is not None:
        raise watcher.stopped
    if plan is None:
        raise ModelError(_failure(graph, log, gpu))
    report(1.0, f'building {graph.stem}')
    return Built(memoryview(plan), bytes(memoryview(config.get_timing_cache().serialize())))


def _typed(trt: Any) -> int:
    """Flags of a network whose layers keep the types that the graph gives them."""
    if version_of(trt) >= ALWAYS_TYPED:
        return 0
    return 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def _faults(parser: Any) -> str:
    """All that the parser did not like, with the nodes it was."""
    faults = [parser.get_error(index) for index in range(parser.num_errors)]
    return '; '.join(f'{f.node_operator()} node {f.node_name()!r}: {f.desc()}' for f in faults)


def _add(builder: Any, config: Any, network: Any, profile: Profile) -> None:
    there = {network.get_input(index).name for index in range(network.num_inputs)}
    added = builder.create_optimization_profile()
    for name in sorted(there & profile.keys()):
        added.set_shape(name, *profile[name])
    if config.add_optimization_profile(added) < 0:
        raise ModelError(f'TensorRT refuses the shapes {dict(profile)}')


def _give_timing(config: Any, timing: bytes) -> None:
    """Attach what an earlier build measured, or nothing when it is of another machine or broken."""
    cache = config.create_timing_cache(timing)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        config.set_timing_cache(config.create_timing_cache(b''), ignore_mismatch=False)


def _failure(graph: Path, log: Log, gpu: Gpu) -> str:
    if log.lacks_memory():
        return (
            f'{graph}: not enough memory to build it on {gpu.name}: {gpu.room()}; end what else '
            'runs there, or export a smaller model or in fewer bits'
        )
    return f'{graph}: TensorRT cannot build it on {gpu.name}: {log.reason()}'
