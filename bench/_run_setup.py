"""Preparation of a run, and the command line of the cell that trains in it."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from robo_dopamine_ros.cli.dds_domain import VARIABLE, free_domain
from robo_dopamine_ros.training.config import RunDir

TASK = 'insert the square peg into the hole'  # with a task, episodes start by themselves


class NoProgressError(RuntimeError):
    """The cell makes no progress."""


def use_own_domain() -> None:
    """Restrict DDS to this machine, in a domain that nobody else uses."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ[VARIABLE] = str(free_domain())


def prepare_run(run: Path | None, out: Path) -> RunDir:
    """Return the given run, prepared by `train --rollouts 0` if it is not; None: a new one."""
    out.mkdir(parents=True, exist_ok=True)
    run_dir = RunDir(run or out / f'run-{time.strftime("%Y%m%d-%H%M%S")}')
    if run_dir.missing():
        command = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'train']
        subprocess.run([*command, '--rollouts', '0', '--out', str(run_dir.path)], check=True)
    return run_dir


def up_arguments(run_dir: RunDir, overrides: Sequence[str]) -> list[str]:
    """Return the arguments of `robo-dopamine up`."""
    arguments = ['learn', '--run', str(run_dir.path), '--task', TASK]
    arguments += ['--set', 'episode_manager.episodes.rollouts=0']  # the bench ends the run
    return [*arguments, *(word for text in overrides for word in ('--set', text))]
