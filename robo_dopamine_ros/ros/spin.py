"""Runs one node as a process: starts it, shuts it down cleanly, prints errors in one line."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros import single_instance
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.ros.shutdown import destroy_when_quiet, limited_shutdown
from robo_dopamine_ros.ros.single_instance import AlreadyRunningError
from robo_dopamine_ros.ros.topics import Topic

EXIT_CONFIGURATION = 2  # exit code for errors of the user
SHUTDOWN_NOTICE = 0.5  # [s] from Ctrl-C until ROS shuts down at most


def run_node(
    make: Callable[[], Node], argv: Sequence[str] | None = None, exclusive: Topic | None = None
) -> int:
    """Spin the node until Ctrl-C or a shutdown of ROS; returns the exit code of the process.

    The node must be the only one of its full name on this machine. `exclusive` is a topic that it
    alone publishes, continuously, so that a second one on another machine is detected. The node's
    `close` is called before it is destroyed. A lifecycle node with `autostart` is configured and
    activated at once; the process ends if that fails.
    """
    rclpy.init(args=list(argv) if argv is not None else None)
    node = None
    try:
        node = make()
        single_instance.acquire_lock(node.get_fully_qualified_name())
        if exclusive is not None and single_instance.is_discovery_remote():
            single_instance.check_no_other_publisher(node, exclusive)
        if not _activate(node):
            return EXIT_CONFIGURATION
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (ParameterError, AlreadyRunningError) as error:
        print(f'{node.get_name() if node else "parameters"}: {error}', file=sys.stderr)
        return EXIT_CONFIGURATION
    except (RuntimeError, SystemError):
        if not _is_shutting_down():
            raise
        # Ctrl-C interrupted the middleware within a message, which it reports as an error
    finally:
        with _interrupts_ignored(), limited_shutdown():
            if node is not None:
                getattr(node, 'close', _nothing)()
                destroy_when_quiet(node)
            rclpy.try_shutdown()
    return 0


def _is_shutting_down() -> bool:
    """Whether ROS shuts down soon; after Ctrl-C another thread does it."""
    deadline = steady_time() + SHUTDOWN_NOTICE
    while rclpy.ok() and steady_time() < deadline:
        time.sleep(0.01)
    return not rclpy.ok()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore a second SIGINT: a terminal and launch may both forward one Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _activate(node: Node) -> bool:
    """Configure and activate a lifecycle node with `autostart`; returns whether it succeeded."""
    if not isinstance(node, LifecycleNode) or not getattr(node, 'autostart', True):
        return True
    done = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() == done and node.trigger_activate() == done


def _nothing() -> None:
    """Replace `close` of nodes that have none."""
