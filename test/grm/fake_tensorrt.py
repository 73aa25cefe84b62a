"""A strict fake of the module tensorrt, whose engines compute in ONNX Runtime.

It has only what both published Python bindings, 10.3.0 and 11.4.0.106, have, as found by loading
them over empty native libraries; test_fake_tensorrt.py compares it with the real module where there
is one. An engine in bytes is JSON here, and the device is the CPU.
"""

import ctypes
import enum
import itertools
import json
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import torch

from robo_dopamine_ros.grm.tensorrt.environment import GIB, Gpu

NAMES = {  # of the classes, and what is used of each
    'Builder': {
        *('create_network', 'create_builder_config', 'create_optimization_profile'),
        'build_serialized_network',
    },
    'INetworkDefinition': {'num_inputs', 'get_input'},
    'ITensor': {'name', 'shape'},
    'IBuilderConfig': {
        *('set_memory_pool_limit', 'clear_flag', 'create_timing_cache', 'set_timing_cache'),
        *('get_timing_cache', 'add_optimization_profile', 'progress_monitor'),
    },
    'ITimingCache': {'serialize'},
    'IOptimizationProfile': {'set_shape'},
    'OnnxParser': {'parse_from_file', 'num_errors', 'get_error'},
    'ParserError': {'node_operator', 'node_name', 'desc'},
    'Runtime': {'deserialize_cuda_engine'},
    'ICudaEngine': {
        *('create_execution_context', 'num_io_tensors', 'num_optimization_profiles'),
        *('get_tensor_name', 'get_tensor_dtype', 'get_tensor_mode', 'get_tensor_shape'),
        'get_tensor_profile_shape',
    },
    'IExecutionContext': {
        *('set_input_shape', 'set_tensor_address', 'get_tensor_shape'),
        *('set_optimization_profile_async', 'execute_async_v3'),
    },
    'ILogger': {'log', 'Severity'},
    'IProgressMonitor': {'phase_start', 'step_complete', 'phase_finish'},
    'MemoryPoolType': {'WORKSPACE'},
    'BuilderFlag': {'TF32'},
    'NetworkDefinitionCreationFlag': {'STRONGLY_TYPED'},
    'TensorIOMode': {'INPUT', 'OUTPUT'},
    'DataType': {'FLOAT', 'HALF', 'BF16', 'INT32', 'INT64', 'BOOL'},
}
OPERATORS = {  # of ONNX that the parser's table has since TensorRT 10.0, of those we use
    *('Add', 'AveragePool', 'Cast', 'Clip', 'Concat', 'Conv', 'Cos', 'DequantizeLinear', 'Div'),
    *('Erf', 'Exp', 'Expand', 'Gather', 'Gemm', 'Greater', 'InstanceNormalization'),
    *('LayerNormalization', 'LogSoftmax', 'MatMul', 'Mul', 'Neg', 'Pow', 'QuantizeLinear'),
    *('Reciprocal', 'ReduceMean', 'ReduceSum', 'Relu', 'Reshape', 'Shape', 'Sigmoid', 'Sin'),
    *('Slice', 'Softmax', 'Split', 'Sqrt', 'Squeeze', 'Sub', 'Tanh', 'Transpose', 'Unsqueeze'),
    'Where',
}
AXES = {'ReduceMean': 1, 'ReduceSum': 1, 'Slice': 3, 'Squeeze': 1, 'Unsqueeze': 1}
# which input of theirs must be a constant
STRONGLY_TYPED = {10: 1, 11: 0}  # the number of the flag, by major version
ALIGNED = 64  # of torch's tensors on the CPU; on a GPU they begin at multiples of 512
ARRAYS = {'FLOAT': np.float32, 'HALF': np.float16, 'INT64': np.int64}


class FakeGpu(Gpu):
    """The CPU in the role of a GPU."""

    memory = (6 * GIB, 8 * GIB)
    stream = 1234


def fake_gpu(name='Fake Orin', sm='8.7'):
    return FakeGpu(name, sm, torch.device('cpu'))


class Strict:
    """Refuses attributes that nobody gave it."""

    def __setattr__(self, name, value):
        if not name.startswith('_') and not hasattr(type(self), name):
            raise AttributeError(name)
        super().__setattr__(name, value)


