"""What tests of networks share."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope='module')
def one_thread() -> Iterator[None]:
    """Torch on one thread: small networks lose time on more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
