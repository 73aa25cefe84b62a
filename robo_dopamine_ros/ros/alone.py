"""Whether a node is the only one of its name: two cells in one namespace would fight over the arm.

On this machine a lock says so, which ends with its process however that ends. Beyond it, where the
middleware may reach others, counts who is heard: names in the graph outlive those they belonged to.
"""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from rclpy.node import Node

from robo_dopamine_ros.ros.topics import Topic, newest

DISCOVERY = 1.5  # another publisher is discovered within, as a rule [s]
LIFE = 2.0  # and heard within, if it lives [s]
RETRIES = 10  # somebody may just be looking at the lock


class NotAloneError(RuntimeError):
    """A node of this name runs already."""


def claim(name: str) -> int:
    """Lock a node's full name until the process ends; gives the lock's file descriptor.

    Raises NotAloneError when another process has it.
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
    process = _text(lock)
    os.close(lock)
    raise NotAloneError(_words([name], [process]))


def check(names: Iterable[str]) -> None:
    """Raise NotAloneError when nodes of these full names run on this machine."""
    held = {name: process for name in names if (process := holder(name)) is not None}
    if held:
        raise NotAloneError(_words(list(held), list(held.values())))


def holder(name: str) -> str | None:
    """Give the id of the process that runs a node of this full name; None: nobody does."""
    lock = _open(name)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _text(lock)
    finally:
        os.close(lock)
    return None


def listen(node: Node, topic: Topic) -> None:
    """Raise NotAloneError when another is heard on a topic on which `node` alone should speak.

    Meant for a node that has its publisher and was not spun yet, so that it was silent itself.
    """
    name = node.resolve_topic_name(topic.name)
    ear = node.create_subscription(topic.type, topic.name, lambda message: None, newest(1))
    began = time.monotonic()
    try:
        while time.monotonic() - began < (LIFE if node.count_publishers(name) > 1 else DISCOVERY):
            with ear.handle:
                heard = ear.handle.take_message(ear.msg_type, ear.raw)
            if heard is not None:
                raise NotAloneError(
                    f'another {node.get_name()} speaks on {name}: stop that cell, '
                    'or give this one a namespace or ROS_DOMAIN_ID of its own'
                )
            time.sleep(0.02)
    finally:
        node.destroy_subscription(ear)


def reaches_others() -> bool:
    """Whether the middleware may talk with other machines."""
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


def _text(lock: int) -> str:
    return os.pread(lock, 32, 0).decode() or 'unknown'


def _words(names: list[str], processes: list[str]) -> str:
    many = len(names) > 1
    return (
        f'{", ".join(names)} {"run" if many else "runs"} already on this machine '
        f'(process{"es" if many else ""} {", ".join(processes)}): stop that cell, '
        'or give this one a namespace of its own'
    )
