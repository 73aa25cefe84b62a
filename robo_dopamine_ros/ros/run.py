"""Runs one node as a process: starts it, ends it cleanly, says in one line what went wrong."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node

from robo_dopamine_ros.ros import alone
from robo_dopamine_ros.ros.alone import NotAloneError
from robo_dopamine_ros.ros.params import ParameterError
from robo_dopamine_ros.ros.topics import Topic

FAULT = 2  # exit code for errors a person can mend
NOTICED = 0.5  # [s] from Ctrl-C until ROS shuts down at most


def run(
    make: Callable[[], Node], argv: Sequence[str] | None = None, sole: Topic | None = None
) -> int:
    """Spin the node until Ctrl-C or a shutdown of ROS; gives the process's exit code.

    It is the only one of its full name on this machine; `sole` is a topic on which it alone speaks
    all the time, so that one elsewhere is heard.
    A node's `close` is called before it is destroyed. A lifecycle node with `autostart` set is
    configured and activated at once; when that fails the process ends.
    """
    rclpy.init(args=list(argv) if argv is not None else None)
    node = None
    try:
        node = make()
        alone.claim(node.get_fully_qualified_name())
        if sole is not None and alone.reaches_others():
            alone.listen(node, sole)
        if not _start(node):
            return FAULT
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (ParameterError, NotAloneError) as error:
        print(f'{node.get_name() if node else "parameters"}: {error}', file=sys.stderr)
        return FAULT
    except (RuntimeError, SystemError):
        if not _ends():
            raise
        # Ctrl-C came in the middle of a message, which the middleware takes for an error
    finally:
        with _undisturbed():
            if node is not None:
                getattr(node, 'close', _nothing)()
                node.destroy_node()
            rclpy.try_shutdown()
    return 0


def _ends() -> bool:
    """Whether ROS is shutting down; the one who does it after Ctrl-C is another thread."""
    deadline = time.monotonic() + NOTICED
    while rclpy.ok() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not rclpy.ok()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore another Ctrl-C: a terminal and launch may both pass on the one a person pressed."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start(node: Node) -> bool:
    """Bring a lifecycle node to activity where it wants that; False if it could not."""
    if not isinstance(node, LifecycleNode) or not getattr(node, 'autostart', True):
        return True
    done = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() == done and node.trigger_activate() == done


def _nothing() -> None:
    """Stand in for `close` of nodes that have none."""
