"""The verb `export` with a checkpoint of random weights and with a compact model."""

import json
import shutil
import sys

import pytest

from robo_dopamine_ros.cli.main import main
from robo_dopamine_ros.grm.compact.loading import load_compact
from robo_dopamine_ros.grm.vlm.query.prompt import SHORT_PROMPT
from robo_dopamine_ros.grm.vlm.random_checkpoint import RandomModelSize, write_random_checkpoint


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp('checkpoints') / 'random'
    write_random_checkpoint(folder, 'qwen2_5_vl', RandomModelSize(layers=1, vision_layers=2))
    (folder.parent / 'prompt.txt').write_text(SHORT_PROMPT)
    return folder


def test_a_checkpoint_becomes_a_folder(checkpoint, tmp_path, capsys):
    out, prompt = tmp_path / 'compiled', checkpoint.parent / 'prompt.txt'
    words = ['export', str(checkpoint), '--out', str(out), '--prompt', str(prompt), '--json']
    assert main([*words, '--precision', 'fp32', '--size', '480x480']) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told['model'], told['kind'], told['precision']) == (str(out), 'vlm-grm-1', 'fp32')
    assert (told['picture'], told['picture_tokens']) == ([252, 252], 81)
    assert told['official_prompt'] is False
    assert told['bytes'] == sum(file.stat().st_size for file in out.iterdir()) - size(out)
    assert 'done 100%' in said.err
    assert main(words) == 2
    assert 'is not empty; give a new folder' in capsys.readouterr().err
    assert main(['export', str(out)]) == 2
    assert 'is compiled already; --tensorrt builds its engines' in capsys.readouterr().err
    assert main(['export', str(out), '--out', str(tmp_path / 'more')]) == 2
    assert 'is compiled already; --out is for checkpoints' in capsys.readouterr().err


def size(folder):
    return (folder / 'model.json').stat().st_size


def test_graphs_of_a_compact_model_are_written_anew(model, tmp_path, capsys, episode):
    folder = shutil.copytree(model, tmp_path / 'model')
    (folder / 'see.onnx').write_bytes(b'of another time')
    (folder / 'compare.onnx').unlink()
    assert main(['export', str(folder)]) == 0
    assert capsys.readouterr().out == f'{folder}: compact-grm-1, fp32\n'
    assert (folder / 'see.onnx').read_bytes() == (model / 'see.onnx').read_bytes()
    assert load_compact(folder, 'onnx').name == 'untaught'
    assert not list(folder.glob('.*'))


def test_missing_tensorrt_is_refused_before_any_work(checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    out = tmp_path / 'compiled'
    assert main(['export', str(checkpoint), '--out', str(out), '--tensorrt']) == 2
    assert 'engine "tensorrt" needs TensorRT, which is not here' in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['nowhere'], 'nowhere is no model folder: model.json: '),
        (['some/one'], 'give --out, the folder to compile it into'),
        (['some/one', '--out', 'x', '--size', 'large'], "size = 'large'; it must be like 640x480"),
        (['some/one', '--out', 'x', '--prompt', 'no.txt'], 'prompt no.txt: '),
    ],
)
def test_options_that_exclude_each_other_are_refused(words, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(['export', *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count('\n') == 1
