"""Makes the built interfaces importable and gives every test a DDS domain of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from robo_dopamine_ros.ros import environment

os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
environment.activate()

import rclpy  # noqa: E402 (needs the environment)
from processes import Watcher  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.signals import SignalHandlerOptions  # noqa: E402

from robo_dopamine_ros.cli.dds_domain import free_domain  # noqa: E402
from robo_dopamine_ros.ros.shutdown import destroy_when_quiet  # noqa: E402


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> int:
    """A DDS domain that nobody else uses."""
    monkeypatch.delenv('ROS_DOMAIN_ID', raising=False)
    number = free_domain()
    monkeypatch.setenv('ROS_DOMAIN_ID', str(number))
    return number


class Bench:
    """A node of the test and what spins it."""

    def __init__(self, arguments: list[str]) -> None:
        self.context = rclpy.Context()
        rclpy.init(
            args=arguments, context=self.context, signal_handler_options=SignalHandlerOptions.NO
        )
        self.node: Node = rclpy.create_node('bench', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def close(self) -> None:
        others = [node for node in self.executor.get_nodes() if node is not self.node]
        self.executor.shutdown()
        for node in others:  # else they would live on in the domain of a later test
            node.destroy_node()
        destroy_when_quiet(self.node)
        self.context.try_shutdown()


@pytest.fixture
def bench(domain: int) -> Iterator[Bench]:
    """A node without parameters, to be spun by the test."""
    bench = Bench([])
    yield bench
    bench.close()


@pytest.fixture
def watcher(domain: int) -> Iterator[Watcher]:
    """A client of the cell under test."""
    with Watcher() as watcher:
        yield watcher


@pytest.fixture
def here() -> Path:
    return Path(__file__).parent
