"""The self-test of a GPU: its comparisons, and that it detects differences."""

import sys
from pathlib import Path

import pytest
import torch
from fake_tensorrt import fake_gpu, fake_tensorrt

from robo_dopamine_ros.grm import selftest
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.selftest import EngineComparison, compare_engines, gpu_summary
from robo_dopamine_ros.grm.tensorrt.environment import Gpu

SHIPPED = Path(__file__).parents[2] / 'models' / 'grm'


def test_all_engines_are_compared(monkeypatch, tmp_path):
    fake = fake_tensorrt()
    monkeypatch.setitem(sys.modules, 'tensorrt', fake)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(Gpu, 'current', fake_gpu)
    told = []
    rows = compare_engines(
        SHIPPED, ('fp32',), lambda share, what: told.append(share), ('qwen3_vl',)
    )
    assert [(row.graph, row.engine, row.reference) for row in rows] == [
        ('qwen3_vl vision', 'onnx', 'torch'),
        ('qwen3_vl decoder', 'onnx', 'torch'),
        ('qwen3_vl vision', 'tensorrt', 'onnx fp32'),
        ('qwen3_vl decoder', 'tensorrt', 'onnx fp32'),
        ('compact see', 'onnx', 'torch'),
        ('compact compare', 'onnx', 'torch'),
        ('compact see', 'tensorrt', 'onnx'),
        ('compact compare', 'tensorrt', 'onnx'),
    ]
    assert all(row.agrees for row in rows)
    assert all(row.scale > 0.05 for row in rows)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert gpu_summary()[0]['TensorRT'] == '10.3.0'
    assert gpu_summary()[1] == ''


def test_missing_tensorrt_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    monkeypatch.setattr(Gpu, 'current', fake_gpu)
    told, lacks = gpu_summary()
    assert told['GPU'] == 'Fake Orin'
    assert lacks.startswith('engine "tensorrt" needs TensorRT, which is not here')


EXACT = {'vision': [torch.tensor([1.0, -8.0])], 'decoder': [torch.ones(2), torch.zeros(3)]}


@pytest.mark.parametrize(
    ('moved', 'precision', 'agrees'),
    [
        (5e-4, 'fp32', True),
        (2e-3, 'fp32', False),
        (0.1, 'fp16', True),
        (float('nan'), 'bf16', False),
    ],
)
def test_differences_are_relative_to_the_reference(moved, precision, agrees):
    found = {**EXACT, 'vision': [torch.tensor([1.0 + moved, -8.0])]}
    vision, decoder = selftest._rows('some', precision, 'tensorrt', 'onnx', lambda: found, EXACT)
    assert vision.agrees is agrees
    assert (vision.graph, vision.scale) == ('some vision', 8.0)
    assert decoder.agrees


@pytest.mark.parametrize('error', [ModelError('no memory'), RuntimeError('illegal access')])
def test_a_failing_engine_gives_comparisons_with_the_error(error):
    def fail():
        raise error

    rows = selftest._rows('some', 'fp16', 'tensorrt', 'onnx', fail, EXACT)
    assert rows == [
        EngineComparison(f'some {graph}', 'fp16', 'tensorrt', 'onnx', error=str(error))
        for graph in EXACT
    ]
    assert not any(row.agrees for row in rows)
