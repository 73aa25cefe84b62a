"""Nodes are destroyed when the ROS graph is quiet; a shutdown that hangs ends the process."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.ros import environment

environment.activate()

from robo_dopamine_ros.ros import shutdown  # noqa: E402 (needs the environment)

HANGS_WITH_GIL = """
import ctypes
from robo_dopamine_ros.ros import shutdown

shutdown.SHUTDOWN_TIMEOUT = 0.2
with shutdown.limited_shutdown():
    ctypes.PyDLL(None).sleep(60)
"""


class FakeNode:
    """A node in a graph that changes with each of the first looks."""

    def __init__(self, clock: 'FakeClock', changes: int, valid: bool) -> None:
        self.context = SimpleNamespace(ok=lambda: valid)
        self.destroyed = False
        self.last_change = 0.0
        self._clock, self._changes = clock, changes

    def get_topic_names_and_types(self) -> list[tuple[str, list[str]]]:
        if not self.context.ok():
            raise RuntimeError("rcl node's context is invalid")
        if self._changes:
            self._changes, self.last_change = self._changes - 1, self._clock.now
        return [(f'/topic_{self._changes}', ['std_msgs/msg/Bool'])]

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        return [('node', '/')]

    def count_publishers(self, _: str) -> int:
        return 1

    count_subscribers = count_publishers

    def destroy_node(self) -> None:
        self.destroyed = True


class FakeClock:
    """A clock that only moves by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(changes=st.integers(0, 1000), valid=st.booleans(), load=st.sampled_from([0.0, 1e3]))
def test_a_node_is_destroyed_after_quiet_or_after_the_timeout(
    changes: int, valid: bool, load: float
) -> None:
    clock = FakeClock()
    node = FakeNode(clock, changes, valid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutdown, 'steady_time', lambda: clock.now)
        patch.setattr(shutdown, 'time', clock)
        patch.setattr(os, 'getloadavg', lambda: (load, 0.0, 0.0))
        shutdown.destroy_when_quiet(node)  # type: ignore[arg-type]
    assert node.destroyed
    time = shutdown.BUSY_QUIET_TIME if load else shutdown.QUIET_TIME
    quiet = clock.now - node.last_change >= time - 1e-9
    assert quiet or clock.now >= shutdown.QUIET_TIMEOUT
    assert clock.now <= shutdown.QUIET_TIMEOUT + 0.02


def test_a_process_whose_shutdown_hangs_with_the_gil_ends_and_says_where() -> None:
    command = [sys.executable, '-c', HANGS_WITH_GIL]
    done = subprocess.run(
        command, env=environment.process_environment(), capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 1
    assert 'Timeout' in done.stderr
