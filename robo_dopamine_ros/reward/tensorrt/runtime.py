"""Runs one engine on torch's tensors, in torch's current stream."""

import mmap
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.tensorrt.library import Gpu, library
from robo_dopamine_ros.reward.tensorrt.watching import Log, logger

ALIGNED = 256  # where the bytes of a tensor may begin
TYPES = {
    **{'FLOAT': torch.float32, 'HALF': torch.float16, 'BF16': torch.bfloat16},
    **{'INT64': torch.int64, 'INT32': torch.int32, 'BOOL': torch.bool},
}
Sizes = tuple[int, ...]


class PlanError(ModelError):
    """An engine that cannot be read; building it again may help."""


class TensorRTRuntime:
    """A runtime (runtimes.py) over one engine, which has one optimisation profile or more."""

    def __init__(self, name: str, plan: bytes | mmap.mmap | memoryview, gpu: Gpu) -> None:
        """`name` is for error messages."""
        trt = library()
        self.device, self._name, self._gpu, self._log = gpu.device, name, gpu, Log()
        self._kept = logger(trt, self._log), plan  # the library keeps no references
        try:
            self._runtime = trt.Runtime(self._kept[0])
            self._engine = self._runtime.deserialize_cuda_engine(plan)
        except (TypeError, RuntimeError) as error:
            raise PlanError(f'{name}: TensorRT: {self._log.reason()} ({error})') from error
        if self._engine is None:
            if self._log.lacks_memory():
                raise ModelError(f'{name}: not enough memory to load its engine: {gpu.room()}')
            raise PlanError(f'{name}: TensorRT cannot read its engine: {self._log.reason()}')
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise ModelError(f'{name}: not enough memory to run its engine: {gpu.room()}')
        self._profile = 0
        self._learn_tensors(trt)
        self._spare = torch.empty(ALIGNED, dtype=torch.uint8, device=gpu.device)

    def _learn_tensors(self, trt: Any) -> None:
        engine = self._engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        types = {name: TYPES[engine.get_tensor_dtype(name).name] for name in names}
        given = [n for n in names if engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        self.inputs = {name: types[name] for name in given}
        self._outputs = {name: types[name] for name in names if name not in self.inputs}
        self._ranges: list[dict[str, tuple[Sizes, Sizes, Sizes]]] = [
            {name: _range(engine, name, index) for name in given}
            for index in range(engine.num_optimization_profiles)
        ]

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As `Runtime.run`.

        What is queued may outlive the tensors it reads: torch gives their memory only to work that
        comes later in the same stream.
        """
        given = {name: self._ready(name, feeds[name]) for name in self.inputs}
        self._choose({name: tuple(tensor.shape) for name, tensor in given.items()})
        for name, tensor in given.items():
            self._demand(self._context.set_input_shape(name, tuple(tensor.shape)))
            self._place(name, tensor)
        found = {
            name: torch.empty(
                tuple(self._context.get_tensor_shape(name)), dtype=kind, device=self.device
            )
            for name, kind in self._outputs.items()
        }
        for name, tensor in found.items():
            self._place(name, tensor)
        self._demand(self._context.execute_async_v3(self._gpu.stream))
        return found

    def _ready(self, name: str, tensor: Tensor) -> Tensor:
        """The tensor on the GPU, in one piece that begins where it may."""
        if tensor.dtype is not self.inputs[name]:
            raise ValueError(f'{name} is {tensor.dtype}; {self._name} takes {self.inputs[name]}')
        tensor = tensor.to(self.device).contiguous()
        return tensor.clone() if tensor.data_ptr() % ALIGNED else tensor

    def _place(self, name: str, tensor: Tensor) -> None:
        """Tell where a tensor is; one without elements is nowhere, but must be somewhere."""
        address = tensor.data_ptr() or self._spare.data_ptr()
        self._demand(self._context.set_tensor_address(name, address))

    def _choose(self, shapes: Mapping[str, Sizes]) -> None:
        """Switch to the profile that fits and whose usual shapes are nearest."""
        fitting = [
            (_distance(shapes, ranges), index)
            for index, ranges in enumerate(self._ranges)
            if all(_within(shapes[name], ranges[name]) for name in shapes)
        ]
        if not fitting:
            raise ValueError(f'{self._name} was not built for the shapes {_told(shapes)}')
        profile = min(fitting)[1]
        if profile != self._profile:
            switch = self._context.set_optimization_profile_async
            self._demand(switch(profile, self._gpu.stream))
            self._profile = profile

    def _demand(self, done: bool) -> None:
        if not done:
            raise RuntimeError(f'{self._name}: TensorRT: {self._log.reason()}')


def _range(engine: Any, name: str, profile: int) -> tuple[Sizes, Sizes, Sizes]:
    """Least, usual and largest shape of an input in a profile, or three times its only one."""
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


def _told(shapes: Mapping[str, Sizes]) -> str:
    """The first few, for an error message."""
    told = [f'{name} {shape}' for name, shape in shapes.items()]
    return ', '.join(told[:4] + ['...'] * (len(told) > 4))
