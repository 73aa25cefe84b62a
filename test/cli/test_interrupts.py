"""Ctrl-C while a verb starts: no traceback, exit code 130, wherever the interpreter is."""

import os
import signal
import subprocess
import sys

import pytest

from robo_dopamine_ros.cli import interrupts

PRESS = """
import os, signal, sys
class Press:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
from robo_dopamine_ros.cli.entry import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ('module', 'words'),
    [
        ('robo_dopamine_ros.cli.main', ['doctor']),
        ('argparse', ['doctor']),
        ('robo_dopamine_ros.cli.evaluate', ['evaluate', 'models/grm', 'nowhere']),
        ('numpy', ['evaluate', 'models/grm', 'nowhere']),
        ('numpy._core._multiarray_umath', ['evaluate', 'models/grm', 'nowhere']),
        ('rclpy', ['up', '--without', 'teleop']),
        ('rclpy._rclpy_pybind11', ['rearm']),
        ('robo_dopamine_ros.training.run', ['train', '--rollouts', '0']),
        ('mujoco', ['record', '--out', 'demos']),
        ('torch', ['adapt', 'EPISODE', '--out', 'model']),
    ],
)
def test_ctrl_c_while_something_is_imported(module, words, episode, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [str(episode) if word == 'EPISODE' else word for word in words]
    done = subprocess.run(
        [sys.executable, '-c', PRESS.format(module=module), *words],
        capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert (done.returncode, 'Traceback' in done.stderr) == (130, False), done.stderr


def test_a_ctrl_c_that_something_swallowed_is_remembered():
    swallowed = False
    with interrupts.remembered():
        assert not interrupts.pressed()
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            swallowed = True
        assert swallowed
        assert interrupts.pressed()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
