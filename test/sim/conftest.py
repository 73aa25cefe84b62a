"""One world and one studio for all tests that do not change them."""

from collections.abc import Iterator

import pytest

from robo_dopamine_ros.sim.rollouts import Studio
from robo_dopamine_ros.sim.world import World


@pytest.fixture(scope='session')
def world() -> World:
    return World()


@pytest.fixture(scope='session')
def studio() -> Iterator[Studio]:
    with Studio((64, 48)) as studio:
        yield studio
