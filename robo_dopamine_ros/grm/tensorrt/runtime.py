"""Running a TensorRT engine on torch tensors, in the current CUDA stream of torch."""

import mmap
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.tensorrt.build import Sizes
from robo_dopamine_ros.grm.tensorrt.callbacks import TensorRTLog, make_logger
from robo_dopamine_ros.grm.tensorrt.environment import Gpu, import_tensorrt

ALIGNMENT = 256  # of the address of a tensor [bytes]
TORCH_TYPES = {
    **{'FLOAT': torch.float32, 'HALF': torch.float16, 'BF16': torch.bfloat16},
    **{'INT64': torch.int64, 'INT32': torch.int32, 'BOOL': torch.bool},
}


class PlanError(ModelError):
    """A serialized engine that cannot be read; building it again may help."""


class TensorRTRuntime:
    """A `GraphRuntime` over one engine with one or more optimisation profiles."""

    def __init__(self, name: str, plan: bytes | mmap.mmap | memoryview, gpu: Gpu) -> None:
        """`name` is used in error messages; `plan` is the serialized engine."""
        trt = import_tensorrt()
        self.device, self._name, self._gpu, self._log = gpu.device, name, gpu, TensorRTLog()
        self._references = make_logger(trt, self._log), plan  # the library keeps no references
        try:
            self._runtime = trt.Runtime(self._references[0])
            self._engine = self._runtime.deserialize_cuda_engine(plan)
        except (TypeError, RuntimeError) as error:
            raise PlanError(f'{name}: TensorRT: {self._log.reason()} ({error})') from error
        if self._engine is None:
            if self._log.out_of_memory():
                raise ModelError(
                    f'{name}: not enough memory to load its engine: {gpu.memory_summary()}'
                )
            raise PlanError(f'{name}: TensorRT cannot read its engine: {self._log.reason()}')
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise ModelError(f'{name}: not enough memory to run its engine: {gpu.memory_summary()}')
        self._profile = 0
        self._read_tensors(trt)
        self._spare = torch.empty(ALIGNMENT, dtype=torch.uint8, device=gpu.device)

    def _read_tensors(self, trt: Any) -> None:
        engine = self._engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        types = {name: TORCH_TYPES[engine.get_tensor_dtype(name).name] for name in names}
        inputs = [n for n in names if engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        self.inputs = {name: types[name] for name in inputs}
        self._outputs = {name: types[name] for name in names if name not in self.inputs}
        self._ranges: list[dict[str, tuple[Sizes, Sizes, Sizes]]] = [
            {name: _range(engine, name, index) for name in inputs}
            for index in range(engine.num_optimization_profiles)
        ]

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As `GraphRuntime.run`.

        The queued work may outlive the input tensors: torch reuses their memory only for work that
        is queued later in the same stream.
        """
        inputs = {name: self._ready(name, feeds[name]) for name in self.inputs}
        self._select_profile({name: tuple(one.shape) for name, one in inputs.items()})
        for name, tensor in inputs.items():
            self._check(self._context.set_input_shape(name, tuple(tensor.shape)))
            self._set_address(name, tensor)
        outputs = {
            name: torch.empty(
                tuple(self._context.get_tensor_shape(name)), dtype=kind, device=self.device
            )
            for name, kind in self._outputs.items()
        }
        for name, tensor in outputs.items():
            self._set_address(name, tensor)
        self._check(self._context.execute_async_v3(self._gpu.stream))
        return outputs

    def _ready(self, name: str, tensor: Tensor) -> Tensor:
        """The tensor on the GPU, contiguous and aligned."""
        if tensor.dtype is not self.inputs[name]:
            raise ValueError(f'{name} is {tensor.dtype}; {self._name} takes {self.inputs[name]}')
        tensor = tensor.to(self.device).contiguous()
        return tensor.clone() if tensor.data_ptr() % ALIGNMENT else tensor

    def _set_address(self, name: str, tensor: Tensor) -> None:
        """Set the address of a tensor; an empty tensor gets that of a spare buffer."""
        address = tensor.data_ptr() or self._spare.data_ptr()
        self._check(self._context.set_tensor_address(name, address))

    def _select_profile(self, shapes: Mapping[str, Sizes]) -> None:
        """Switch to the profile that allows the shapes and whose usual shapes are nearest."""
        fitting = [
            (_distance(shapes, ranges), index)
            for index, ranges in enumerate(self._ranges)
            if all(_within(shapes[name], ranges[name]) for name in shapes)
        ]
        if not fitting:
            raise ValueError(f'{self._name} was not built for the shapes {_shape_text(shapes)}')
        profile = min(fitting)[1]
        if profile != self._profile:
            switch = self._context.set_optimization_profile_async
            self._check(switch(profile, self._gpu.stream))
            self._profile = profile

    def _check(self, done: bool) -> None:
        if not done:
            raise RuntimeError(f'{self._name}: TensorRT: {self._log.reason()}')


def _range(engine: Any, name: str, profile: int) -> tuple[Sizes, Sizes, Sizes]:
    """Least, usual and largest shape of an input in a profile; a fixed shape three times."""
    only = tuple(engine.get_tensor_shape(name))
    if min(only, default=0) >= 0:
        return only, only, only
    least, usual, most = map(tuple, engine.get_tensor_profile_shape(name, profile))
    return least, usual, most


def _within(shape: Sizes, ranges: tuple[Sizes, Sizes, Sizes]) -> bool:
    least, _, most = ranges
    return len(shape) == len(least) and all(
        low <= length <= high for low, length, high in zip(least, shape, most, strict=True)
    )


def _distance(shapes: Mapping[str, Sizes], ranges: Mapping[str, tuple[Sizes, Sizes, Sizes]]) -> int:
    return sum(
        abs(length - usual)
        for name, shape in shapes.items()
        for length, usual in zip(shape, ranges[name][1], strict=True)
    )


def _shape_text(shapes: Mapping[str, Sizes]) -> str:
    """The first four shapes as text."""
    texts = [f'{name} {shape}' for name, shape in shapes.items()]
    return ', '.join(texts[:4] + ['...'] * (len(texts) > 4))
