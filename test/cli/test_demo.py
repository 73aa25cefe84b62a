"""The demo on real processes: simulator, reward and episode manager over DDS, headless."""

import json
import os
import signal
import subprocess
import sys

import cv2
import pytest
from test_replay import child_pids, environment
from test_supervisor import alive, until

from robo_dopamine_ros.cli.demo import DwellTimer


def command(*words):
    return [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'demo', *map(str, words)]


def test_the_demo_ends_with_a_report(model, tmp_path):
    out = tmp_path / 'demo'
    done = subprocess.run(
        command('--episodes', 1, '--model', model, '--out', out, '--json'),
        capture_output=True, text=True, timeout=110, env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (summary,) = json.loads(done.stdout)
    assert summary['readings'] > 5
    assert summary['outcome'] in ('success', 'time limit')
    (report,) = json.loads((out / 'report.json').read_text())['episodes']
    assert max(report['series']['truth']['progress']) <= 1.0
    assert report['series']['truth']['progress'][0] < 0.5
    assert cv2.imread(str(out / 'report.png')) is not None
    assert f'report: {out}' in done.stderr


def test_a_dead_process_ends_the_demo_with_its_name(model, tmp_path):
    out = tmp_path / 'demo'
    process = subprocess.Popen(
        command('--model', model, '--out', out), env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        until(lambda: len(children := child_pids(process.pid)) == 3 and victim(children), 60.0)
        children = child_pids(process.pid)
        os.kill(victim(children), signal.SIGKILL)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 2
    assert 'robo-dopamine: sim was ended by SIGKILL' in said
    assert not any(alive(pid) for pid in children)


def victim(children):
    """The process id of the simulator, 0 while it is not there."""
    for pid in children:
        with open(f'/proc/{pid}/cmdline') as file:
            if 'nodes.sim' in file.read():
                return pid
    return 0


@pytest.mark.parametrize('count', ['0', '-1', 'many', '1000'])
def test_invalid_counts_are_refused(count):
    done = subprocess.run(
        command('--episodes', count), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert f"'{count}' is not a whole number, 1 to 20" in done.stderr


def test_the_dwell_timer_needs_the_whole_duration():
    done = DwellTimer(1.0)
    assert not done.update(True, 0.0)
    assert not done.update(True, 0.9)
    assert not done.update(False, 1.0)
    assert not done.update(True, 1.1)
    assert not done.update(True, 2.0)
    assert done.update(True, 2.1)
