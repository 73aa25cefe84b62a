"""The verbs record and train, small: what they leave behind, and that nothing is lost."""

import json
import subprocess
import sys
import time

import pytest

from robo_dopamine_ros.cli.main import main
from robo_dopamine_ros.cli.training import false_rate, interval
from robo_dopamine_ros.data.episodes import open_recording
from robo_dopamine_ros.data.faults import EpisodeError
from robo_dopamine_ros.data.steps import read_steps
from robo_dopamine_ros.learning import weights
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.plan import read_plan
from robo_dopamine_ros.learning.tail import Tail
from robo_dopamine_ros.learning.trial import Told

MODEL = 'models/grm'
SMALL = ('--model', MODEL, '--updates', '0', '--pretraining', '2', '--first', '1',
         '--evaluation', '1', '--json')  # fmt: skip
KEYS = {
    'seed', 'rollouts', 'interventions', 'success_first20', 'success_last20', 'eval_episodes',
    'eval_success', 'eval_success_deterministic', 'false_success_rate', 'seconds',
}  # fmt: skip


@pytest.fixture(scope='module')
def demonstrations(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demonstrations')
    assert main(['record', '--out', str(folder), '--layout', 'pictures']) == 0
    return folder


def test_a_recording_serves_adapt_and_train(demonstrations):
    (folder,) = demonstrations.iterdir()
    recording, steps = open_recording(folder), read_steps(folder)
    assert recording.length == len(steps) + 1 == len(steps.states)
    assert recording.instruction
    assert recording.progress[0] == 0.0
    assert recording.progress[-1] == 1.0


def test_pictures_alone_teach_no_policy(demonstrations, tmp_path):
    with pytest.raises(EpisodeError, match=r'steps.npz: missing'):
        read_steps(tmp_path)


def test_a_run_ends_with_one_object_and_can_be_looked_at(demonstrations, tmp_path, capsys):
    out = tmp_path / 'run'
    words = ['train', *SMALL, '--rollouts', '1', '--demonstrations', str(demonstrations)]
    assert main([*words, '--out', str(out)]) == 0
    (told,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert set(told) >= KEYS
    assert (told['rollouts'], told['eval_episodes']) == (1, 1)
    assert {'curve.png', 'result.json', 'run.json'} <= {path.name for path in out.iterdir()}
    assert weights.read(Folder(out).weights).version == 1
    assert main(['train', '--resume', str(out), '--seed', '3']) == 2
    assert 'seed is 0 in the file, 3 here' in capsys.readouterr().err


def test_a_run_can_be_prepared_for_practice_elsewhere_and_practised_here(
    demonstrations, tmp_path, capsys
):
    out = tmp_path / 'run'
    words = ['train', *SMALL, '--demonstrations', str(demonstrations)]
    assert main([*words, '--rollouts', '0', '--out', str(out)]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert f'robo-dopamine up learn --run {out}' in said.err
    assert (told['run'], told['updates'], told['policy_version']) == (str(out), 2, 1)
    assert Folder(out).lacks() == ''
    assert not {'result.json', 'curve.png', 'rollouts.jsonl'} & {
        path.name for path in out.iterdir()
    }
    assert weights.read(Folder(out).weights).version == 1
    more = ['train', '--resume', str(out), '--first', '1', '--evaluation', '0', '--json']
    assert main([*more, '--rollouts', '1']) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told['rollouts'], told['success_first20']) == (1, 0.0)
    assert weights.read(Folder(out).weights).version == 2
    assert read_plan(out).rollouts == 1


def test_a_killed_run_goes_on_where_it_was(demonstrations, tmp_path, capsys):
    out = tmp_path / 'run'
    words = ['train', *SMALL, '--rollouts', '7', '--demonstrations', str(demonstrations)]
    command = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', *words, '--out', str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    log = out / 'rollouts.jsonl'
    until(lambda: (out / 'checkpoint.safetensors').exists() and lines(log) >= 6)
    process.kill()
    process.wait()
    before = len(Tail(out / 'experience.db').read().transitions)
    assert main(['train', '--resume', str(out), '--json', '--first', '1', '--evaluation', '1']) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told['rollouts'] == 7 == lines(log)
    rows = Tail(out / 'experience.db').read().transitions
    assert len(rows) >= before
    practised = sum(json.loads(line)['steps'] for line in log.read_text().splitlines())
    assert len(rows) >= practised


def test_intervals_and_rates():
    assert interval(50, 50)[1] == 1.0
    assert interval(0, 50)[0] == 0.0
    low, high = interval(45, 50)
    assert low < 0.9 < high
    told = [Told(0, 5, True, True, 0), Told(1, 5, False, True, 0), Told(2, 5, False, False, 0)]
    assert false_rate(told) == 0.5
    assert false_rate([]) == 0.0


def lines(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


def until(holds, patience=90.0):
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, 'the run did not get on'
        time.sleep(0.05)
