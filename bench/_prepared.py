"""A run that a learning cell can practise, and the words that start the cell."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from robo_dopamine_ros.cli.domain import VARIABLE, free_domain
from robo_dopamine_ros.learning.folder import Folder

TASK = 'insert the square peg into the hole'  # given, so that practice begins by itself


class StuckError(RuntimeError):
    """A cell that does not go on."""


def apart() -> None:
    """Talk on this machine alone, where nobody else talks."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ[VARIABLE] = str(free_domain())


def prepared(run: Path | None, out: Path) -> Folder:
    """Take the run given, or a new one: record, adapt, learn from the demonstration."""
    out.mkdir(parents=True, exist_ok=True)
    folder = Folder(run or out / f'run-{time.strftime("%Y%m%d-%H%M%S")}')
    if folder.lacks():
        command = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'train']
        subprocess.run([*command, '--rollouts', '0', '--out', str(folder.path)], check=True)
    return folder


def words(folder: Folder, sets: Sequence[str]) -> list[str]:
    """Give what follows `robo-dopamine up`."""
    wanted = ['learn', '--run', str(folder.path), '--task', TASK]
    wanted += ['--set', 'conductor.episodes.rollouts=0']  # the bench says when there are enough
    return [*wanted, *(word for text in sets for word in ('--set', text))]
