"""Checkpoints with random weights, one of each family (read only), and the folder bench."""

import sys
from pathlib import Path

import pytest

from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.published.checkpoint import PublishedCheckpoint, open_checkpoint
from robo_dopamine_ros.grm.vlm.published.family import FAMILIES

sys.path.append(str(Path(__file__).parents[3] / 'bench'))


@pytest.fixture(scope='session', params=FAMILIES)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a checkpoint."""
    folder: Path = tmp_path_factory.mktemp('checkpoints') / request.param
    random_checkpoint.write_random_checkpoint(folder, request.param, seed=2)
    return folder


@pytest.fixture(scope='session')
def opened(tiny: Path) -> PublishedCheckpoint:
    """The same, in memory, on the CPU."""
    return open_checkpoint(tiny, 'cpu')
