"""ONNX export: the graph agrees with its module, and the export is reproducible."""

import logging
import warnings

import onnx
import pytest
import torch
from small_graph import Small, feeds, small_graph

from robo_dopamine_ros.grm import onnx_export
from robo_dopamine_ros.grm.onnx_runtime import OnnxRuntime
from robo_dopamine_ros.grm.protocol import ModelError


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp('graphs') / 'small.onnx'
    onnx_export.write_onnx(small_graph(), path)
    return path


@pytest.mark.parametrize(
    ('batch', 'rows', 'before'), [(2, 5, 3), (1, 7, 0), (3, 1, 11), (1, 1, 1), (3, 1, 0)]
)
def test_a_graph_computes_what_its_module_does(path, batch, rows, before):
    given = feeds(batch, rows, before, seed=rows)
    found = OnnxRuntime(path).run({**given, 'not an input': torch.zeros(1)})
    with torch.no_grad():
        expected = Small().eval()(*given.values())
    for out, wanted in zip(found.values(), expected, strict=True):
        assert (out - wanted).abs().max() < 1e-6
    assert list(found) == ['y', 'new_k0']


def test_the_export_is_reproducible_and_silent(path, tmp_path, capfd):
    again = tmp_path / 'again.onnx'
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        onnx_export.write_onnx(small_graph(), again)
    assert capfd.readouterr() == ('', '')
    assert logging.root.manager.disable == 0
    assert onnx_export.graph_hash(again) == onnx_export.graph_hash(path)


def test_a_graph_contains_no_paths(path):
    assert b'/robo_dopamine_ros/' not in path.read_bytes()
    assert b'test/grm' not in path.read_bytes()


def test_large_weights_are_written_to_a_separate_file(monkeypatch, tmp_path, path):
    monkeypatch.setattr(onnx_export, 'MAX_INLINE_WEIGHTS', 0)
    large = tmp_path / 'large.onnx'
    onnx_export.write_onnx(small_graph(), large)
    assert [file.name for file in onnx_export.graph_files(large)] == [
        'large.onnx',
        'large.onnx.data',
    ]
    given = feeds(2, 3, 1)
    for name, out in OnnxRuntime(large).run(given).items():
        assert torch.equal(out, OnnxRuntime(path).run(given)[name])
    before = onnx_export.graph_hash(large)
    weights = large.with_name('large.onnx.data')
    weights.write_bytes(weights.read_bytes()[:-1] + b'!')
    assert onnx_export.graph_hash(large) != before


def test_bfloat16(tmp_path):
    path = tmp_path / 'half.onnx'
    onnx_export.write_onnx(small_graph(torch.bfloat16), path)
    kinds = {value.type.tensor_type.elem_type for value in onnx.load(path).graph.output}
    assert kinds == {onnx.TensorProto.BFLOAT16}


def test_an_unknown_opset_is_refused(tmp_path):
    with pytest.raises(ValueError, match='opset is 12; it is one of 18, '):
        onnx_export.write_onnx(small_graph(), tmp_path / 'small.onnx', opset=12)


def test_a_truncated_graph_is_named(path, tmp_path):
    broken = tmp_path / 'broken.onnx'
    broken.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError, match='broken.onnx does not load in ONNX Runtime'):
        OnnxRuntime(broken)
