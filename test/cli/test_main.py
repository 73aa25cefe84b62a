import argparse
import subprocess
import sys

import pytest

from robo_dopamine_ros.cli import main as cli
from robo_dopamine_ros.data.errors import EpisodeError


def run(*words):
    command = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_names_every_verb_and_shows_examples():
    done = run('--help')
    assert done.returncode == 0
    for verb in cli.VERBS:
        assert f'    {verb} ' in done.stdout
    assert 'examples:' in done.stdout


def test_help_imports_nothing_heavy():
    code = (
        'import sys; from robo_dopamine_ros.cli import main\n'
        'try: main.main(["--help"])\n'
        'except SystemExit: pass\n'
        'heavy = {"numpy", "torch", "cv2", "mujoco", "rclpy", "matplotlib"} & set(sys.modules)\n'
        'sys.exit(", ".join(heavy) or 0)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('verb', cli.VERBS)
def test_the_help_of_a_verb_imports_no_slow_library(verb):
    code = (
        'import sys; from robo_dopamine_ros.cli import main\n'
        f'try: main.main(["{verb}", "--help"])\n'
        'except SystemExit: pass\n'
        'slow = {"torch", "scipy", "mujoco", "matplotlib"} & set(sys.modules)\n'
        'sys.exit(", ".join(slow) or 0)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('verb', cli.VERBS)
def test_every_verb_explains_itself(verb):
    done = run(verb, '--help')
    assert done.returncode == 0, done.stderr
    assert f'robo-dopamine {verb}' in done.stdout
    assert 'examples:' in done.stdout


def test_an_unknown_verb_is_refused():
    done = run('conquer')
    assert done.returncode == 2
    assert 'conquer' in done.stderr


def test_no_verb_prints_the_help():
    done = run()
    assert done.returncode == 2
    assert 'verbs:' in done.stdout


def test_the_version_is_that_of_the_package():
    from robo_dopamine_ros import __version__

    assert run('--version').stdout.strip() == __version__


def test_known_errors_are_one_line(tmp_path):
    done = run('replay', str(tmp_path / 'nowhere'))
    assert done.returncode == 2
    assert done.stderr == f'robo-dopamine: {tmp_path / "nowhere"}: no such folder\n'


class Verb:
    """Stands in for a verb's module."""

    def __init__(self, error):
        self._error = error

    def run(self, args):
        raise self._error


def outcome(monkeypatch, error):
    monkeypatch.setattr(cli, '_parser', lambda words: (argparse.ArgumentParser(), Verb(error)))
    return cli.main([])


def test_ctrl_c_is_130(monkeypatch):
    assert outcome(monkeypatch, KeyboardInterrupt()) == 130


def test_own_errors_are_two(monkeypatch, capsys):
    assert outcome(monkeypatch, EpisodeError('x.mp4: broken')) == 2
    assert capsys.readouterr().err == 'robo-dopamine: x.mp4: broken\n'


def test_bugs_keep_their_traceback(monkeypatch):
    with pytest.raises(ZeroDivisionError):
        outcome(monkeypatch, ZeroDivisionError())


def test_values_our_code_refuses_are_two(monkeypatch, capsys):
    from robo_dopamine_ros.data.frames import frame_range

    class Playing:
        def run(self, args):
            frame_range(10, 0, 0, None)

    monkeypatch.setattr(cli, '_parser', lambda words: (argparse.ArgumentParser(), Playing()))
    assert cli.main([]) == 2
    assert capsys.readouterr().err == 'robo-dopamine: stride = 0; it must be 1 or more\n'


def test_values_that_surprise_keep_their_traceback(monkeypatch):
    with pytest.raises(ValueError, match='a bug'):
        outcome(monkeypatch, ValueError('a bug'))


def test_own_errors_show_where_on_demand(monkeypatch):
    monkeypatch.setenv(cli.TRACEBACK, '1')
    with pytest.raises(EpisodeError):
        outcome(monkeypatch, EpisodeError('x.mp4: broken'))
