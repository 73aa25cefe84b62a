"""The verb on real processes: player, reward and conductor over DDS."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from test_processes import alive, until

ROOT = Path(__file__).parents[2]


def command(*words):
    return [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'replay', *map(str, words)]


def environment():
    """As a person's shell has it: nothing sourced, no domain chosen."""
    return {k: v for k, v in os.environ.items() if k != 'ROS_DOMAIN_ID'} | {'PYTHONPATH': str(ROOT)}


def replay(*words, timeout=110):
    return subprocess.run(
        command(*words), capture_output=True, text=True, timeout=timeout, env=environment(),
        check=False,
    )  # fmt: skip


@pytest.fixture(scope='module')
def played(model, episode, tmp_path_factory):
    out = tmp_path_factory.mktemp('runs') / 'look'
    return replay(episode, '--model', model, '--out', out, '--json'), out


def test_an_episode_goes_through_the_real_nodes(played):
    done, out = played
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary['frames']['recorded'] == 60
    assert summary['frames']['shown'] > 20
    assert summary['readings'] > 5
    assert summary['outcome'] == 'success'
    assert summary['mae']['progress'] is not None
    assert f'report: {out}' in done.stderr


def test_the_report_holds_every_curve(played):
    _, out = played
    (told,) = json.loads((out / 'report.json').read_text())['episodes']
    progress, reward = told['series']['progress'], told['series']['reward']
    assert len(progress['time']) == len(progress['progress']) > 5
    assert sum(progress['valid']) == told['summary']['readings']
    assert progress['time'] == sorted(progress['time'])
    assert 0 <= progress['time'][0] <= progress['time'][-1] <= 3.0
    assert sum(reward['success']) == 1
    assert told['series']['keyframes'] == pytest.approx([0.0, 59 / 20])
    assert cv2.imread(str(out / 'report.png')).shape[1] == 1960
    assert {p.name for p in (out / 'logs').iterdir()} == {
        'player.log', 'reward.log', 'conductor.log'
    }  # fmt: skip


def test_shaping_telescopes_through_the_nodes(played):
    _, out = played
    (told,) = json.loads((out / 'report.json').read_text())['episodes']
    reward = told['series']['reward']
    columns = (reward[name] for name in ('shaping', 'discount', 'potential'))
    before = reward['potential'][0]
    for shaping, discount, potential in list(zip(*columns, strict=True))[1:]:
        assert shaping == pytest.approx(discount * potential - before, abs=2e-5)
        before = potential


def test_results_are_never_written_over(played, model, episode):
    _, out = played
    done = replay(episode, '--model', model, '--out', out)
    assert done.returncode == 2
    assert done.stderr == f'robo-dopamine: {out}: not an empty folder; nothing is written over\n'


def test_a_model_that_is_not_there(episode, tmp_path):
    done = replay(episode, '--model', tmp_path / 'none')
    assert done.returncode == 2
    assert 'no such model folder' in done.stderr


def test_a_model_that_cannot_be_loaded_ends_the_replay(episode, tmp_path):
    (tmp_path / 'model').mkdir()
    done = replay(episode, '--model', tmp_path / 'model', '--out', tmp_path / 'out')
    assert done.returncode == 2
    assert 'robo-dopamine: reward ended with exit code 2' in done.stderr
    assert 'cannot load the model' in done.stderr


def test_ctrl_c_leaves_nothing_behind(model, episode, tmp_path):
    out = tmp_path / 'out'
    process = subprocess.Popen(
        command(episode, '--model', model, '--out', out, '--speed', '0.2'),
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        until(lambda: len(list(out.glob('logs/*.log'))) == 3, 60.0)
        children = child_pids(process.pid)
        assert len(children) == 3
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=40)
    finally:
        process.kill()
    assert process.returncode == 130
    assert not any(alive(pid) for pid in children)


def child_pids(pid):
    tasks = Path(f'/proc/{pid}/task').glob('*/children')
    return [int(child) for task in tasks for child in task.read_text().split()]
