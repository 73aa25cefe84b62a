"""Ensures that a node is the only one of its full name, so that two cells never command one arm.

On one machine a file lock ensures it, which the system releases when the process ends. On others,
if DDS discovery reaches them, messages on the node's topic show it; names in the graph do not,
because they outlive their processes.
"""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from rclpy.node import Node

from robo_dopamine_ros.clock import steady_time
from robo_dopamine_ros.ros.topics import Topic, sensor_data

DISCOVERY_TIME = 1.5  # [s] within which another publisher is usually discovered
LISTEN_TIME = 2.0  # [s] within which one that runs publishes
RETRIES = 10  # `owner_pid` of another process holds the lock for a moment


class AlreadyRunningError(RuntimeError):
    """A node of this full name runs already."""


def acquire_lock(name: str) -> int:
    """Lock a node's full name until the process ends; returns the lock's file descriptor.

    Raises AlreadyRunningError if another process holds it.
    """
    lock = _open(name)
    for _ in range(RETRIES):
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(OSError):  # another user's file: locked, not written
                os.truncate(lock, 0)
                os.pwrite(lock, str(os.getpid()).encode(), 0)
            return lock
        time.sleep(0.02)
    pid = _read_pid(lock)
    os.close(lock)
    raise AlreadyRunningError(_message([name], [pid]))


def check_not_running(names: Iterable[str]) -> None:
    """Raise AlreadyRunningError if a node of one of these full names runs on this machine."""
    held = {name: pid for name in names if (pid := owner_pid(name)) is not None}
    if held:
        raise AlreadyRunningError(_message(list(held), list(held.values())))


def owner_pid(name: str) -> str | None:
    """Return the id of the process that runs a node of this full name; None: no process."""
    lock = _open(name)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read_pid(lock)
    finally:
        os.close(lock)
    return None


def check_no_other_publisher(node: Node, topic: Topic) -> None:
    """Raise AlreadyRunningError if a message arrives on a topic that only `node` may publish.

    To be called after the node created its publisher and before it is spun.
    """
    name = node.resolve_topic_name(topic.name)
    subscription = node.create_subscription(
        topic.type, topic.name, lambda message: None, sensor_data(1)
    )
    started = steady_time()
    try:
        while steady_time() - started < (
            LISTEN_TIME if node.count_publishers(name) > 1 else DISCOVERY_TIME
        ):
            with subscription.handle:
                message = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if message is not None:
                raise AlreadyRunningError(
                    f'another {node.get_name()} speaks on {name}: stop that cell, '
                    'or give this one a namespace or ROS_DOMAIN_ID of its own'
                )
            time.sleep(0.02)
    finally:
        node.destroy_subscription(subscription)


def is_discovery_remote() -> bool:
    """Whether DDS discovery may reach other machines."""
    wide = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '') not in ('LOCALHOST', 'OFF')
    return wide and os.environ.get('ROS_LOCALHOST_ONLY') != '1'


def _open(name: str) -> int:
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    file = f'robo_dopamine-{domain}-{name.strip("/").replace("/", ".")}.lock'
    path = Path(tempfile.gettempdir(), file)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # it is another user's
        return os.open(path, os.O_RDONLY)


def _read_pid(lock: int) -> str:
    return os.pread(lock, 32, 0).decode() or 'unknown'


def _message(names: list[str], pids: list[str]) -> str:
    many = len(names) > 1
    if all(name.endswith('/teleop') for name in names):
        return (
            f'{names[0]} runs already on this machine (process {pids[0]}), and one device at '
            'a time drives an arm: start the cell by `robo-dopamine up --without teleop` to drive '
            'by `robo-dopamine teleop`, or end that process to drive by the device of the cell'
        )
    return (
        f'{", ".join(names)} {"run" if many else "runs"} already on this machine '
        f'(process{"es" if many else ""} {", ".join(pids)}): stop that cell, '
        'or give this one a namespace of its own'
    )
