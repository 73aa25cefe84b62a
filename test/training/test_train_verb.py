"""The verbs record and train, small: files of a run, preparing, and resuming after a kill."""

import json
import shutil
import subprocess
import sys
import time

import pytest

from robo_dopamine_ros.cli.main import main
from robo_dopamine_ros.data.episode_folder import open_recording
from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.data.trajectory import load_trajectory
from robo_dopamine_ros.experience.reader import ExperienceReader
from robo_dopamine_ros.policy import weights
from robo_dopamine_ros.training.config import RunDir, read_train_config
from robo_dopamine_ros.training.online_trainer import EpisodeResult
from robo_dopamine_ros.training.stages import false_success_rate, wilson_interval

MODEL = 'models/grm'
SMALL = ('--model', MODEL, '--updates', '0', '--pretraining', '2', '--eval-before', '1',
         '--evaluation', '1', '--json')  # fmt: skip
KEYS = {
    'seed', 'rollouts', 'interventions', 'success_first20', 'success_last20', 'eval_episodes',
    'eval_success', 'eval_success_deterministic', 'false_success_rate', 'seconds',
}  # fmt: skip


@pytest.fixture(scope='module')
def demonstrations(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demonstrations')
    assert main(['record', '--out', str(folder), '--layout', 'images']) == 0
    return folder


def test_a_recording_serves_adapt_and_train(demonstrations):
    (folder,) = demonstrations.iterdir()
    recording, trajectory = open_recording(folder), load_trajectory(folder)
    assert recording.length == len(trajectory) + 1 == len(trajectory.states)
    assert recording.instruction
    assert recording.progress[0] == 0.0
    assert recording.progress[-1] == 1.0


def test_demonstrations_that_are_there_are_told_before_others_are_made(demonstrations, capsys):
    assert main(['record', '--out', str(demonstrations), '--count', '2']) == 2
    assert 'demonstration_000 is there already' in capsys.readouterr().err
    assert len(list(demonstrations.iterdir())) == 1


def test_images_alone_are_no_demonstration(demonstrations, tmp_path):
    with pytest.raises(EpisodeError, match=r'steps.npz: missing'):
        load_trajectory(tmp_path)


def test_a_run_prints_one_object_and_writes_its_files(demonstrations, tmp_path, capsys):
    out = tmp_path / 'run'
    arguments = ['train', *SMALL, '--rollouts', '1', '--demonstrations', str(demonstrations)]
    assert main([*arguments, '--out', str(out)]) == 0
    (result,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert set(result) >= KEYS
    assert (result['rollouts'], result['eval_episodes']) == (1, 1)
    assert {'curve.png', 'result.json', 'run.json'} <= {path.name for path in out.iterdir()}
    assert weights.load_policy(RunDir(out).weights).version == 1
    assert main(['train', '--resume', str(out), '--seed', '3']) == 2
    assert 'seed is 0 in the file, 3 here' in capsys.readouterr().err
    assert main(['train', '--resume', str(out), '--evaluation', '1', '--json']) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == result
    assert f'{out} is finished' in said.err
    assert 'without noise' not in said.err


def test_a_wrong_command_can_be_corrected(demonstrations, tmp_path, capsys):
    out = tmp_path / 'run'
    right = ['train', *SMALL, '--demonstrations', str(demonstrations), '--out', str(out)]
    wrong = [str(tmp_path / 'no_model') if word == MODEL else word for word in right]
    assert main([*wrong, '--rollouts', '0']) == 2
    assert 'no_model' in capsys.readouterr().err
    assert not out.exists()
    assert main([*right, '--rollouts', '0']) == 0
    assert main([*right, '--rollouts', '0']) == 2
    assert f'`robo-dopamine train --resume {out}` goes on' in capsys.readouterr().err


def test_a_run_interrupted_before_it_learned_leaves_nothing(demonstrations, tmp_path, monkeypatch):
    out = tmp_path / 'run'
    out.mkdir()

    def interrupt(*_):
        assert (out / 'run.json').exists()
        raise KeyboardInterrupt

    monkeypatch.setattr('robo_dopamine_ros.training.run.load_demonstrations', interrupt)
    assert (
        main(['train', *SMALL, '--demonstrations', str(demonstrations), '--out', str(out)]) == 130
    )
    assert list(out.iterdir()) == []


def test_a_run_interrupted_after_it_learned_stays_and_says_how_it_goes_on(
    demonstrations, tmp_path, monkeypatch, capsys
):
    out = tmp_path / 'run'

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('robo_dopamine_ros.training.stages.evaluate_policy', interrupt)
    words = [*SMALL, '--rollouts', '1', '--demonstrations', str(demonstrations)]
    assert main(['train', *words, '--out', str(out)]) == 130
    assert f'`robo-dopamine train --resume {out}` goes on' in capsys.readouterr().err
    assert RunDir(out).checkpoint.exists()


def test_a_run_can_be_prepared_for_a_live_cell_and_trained_here(demonstrations, tmp_path, capsys):
    out = tmp_path / 'run'
    arguments = ['train', *SMALL, '--demonstrations', str(demonstrations)]
    assert main([*arguments, '--rollouts', '0', '--out', str(out)]) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert f'robo-dopamine up learn --run {out}' in said.err
    assert (result['run'], result['updates'], result['policy_version']) == (str(out), 2, 1)
    assert RunDir(out).missing() == ''
    assert not {'result.json', 'curve.png', 'rollouts.jsonl'} & {
        path.name for path in out.iterdir()
    }
    assert weights.load_policy(RunDir(out).weights).version == 1
    more = ['train', '--resume', str(out), '--eval-before', '1', '--evaluation', '0', '--json']
    assert main([*more, '--rollouts', '1']) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result['rollouts'], result['success_first20']) == (1, 0.0)
    assert weights.load_policy(RunDir(out).weights).version == 2
    assert read_train_config(out).rollouts == 1


def test_a_killed_run_resumes_where_it_was(demonstrations, tmp_path, capsys):
    out = tmp_path / 'run'
    arguments = ['train', *SMALL, '--rollouts', '7', '--demonstrations', str(demonstrations)]
    command = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', *arguments, '--out', str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    log = out / 'rollouts.jsonl'
    until(lambda: (out / 'checkpoint.safetensors').exists() and lines(log) >= 6)
    process.kill()
    process.wait()
    before = len(ExperienceReader(out / 'experience.db').read().transitions)
    assert (
        main(['train', '--resume', str(out), '--json', '--eval-before', '1', '--evaluation', '1'])
        == 0
    )
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result['rollouts'] == 7 == lines(log)
    rows = ExperienceReader(out / 'experience.db').read().transitions
    assert len(rows) >= before
    steps = sum(json.loads(line)['steps'] for line in log.read_text().splitlines())
    assert len(rows) >= steps


def test_intervals_and_rates():
    assert wilson_interval(50, 50)[1] == 1.0
    assert wilson_interval(0, 50)[0] == 0.0
    low, high = wilson_interval(45, 50)
    assert low < 0.9 < high
    result = [
        EpisodeResult(0, 5, True, True, 0),
        EpisodeResult(1, 5, False, True, 0),
        EpisodeResult(2, 5, False, False, 0),
    ]
    assert false_success_rate(result) == 0.5
    assert false_success_rate([]) == 0.0


def lines(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


def until(condition, timeout=90.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, 'the run makes no progress'
        time.sleep(0.05)


@pytest.mark.filterwarnings('always::robo_dopamine_ros.training.run.RunWarning')
def test_a_reward_model_of_another_task_is_told(demonstrations, tmp_path, capsys):
    other = tmp_path / 'other'
    shutil.copytree(demonstrations, other)
    (folder,) = other.iterdir()
    metadata = json.loads((folder / 'episode.json').read_text())
    (folder / 'episode.json').write_text(json.dumps(metadata | {'instruction': 'fold the towel'}))
    words = ['train', *SMALL, '--rollouts', '0', '--demonstrations', str(other)]
    assert main([*words, '--out', str(tmp_path / 'run')]) == 0
    said = capsys.readouterr().err
    assert "was adapted to 'insert the square peg into the hole'" in said
    assert "the demonstrations show 'fold the towel'" in said
