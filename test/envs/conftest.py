"""One world and one rollout recorder for all tests, which reset them before use."""

from collections.abc import Iterator

import pytest

from robo_dopamine_ros.envs.rollouts import RolloutRecorder
from robo_dopamine_ros.sim.world import World


@pytest.fixture(scope='session')
def world() -> World:
    return World()


@pytest.fixture(scope='session')
def recorder() -> Iterator[RolloutRecorder]:
    with RolloutRecorder((64, 48)) as recorder:
        yield recorder
