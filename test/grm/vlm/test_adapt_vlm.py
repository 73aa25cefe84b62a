"""The verb `adapt` with a vision-language base: output, options, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest

from robo_dopamine_ros.cli import adapt_vlm
from robo_dopamine_ros.cli.adapt_vlm import weakness
from robo_dopamine_ros.cli.main import main
from robo_dopamine_ros.data.episode_folder import save_recording
from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.published.checkpoint import open_checkpoint
from robo_dopamine_ros.types import Recording, Views

pytestmark = pytest.mark.filterwarnings('ignore:.*no images of left_wrist')  # one camera
LENGTH = 12
BRIEF = ('--hops', '20', '--batch', '4', '--epochs', '1', '--device', 'cpu')


def play(size=None, stride=1, start=0, stop=None):
    for frame in range(LENGTH)[start:stop:stride]:
        yield Views({'front': np.full((112, 112, 3), 20 * frame, np.uint8)}, {'front': frame})


@pytest.fixture(scope='module')
def demo_dir(tmp_path_factory) -> Path:
    """A folder with a demonstration, a checkpoint and a prompt."""
    folder = tmp_path_factory.mktemp('demo_dir')
    recording = Recording(
        'demo', 10.0, LENGTH, ('front',), play, (0, LENGTH - 1), instruction='push'
    )
    save_recording(recording, folder / 'demo', 'images')
    random_checkpoint.write_random_checkpoint(folder / 'base', 'qwen2_5_vl')
    (folder / 'prompt.txt').write_text('{task}' + '<image> ' * 8)
    return folder


def words(demo_dir: Path, out: Path, *others: str) -> list[str]:
    usual = [
        'adapt',
        str(demo_dir / 'demo'),
        '--out',
        str(out),
        '--prompt',
        str(demo_dir / 'prompt.txt'),
    ]
    return [*usual, *others]


def test_it_writes_a_checkpoint_and_prints_its_validation(demo_dir, tmp_path, capsys):
    out = tmp_path / 'out'
    given = words(demo_dir, out, '--base', str(demo_dir / 'base'), *BRIEF, '--progress-json')
    assert main(given) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any(line.get('stage', '').startswith('loss ') for line in told)
    assert told[-1]['model'] == str(out)
    assert set(told[-1]['held_back']) == {'before', 'after'}
    assert open_checkpoint(out, device='cpu').family.name == 'qwen2_5_vl'


def test_ctrl_c_prints_how_to_resume_and_that_works(demo_dir, tmp_path, capsys, monkeypatch):
    out, losses = tmp_path / 'out', []

    def interrupting(_, what):
        losses.append(what.startswith('loss'))
        if sum(losses) == 3 and losses[-1]:
            raise KeyboardInterrupt

    given = words(demo_dir, out, '--base', str(demo_dir / 'base'), *BRIEF, '--progress-json')
    monkeypatch.setattr(adapt_vlm, 'print_json_progress', interrupting)
    assert main(given) == 130
    assert 'stopped; nothing is kept yet' in capsys.readouterr().err
    losses.clear()
    assert main([*given, '--save-every', '2']) == 130
    assert 'stopped; the same command goes on' in capsys.readouterr().err
    monkeypatch.undo()
    assert main(given) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(line.get('stage', '').startswith('loss') for line in told) == 3  # of five


def test_data_only_writes_what_the_authors_trainer_reads(demo_dir, tmp_path, capsys):
    out = tmp_path / 'hops'
    assert main(words(demo_dir, out, '--data-only', '--hops', '20', '--task', 'shove')) == 0
    items = json.loads((out / 'hops.json').read_text())
    assert len(items) == 20
    assert {item['task'] for item in items} == {'shove'}
    assert all((out / path).exists() for item in items for path in item['image'])
    assert "'data_path'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ('others', 'message'),
    [
        (('--base', 'BASE', '--steps', '10'), '--steps is only for a small model'),
        (('--rank', '8'), '--prompt is only for a vision-language base'),
        (('--base', 'no/such/folder'), '--prompt is only for a vision-language base'),
    ],
)
def test_what_does_not_fit_is_refused(demo_dir, tmp_path, capsys, others, message):
    given = [str(demo_dir / 'base') if word == 'BASE' else word for word in others]
    assert main(words(demo_dir, tmp_path / 'out', *given)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_compiled_model_cannot_learn(demo_dir, tmp_path, capsys):
    (tmp_path / 'model.json').write_text('{"kind": "vlm-grm-1"}')
    assert main(words(demo_dir, tmp_path / 'out', '--base', str(tmp_path))) == 2
    assert 'is compiled; give the checkpoint' in capsys.readouterr().err


def test_help_shows_both_kinds(capsys):
    with pytest.raises(SystemExit):
        main(['adapt', '--help'])
    told = capsys.readouterr().out
    assert 'only for a small model' in told
    assert '--base tanhuajie2001/Robo-Dopamine-GRM-3B --out runs/grm_my_task' in told


def test_hops_in_the_wrong_direction_are_no_usable_model():
    assert weakness(60, 0.65).startswith('not usable: 65% of the hops right, at least 90% needed')
    assert weakness(60, 0.95) == weakness(2, 0.5) == ''
