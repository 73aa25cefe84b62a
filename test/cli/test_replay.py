"""The verb on real processes: player, reward and episode manager over DDS."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import pytest
from test_supervisor import alive, until

from robo_dopamine_ros.data.episode_folder import open_recording, save_recording

ROOT = Path(__file__).parents[2]


def command(*words):
    return [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'replay', *map(str, words)]


def environment():
    """Environment of a plain shell: nothing sourced, no domain chosen."""
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
    (report,) = json.loads((out / 'report.json').read_text())['episodes']
    progress, reward = report['series']['progress'], report['series']['reward']
    assert len(progress['time']) == len(progress['progress']) > 5
    assert sum(progress['valid']) == report['summary']['readings']
    assert progress['time'] == sorted(progress['time'])
    assert 0 <= progress['time'][0] <= progress['time'][-1] <= 3.0
    assert sum(reward['success']) == 1
    assert report['series']['keyframes'] == pytest.approx([0.0, 59 / 20])
    assert cv2.imread(str(out / 'report.png')).shape[1] == 1960
    assert {p.name for p in (out / 'logs').iterdir()} == {
        'player.log', 'reward.log', 'episode_manager.log'
    }  # fmt: skip


def test_shaping_telescopes_through_the_nodes(played):
    _, out = played
    (report,) = json.loads((out / 'report.json').read_text())['episodes']
    reward = report['series']['reward']
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
    assert done.stderr == f'robo-dopamine: {tmp_path / "none"}: no such model folder\n'


def test_a_model_that_cannot_be_loaded_ends_the_replay(episode, tmp_path):
    (tmp_path / 'model').mkdir()
    done = replay(episode, '--model', tmp_path / 'model', '--out', tmp_path / 'out')
    assert done.returncode == 2
    assert 'robo-dopamine: reward ended with exit code 2' in done.stderr
    assert 'cannot load the model' in done.stderr


def damaged(episode, tmp_path, how):
    """A copy of the episode with one thing wrong in it."""
    folder = shutil.copytree(episode, tmp_path / 'episode')
    video = folder / 'cam_left_wrist.mp4'
    if how == 'corrupt':
        video.write_bytes(video.read_bytes()[:3000])
    elif how == 'unequal':
        save_recording(replace(open_recording(episode), length=20, play=partial(
            open_recording(episode).play, stop=20), progress=None), tmp_path / 'short')  # fmt: skip
        shutil.copy(tmp_path / 'short' / video.name, video)
    elif how == 'inconsistent':
        (folder / 'annotated_keyframes.json').write_text(
            '[{"anotation": "push", "start_frame_id": 0, "end_frame_id": 99}]'
        )
    elif how == 'missing':
        (folder / 'annotated_keyframes.json').unlink()
    return folder


@pytest.mark.parametrize(
    ('how', 'said'),
    [
        ('corrupt', 'cam_left_wrist.mp4: not a video that can be decoded'),
        ('unequal', 'cam_high.mp4 60, cam_left_wrist.mp4 20, cam_right_wrist.mp4 60 frames'),
        (
            'inconsistent',
            'entry 0 (push): end_frame_id = 99 lies outside the episode',
        ),
    ],
)
def test_a_faulty_episode_is_named_in_one_line(model, episode, tmp_path, how, said):
    done = replay(damaged(episode, tmp_path, how), '--model', model, '--out', tmp_path / 'out')
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_annotation_there_are_no_errors(model, episode, tmp_path):
    folder = damaged(episode, tmp_path, 'missing')
    done = replay(folder, '--model', model, '--out', tmp_path / 'out', '--json')
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary['mae'] is None
    assert summary['outcome'] == 'time limit'


def test_a_damaged_image_in_the_middle_ends_the_replay(model, episode, tmp_path):
    folder = save_recording(open_recording(episode), tmp_path / 'images', 'images')
    (folder / 'front' / '000030.png').write_bytes(b'\x89PNG')
    done = replay(folder, '--model', model, '--out', tmp_path / 'out')
    assert done.returncode == 2
    assert 'robo-dopamine: player ended with exit code 2' in done.stderr
    assert '000030.png: not an image that can be decoded' in done.stderr
    assert 'Traceback' not in done.stderr + done.stdout


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
    assert not out.exists()


def child_pids(pid):
    tasks = Path(f'/proc/{pid}/task').glob('*/children')
    return [int(child) for task in tasks for child in task.read_text().split()]
