"""`ros2 launch` at a terminal of its own, as a person starts and ends it; and what it starts."""

import fcntl
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lifecycle_msgs.srv import GetState
from robo_dopamine.msg import ArmState, Control

from robo_dopamine_ros.nodes.cell_client import CellClient
from robo_dopamine_ros.ros import topics

TESTS = Path(__file__).parents[1]
PATIENCE = 90.0  # [s] for a condition, on a machine that has much else to do
STARTED = re.compile(r'\[INFO\] \[(?P<title>\w+)-\d+\]: process started with pid \[(?P<pid>\d+)\]')
ACTIVE = 3  # lifecycle_msgs/msg/State
CTRL_C = b'\x03'


def missing() -> str:
    """Say why nothing can be launched here; empty: it can."""
    if importlib.util.find_spec('launch_ros') is None:
        return 'launch_ros is not installed; robo-dopamine up starts the same, see test/cli'
    if shutil.which('ros2') is None:
        return 'there is no command ros2'
    return ''


def until(condition: Callable[[], object], failure: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, failure()
        time.sleep(0.02)


class Terminal:
    """A program at a terminal of its own; use it as a context."""

    def __init__(self, *words: str) -> None:
        self.said = ''
        self._screen, slave = os.openpty()
        self.popen = subprocess.Popen(
            words,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=dict(os.environ, PYTHONPATH=f'{TESTS}{os.pathsep}{os.environ["PYTHONPATH"]}'),
        )
        os.close(slave)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> 'Terminal':
        return self

    def __exit__(self, *_: object) -> None:
        """End all, however the test went."""
        for pid in self.pids().values():
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.popen.kill()
        self.popen.wait()
        self._thread.join(timeout=5.0)
        os.close(self._screen)

    def _read(self) -> None:
        while True:
            try:
                self.said += os.read(self._screen, 65536).decode(errors='replace')
            except OSError:  # nobody has the terminal open any more
                return

    def pids(self) -> dict[str, int]:
        """Process ids by the executable's name; the newest, where one was started again."""
        return {match['title']: int(match['pid']) for match in STARTED.finditer(self.said)}

    def press(self, key: bytes) -> None:
        os.write(self._screen, key)

    def end(self) -> int:
        """Wait until it ended by itself; gives its exit code."""
        self.popen.wait(timeout=PATIENCE)
        self._thread.join(timeout=5.0)
        return self.popen.returncode


class Launch(Terminal):
    """One of our launch files."""

    def __init__(self, name: str, *arguments: str) -> None:
        super().__init__('ros2', 'launch', 'robo_dopamine', f'{name}.launch.py', *arguments)

    def kill(self, title: str) -> int:
        """Kill a process; gives its id."""
        pid = self.pids()[title]
        os.kill(pid, signal.SIGKILL)
        return pid


class Fake(Terminal):
    """A fake driver of `drivers/`."""

    def __init__(self, file: str, *arguments: str) -> None:
        super().__init__(sys.executable, str(TESTS / 'drivers' / file), *arguments)


class Listener(CellClient):
    """Also keeps what the gate says, and asks the reward node for its state."""

    def __init__(self, namespace: str = '') -> None:
        super().__init__('listener', namespace)
        self.controls: list[Control] = []
        self.arms: list[ArmState] = []
        self.subscribe(topics.CONTROL, lambda message: message, self.controls)
        self.subscribe(topics.ARM_STATE, lambda message: message, self.arms)
        self._client = self.node.create_client(GetState, 'reward/get_state')
        self._answer: Any = None
        self._asked = 0.0

    def active(self) -> bool:
        """Whether the reward node is; the answer of a process that died since counts not."""
        if self._answer and self._answer.done() and self._asked > time.monotonic() - 1.0:
            return self._answer.result().current_state.id == ACTIVE
        if self._client.service_is_ready() and self._asked < time.monotonic() - 1.0:
            self._asked = time.monotonic()
            self._answer = self._client.call_async(GetState.Request())
        return False


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
