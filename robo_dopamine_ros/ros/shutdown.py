"""Shutdown of nodes around two faults of Fast DDS 2.14.

Fast DDS never finishes deleting a participant while one of its discovery callbacks runs, where it
was built against glibc before 2.30, as its packages on PyPI are (eProsima/Fast-DDS, issue 6513):
`set_listener` waits for the callback with a mutex locked that the callback needs. The GIL is held
meanwhile, so that neither Ctrl-C nor SIGTERM ends the process.

A participant that got no processor for longer than a second is taken for dead by others, which
replace its shared-memory port. When it goes on, its receiving thread opens the new port and frees
the old one (`SharedMemManager::Listener::regenerate_port`); a participant that is deleted in the
same moment locks a mutex in the freed memory. The thread looks every third of a second, so on a
busy computer that time must pass before a participant is deleted.
"""

import faulthandler
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rclpy.node import Node

from robo_dopamine_ros.clock import steady_time

STDERR = 2  # its file descriptor, whatever sys.stderr is meanwhile
QUIET_TIME = 0.1  # without a change of the ROS graph, then no discovery callback runs [s]
BUSY_QUIET_TIME = 0.5  # the same on a computer with more to do than processors [s]
QUIET_TIMEOUT = 2.0  # after which the graph counts as never quiet [s]
SHUTDOWN_TIMEOUT = 5.0  # of a process, until it is ended in spite of the deadlock [s]


def destroy_when_quiet(node: Node) -> None:
    """Destroy a node once nothing appears in or leaves the ROS graph any more."""
    deadline, quiet = steady_time() + QUIET_TIMEOUT, _quiet_time()
    graph, since = _graph(node), steady_time()
    while steady_time() < min(since + quiet, deadline):
        time.sleep(0.01)
        before, graph = graph, _graph(node)
        if graph != before:
            since = steady_time()
    node.destroy_node()


@contextmanager
def limited_shutdown() -> Iterator[None]:
    """End the process with exit code 1 and a traceback if the block takes too long."""
    faulthandler.dump_traceback_later(SHUTDOWN_TIMEOUT, exit=True, file=STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _quiet_time() -> float:
    """Return for how long the graph must be quiet [s]."""
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    return BUSY_QUIET_TIME if busy else QUIET_TIME


def _graph(node: Node) -> Any:
    """Return nodes, topics, and how many publishers and subscriptions those have.

    None after a shutdown, which another thread may do at any time: the graph cannot be read then.
    """
    try:
        topics = sorted(name for name, _ in node.get_topic_names_and_types())
        counts = [(node.count_publishers(t), node.count_subscribers(t)) for t in topics]
        return sorted(node.get_node_names_and_namespaces()), topics, counts
    except RuntimeError:  # as RCLError is
        if node.context.ok():
            raise
        return None
