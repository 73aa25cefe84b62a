"""Output of `doctor --gpu` for its comparisons, and for the machine."""

import argparse
import json

import pytest

from robo_dopamine_ros.cli import doctor, gpu
from robo_dopamine_ros.grm import selftest
from robo_dopamine_ros.grm.selftest import EngineComparison

GOOD = EngineComparison('qwen3_vl vision', 'fp32', 'tensorrt', 'onnx fp32', 1e-6, 5.0)
BAD = EngineComparison('qwen3_vl decoder', 'fp16', 'tensorrt', 'onnx fp32', float('inf'), 5.0)
FAILED = EngineComparison('compact see', 'fp32', 'tensorrt', 'onnx', error='not enough memory')


def run(monkeypatch, capsys, rows, missing, *words):
    def compare(folder, precisions, show):
        assert (folder / 'model.json').exists()
        assert precisions == (() if missing else ('fp32', 'bf16', 'fp16'))
        return rows

    monkeypatch.setattr(selftest, 'gpu_summary', lambda: ({'GPU': 'Orin'}, missing))
    monkeypatch.setattr(selftest, 'compare_engines', compare)
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    code = doctor.run(parser.parse_args(['--gpu', *words]))
    return code, capsys.readouterr().out


def test_a_gpu_that_computes_correctly(monkeypatch, capsys):
    code, said = run(monkeypatch, capsys, [GOOD], '')
    assert code == 0
    assert 'GPU                  Orin' in said
    assert 'qwen3_vl vision' in said
    assert said.endswith('TensorRT computes what ONNX Runtime does: 1 comparisons agree\n')


@pytest.mark.parametrize('wrong', [BAD, FAILED])
def test_a_gpu_that_does_not(monkeypatch, capsys, wrong):
    code, said = run(monkeypatch, capsys, [GOOD, wrong], '')
    assert code == 1
    assert said.endswith('1 of 2 comparisons differ: do not trust this machine yet\n')
    assert wrong.error in said


def test_without_tensorrt_the_verdict_gives_the_reason(monkeypatch, capsys):
    code, said = run(monkeypatch, capsys, [GOOD], 'it is not here')
    assert code == 1
    assert 'TensorRT was not tried: it is not here' in said


def test_json_is_one_object(monkeypatch, capsys):
    code, said = run(monkeypatch, capsys, [GOOD, BAD], '', '--json')
    told = json.loads(said)
    assert (code, told['good'], told['tensorrt_tried']) == (1, False, True)
    assert [row['agrees'] for row in told['comparisons']] == [True, False]
    assert told['comparisons'][1]['difference'] is None


def test_the_system_of_a_jetson_is_named(monkeypatch, tmp_path):
    release = tmp_path / 'release'
    release.write_text('# R36 (release), REVISION: 4.3, GCID: 1\nINSTALL_TYPE=\n')
    driver = tmp_path / 'version'
    driver.write_text('NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue\n')
    monkeypatch.setattr(gpu, 'JETSON', release)
    monkeypatch.setattr(gpu, 'DRIVER', driver)
    monkeypatch.setenv('PATH', str(tmp_path))
    assert gpu.machine() == {
        'Jetson': 'R36 (release), REVISION: 4.3, GCID: 1',
        'driver': '550.54.15',
    }
