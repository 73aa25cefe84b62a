"""One world for all tests, which reset it before use."""

import pytest

from robo_dopamine_ros.sim.world import World


@pytest.fixture(scope='session')
def world() -> World:
    return World()