def fake_tensorrt(version='10.3.0', wrong=''):
    """A module of that version; `wrong` names what goes wrong in it.

    It has one attribute more than the real one: `calls`, what was called, with the arguments.
    """
    major = int(version.split('.')[0])
    calls = []

    def note(name, *words):
        calls.append((name, *words))

    class Severity(enum.IntEnum):
        INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

    class ILogger:
        def __init__(self):
            self._whole = True

        def log(self, severity, msg):
            raise NotImplementedError

    ILogger.Severity = Severity

    class IProgressMonitor:
        def __init__(self):
            self._whole = True

    MemoryPoolType = enum.IntEnum('MemoryPoolType', {'WORKSPACE': 0})
    BuilderFlag = enum.IntEnum('BuilderFlag', {'TF32': 7})
    Flag = enum.IntEnum('NetworkDefinitionCreationFlag', {'STRONGLY_TYPED': STRONGLY_TYPED[major]})
    TensorIOMode = enum.IntEnum('TensorIOMode', {'NONE': 0, 'INPUT': 1, 'OUTPUT': 2})
    DataType = enum.IntEnum(
        'DataType', {'FLOAT': 0, 'HALF': 1, 'INT32': 3, 'BOOL': 4, 'BF16': 7, 'INT64': 8}
    )

    class ITensor(Strict):
        name, shape = '', ()

        def __init__(self, name, shape):
            self.name, self.shape = name, shape

    class INetworkDefinition(Strict):
        num_inputs = 0

        def __init__(self, flags):
            self._flags, self._inputs, self._graph = flags, [], ''

        def get_input(self, index):
            return self._inputs[index]

    class ParserError(Strict):
        def node_operator(self):
            return 'Attention'

        def node_name(self):
            return 'node_attention_3'

        def desc(self):
            return 'no importer'

    class OnnxParser(Strict):
        num_errors = 0

        def __init__(self, network, logger):
            assert logger._whole
            self._network = network

        def parse_from_file(self, model):
            note('parse_from_file', model)
            assert type(model) is str
            if wrong == 'parse':
                self.num_errors = 2
                return False
            self._network._graph = model
            graph = onnx.load(model, load_external_data=False).graph
            check_operators(graph)
            given = graph.input
            self._network._inputs = [ITensor(one.name, shape_of(one)) for one in given]
            self._network.num_inputs = len(given)
            return True

        def get_error(self, index):
            return ParserError()

    class IOptimizationProfile(Strict):
        def __init__(self):
            self._shapes = {}

        def set_shape(self, input, min, opt, max):  # noqa: A002 as the binding calls them
            for low, usual, high in zip(min, opt, max, strict=True):
                if not 0 <= low <= usual <= high:
                    raise ValueError(f'{input}: {min} {opt} {max}')
            self._shapes[input] = (tuple(min), tuple(opt), tuple(max))

    class ITimingCache(Strict):
        def __init__(self, content):
            self._content = content

        def serialize(self):
            return self._content + b'+'

    class IBuilderConfig(Strict):
        progress_monitor = None

        def __init__(self):
            self._profiles, self._timing = [], None

        def set_memory_pool_limit(self, pool, pool_size):
            note('set_memory_pool_limit', pool.name, pool_size)

        def clear_flag(self, flag):
            note('clear_flag', flag.name)

        def create_timing_cache(self, serialized_timing_cache):
            return (
                None
                if serialized_timing_cache == b'broken'
                else ITimingCache(bytes(serialized_timing_cache))
            )

        def set_timing_cache(self, cache, ignore_mismatch):
            note('set_timing_cache', cache._content)
            assert not ignore_mismatch
            if cache._content == b'of another machine':
                return False
            self._timing = cache
            return True

        def get_timing_cache(self):
            return self._timing

        def add_optimization_profile(self, profile):
            self._profiles.append(profile._shapes)
            return -1 if wrong == 'profile' else len(self._profiles) - 1

    class Builder(Strict):
        def __init__(self, logger):
            assert logger._whole
            if wrong == 'start':
                logger.log(Severity.ERROR, 'CUDA initialization failure with error: 35')
                raise TypeError('pybind11::init(): factory function returned nullptr')
            self._logger = logger

        def create_network(self, flags=0):
            note('create_network', flags)
            return INetworkDefinition(flags)

        def create_builder_config(self):
            return IBuilderConfig()

        def create_optimization_profile(self):
            return IOptimizationProfile()

        def build_serialized_network(self, network, config):
            note('build', [dict(shapes) for shapes in config._profiles])
            self._logger.log(Severity.WARNING, 'a warning that nobody needs to see')
            if not progress(config.progress_monitor) or wrong in FAILURES:
                self._logger.log(Severity.ERROR, FAILURES.get(wrong, 'the build was stopped'))
                return None
            check_profiles(network._inputs, config._profiles)
            plan = {'version': version, 'graph': network._graph, 'profiles': config._profiles}
            return json.dumps(plan).encode()

    class IExecutionContext(Strict):
        def __init__(self, engine):
            self._engine, self._profile = engine, 0
            self._shapes, self._addresses = {}, {}

        def set_optimization_profile_async(self, profile_index, stream_handle):
            note('set_optimization_profile_async', profile_index, stream_handle)
            self._profile, self._shapes = profile_index, {}
            return True

        def set_input_shape(self, name, shape):
            assert type(shape) is tuple
            ranges = self._engine._range(name, self._profile)
            self._shapes[name], parts = shape, (ranges[0], shape, ranges[2])
            return all(low <= n <= high for low, n, high in zip(*parts, strict=True))

        def set_tensor_address(self, name, memory):
            assert memory
            assert memory % ALIGNED == 0, f'{name} begins at {memory}'
            self._addresses[name] = memory
            return True

        def get_tensor_shape(self, name):
            assert set(self._shapes) == set(self._engine._inputs)
            lengths = {
                axis: length
                for given, shape in self._shapes.items()
                for axis, length in zip(self._engine._inputs[given].shape, shape, strict=True)
            }
            wanted = self._engine._outputs[name].shape
            return tuple(axis if isinstance(axis, int) else lengths[axis] for axis in wanted)

        def execute_async_v3(self, stream_handle):
            note('execute_async_v3', stream_handle)
            if wrong == 'execute':
                self._engine._logger.log(Severity.ERROR, 'an illegal memory access')
                return False
            feeds = {n: self._array(n, self._shapes[n]) for n in self._engine._inputs}
            for name, out in zip(
                self._engine._outputs, self._engine._session.run(None, feeds), strict=True
            ):
                self._array(name, self.get_tensor_shape(name))[...] = out
            return True

        def _array(self, name, shape):
            kind = np.dtype(ARRAYS[self._engine.get_tensor_dtype(name).name])
            size = int(np.prod(shape)) * kind.itemsize
            raw = (ctypes.c_char * size).from_address(self._addresses[name])
            return np.frombuffer(raw, kind).reshape(shape)

    class ICudaEngine(Strict):
        num_io_tensors = num_optimization_profiles = 0

        def __init__(self, plan, logger):
            self._logger, self._profiles = logger, plan['profiles']
            self._session = onnxruntime.InferenceSession(plan['graph'])
            self._inputs = {one.name: one for one in self._session.get_inputs()}
            self._outputs = {one.name: one for one in self._session.get_outputs()}
            self._all = {**self._inputs, **self._outputs}
            self.num_io_tensors = len(self._all)
            self.num_optimization_profiles = max(1, len(self._profiles))

        def get_tensor_name(self, index):
            return list(self._all)[index]

        def get_tensor_mode(self, name):
            return TensorIOMode.INPUT if name in self._inputs else TensorIOMode.OUTPUT

        def get_tensor_dtype(self, name):
            kind = self._all[name].type
            names = {'tensor(float)': 'FLOAT', 'tensor(float16)': 'HALF', 'tensor(int64)': 'INT64'}
            return DataType[names[kind]]

        def get_tensor_shape(self, name):
            return tuple(axis if isinstance(axis, int) else -1 for axis in self._all[name].shape)

        def get_tensor_profile_shape(self, name, profile_index):
            return [tuple(shape) for shape in self._profiles[profile_index][name]]

        def create_execution_context(self):
            return None if wrong == 'context' else IExecutionContext(self)

        def _range(self, name, profile):
            if -1 not in self.get_tensor_shape(name):
                return (self.get_tensor_shape(name),) * 3
            return self.get_tensor_profile_shape(name, profile)

    class Runtime(Strict):
        def __init__(self, logger):
            assert logger._whole
            self._logger = logger

        def deserialize_cuda_engine(self, serialized_engine):
            note('deserialize_cuda_engine')
            if wrong == 'load':
                self._logger.log(Severity.ERROR, 'OutOfMemory (Requested size was 16 GB)')
                return None
            try:
                plan = json.loads(bytes(serialized_engine))
                assert plan['version'] == version
            except (ValueError, AssertionError):
                self._logger.log(Severity.ERROR, 'Serialization assertion failed')
                return None
            return ICudaEngine(plan, self._logger)

    made = {name: kind for name, kind in locals().items() if name in NAMES}
    made['NetworkDefinitionCreationFlag'] = Flag
    module = ModuleType('tensorrt')
    module.__spec__ = ModuleSpec('tensorrt', None)  # libraries look for it
    vars(module).update(__version__=version, calls=calls, **made)
    return module


