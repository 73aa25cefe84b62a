"""What every test may use."""

import os
from pathlib import Path

import pytest

from robo_dopamine_ros.ros import shared_memory

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='session', autouse=True)
def shared_memory_is_swept():
    """Tests kill processes on purpose; what those leave in shared memory goes at the end."""
    shared_memory.remove_stale()
    yield
    shared_memory.remove_stale()


@pytest.fixture(autouse=True)
def one_thread(request: pytest.FixtureRequest):
    """Small networks learn fastest on one thread."""
    if request.path.parent.name not in ('policy', 'learning', 'training'):
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='session')
def real_episode() -> Path:
    """One recorded three-camera episode; the test is skipped where the data are absent."""
    data = Path(os.environ.get('ROBO_DOPAMINE_DATA', ROOT / '../shared/data'))
    folder = data / 'agilex_clean_table' / 'episode_001'
    if not folder.is_dir():
        pytest.skip(f'no recorded episode at {folder}; set ROBO_DOPAMINE_DATA')
    return folder
