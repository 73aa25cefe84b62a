"""One steady clock for every timeout of a node, which also counts while the computer sleeps."""

import re
import time
from pathlib import Path

import pytest

from robo_dopamine_ros.clock import steady_time, steady_time_ns

CODE = Path(__file__).parents[1] / 'robo_dopamine_ros'
NODES = sorted([*(CODE / 'nodes').glob('*.py'), *(CODE / 'ros').glob('*.py')])


@pytest.mark.skipif(not hasattr(time, 'CLOCK_BOOTTIME'), reason='no CLOCK_BOOTTIME on this system')
def test_it_counts_the_time_during_which_the_computer_was_suspended() -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    now = steady_time_ns()
    assert before <= now <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert steady_time() >= now / 1e9


@pytest.mark.parametrize('path', NODES, ids=lambda path: f'{path.parent.name}/{path.name}')
def test_nodes_use_no_clock_that_stands_still(path: Path) -> None:
    assert not re.search(r'\btime\.(monotonic|perf_counter)', path.read_text())
