"""Makes the interfaces importable, and gives every test a DDS domain that nobody else uses."""

import os

import pytest

from robo_dopamine_ros.ros import environment

os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
environment.activate()

from robo_dopamine_ros.cli.dds_domain import free_domain  # noqa: E402 (needs the environment)


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> int:
    number = free_domain()
    monkeypatch.setenv('ROS_DOMAIN_ID', str(number))
    return number