FAILURES = {
    'memory': 'Error Code 2: OutOfMemory (Requested size was 8589934592 bytes.)',
    'build': 'Error Code 10: Could not find any implementation for node /layers.0/MatMul',
}


def shape_of(value):
    """Axes of a graph's input, -1 where they are free."""
    axes = value.type.tensor_type.shape.dim
    return tuple(axis.dim_value if axis.HasField('dim_value') else -1 for axis in axes)


def progress(monitor):
    """Tell of phases as a build does, some of which end early; whether it may go on."""
    monitor.phase_start('Building Engine', None, 3)
    for step in range(3):
        monitor.phase_start('Tactic Selection', 'Building Engine', 4)
        for tactic in range(3 if step else 4):
            if not monitor.step_complete('Tactic Selection', tactic):
                return False
        monitor.phase_finish('Tactic Selection')
        if not monitor.step_complete('Building Engine', step):
            return False
    monitor.phase_finish('Building Engine')
    return True


def check_operators(graph):
    """What the parser can read."""
    constant = {one.name for one in graph.initializer}
    for node in graph.node:
        assert node.op_type in OPERATORS, node.op_type
        place = AXES.get(node.op_type, len(node.input))
        assert set(node.input[place : place + 1]) <= constant, f'{node.op_type}: axes'


def check_profiles(inputs, profiles):
    """What the builder demands: every free axis is in every profile, no fixed one is changed."""
    free = [one for one in inputs if -1 in one.shape]
    assert profiles or not free, 'a network with free axes needs a profile'
    for one, profile in itertools.product(free, profiles):
        for shape in profile[one.name]:
            assert all(a in (-1, b) for a, b in zip(one.shape, shape, strict=True)), one.name
