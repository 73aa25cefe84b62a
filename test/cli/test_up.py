import signal
import subprocess
import sys

from test_processes import alive
from test_replay import child_pids, environment


def start(*words):
    return subprocess.Popen(
        [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'up', *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(),
    )  # fmt: skip


def test_without_cameras_it_says_what_is_missing_until_ctrl_c(model):
    process = start('--model', model, '--task', 'push the block')
    children, said = [], []
    try:
        for line in process.stdout:
            said.append(line)
            if 'no reading: front: ' in line:
                break
        children = child_pids(process.pid)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=40)
    finally:
        process.kill()
    assert 'no reading: front: ' in said[-1], ''.join(said)
    assert len(children) == 2
    assert process.returncode == 130
    assert not any(alive(pid) for pid in children)


def test_files_that_are_not_there_are_named(tmp_path):
    process = start('--params', tmp_path / 'cell.yaml')
    said, _ = process.communicate(timeout=40)
    assert process.returncode == 2
    assert 'cell.yaml' in said
