"""Checkpoints of random weights, one of each family; nobody may change them."""

from pathlib import Path

import pytest

from robo_dopamine_ros.reward.vlm.published import synthetic
from robo_dopamine_ros.reward.vlm.published.checkpoint import Checkpoint, open_checkpoint
from robo_dopamine_ros.reward.vlm.published.family import FAMILIES


@pytest.fixture(scope='session', params=FAMILIES)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a checkpoint."""
    folder: Path = tmp_path_factory.mktemp('checkpoints') / request.param
    synthetic.write(folder, request.param, seed=2)
    return folder


@pytest.fixture(scope='session')
def opened(tiny: Path) -> Checkpoint:
    """The same, in memory, on the CPU."""
    return open_checkpoint(tiny, 'cpu')
