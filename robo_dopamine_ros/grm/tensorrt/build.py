"""Building a TensorRT engine from an ONNX graph, for the GPU of this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robo_dopamine_ros.grm.protocol import ModelError, ProgressCallback
from robo_dopamine_ros.grm.tensorrt.callbacks import TensorRTLog, make_logger, make_progress_monitor
from robo_dopamine_ros.grm.tensorrt.environment import Gpu, import_tensorrt, version_of

Sizes = tuple[int, ...]
Profile = Mapping[str, tuple[Sizes, Sizes, Sizes]]  # input: least, usual and largest shape
STRONGLY_TYPED_SINCE = (
    11,
    0,
)  # from this version on every network is strongly typed
WORKSPACE_SHARE = 0.5  # of the GPU's memory, for the workspace of a layer


@dataclass(frozen=True)
class BuiltEngine:
    """A serialized engine and the timing cache of its build."""

    plan: memoryview
    timing: bytes  # timing cache for the next build


def build(
    graph: Path, profiles: Sequence[Profile], gpu: Gpu, timing: bytes, report: ProgressCallback
) -> BuiltEngine:
    """Build an engine, which takes minutes; ModelError says why it failed.

    `timing` is the timing cache of an earlier build, or empty.
    """
    trt, log = import_tensorrt(), TensorRTLog()
    trt_logger = make_logger(trt, log)
    try:
        builder = trt.Builder(trt_logger)
    except (TypeError, RuntimeError) as error:
        raise ModelError(f'TensorRT {trt.__version__} does not start: {log.reason()}') from error
    network = builder.create_network(_network_flags(trt))
    parser = trt.OnnxParser(network, trt_logger)
    if not parser.parse_from_file(str(graph)):
        raise ModelError(
            f'{graph}: TensorRT {trt.__version__} cannot read it: {_parser_errors(parser)}'
        )
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, int(gpu.memory[1] * WORKSPACE_SHARE))
    # TF32 has a 10-bit mantissa, too few for the rotary angles of late tokens
    config.clear_flag(trt.BuilderFlag.TF32)
    for profile in profiles:
        _add_profile(builder, config, network, profile)
    _set_timing_cache(config, timing)
    monitor = config.progress_monitor = make_progress_monitor(trt, f'building {graph.stem}', report)
    plan = builder.build_serialized_network(network, config)
    if monitor.stopped is not None:
        raise monitor.stopped
    if plan is None:
        raise ModelError(_failure_reason(graph, log, gpu))
    report(1.0, f'building {graph.stem}')
    return BuiltEngine(memoryview(plan), bytes(memoryview(config.get_timing_cache().serialize())))


def _network_flags(trt: Any) -> int:
    """Flags of a strongly typed network, whose layers keep the types of the graph."""
    if version_of(trt) >= STRONGLY_TYPED_SINCE:
        return 0
    return 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def _parser_errors(parser: Any) -> str:
    """All errors of the parser, with their nodes."""
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    return '; '.join(f'{f.node_operator()} node {f.node_name()!r}: {f.desc()}' for f in errors)


def _add_profile(builder: Any, config: Any, network: Any, profile: Profile) -> None:
    inputs = {network.get_input(index).name for index in range(network.num_inputs)}
    added = builder.create_optimization_profile()
    for name in sorted(inputs & profile.keys()):
        added.set_shape(name, *profile[name])
    if config.add_optimization_profile(added) < 0:
        raise ModelError(f'TensorRT refuses the shapes {dict(profile)}')


def _set_timing_cache(config: Any, timing: bytes) -> None:
    """Attach the timing cache of an earlier build; an empty one if it does not fit this machine."""
    cache = config.create_timing_cache(timing)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        config.set_timing_cache(config.create_timing_cache(b''), ignore_mismatch=False)


def _failure_reason(graph: Path, log: TensorRTLog, gpu: Gpu) -> str:
    if log.out_of_memory():
        return (
            f'{graph}: not enough memory to build it on {gpu.name}: {gpu.memory_summary()}; '
            'end what else runs there, or export a smaller model or in fewer bits'
        )
    return f'{graph}: TensorRT cannot build it on {gpu.name}: {log.reason()}'
