"""Processes of a test and what they publish."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from robo_dopamine_ros.nodes.cell_client import CellClient
from robo_dopamine_ros.ros import topics

HERE = Path(__file__).parent
PATIENCE = 40.0  # [s] for a condition, on a machine that has much else to do
EPISODE_MANAGER = ['-m', 'robo_dopamine_ros.nodes.episode_manager']
REWARD = [str(HERE / 'reward_process.py')]


class Child:
    """One process, ended at the latest when the test ends."""

    def __init__(self, arguments: list[str], *parameters: str) -> None:
        words = [word for parameter in parameters for word in ('-p', parameter)]
        path = os.pathsep.join([str(HERE.parent), os.environ['PYTHONPATH']])
        self.popen = subprocess.Popen(
            [sys.executable, *arguments, *(['--ros-args', *words] if words else [])],
            env=dict(os.environ, PYTHONPATH=path),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def say(self, line: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(line + '\n')
        self.popen.stdin.flush()

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; gives exit code and errors."""
        self.popen.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        errors = self.popen.communicate(timeout=PATIENCE)[1]
        return self.popen.returncode, errors

    def kill(self) -> None:
        self.popen.kill()
        self.popen.communicate()


class Watcher(CellClient):
    """Also keeps the newest diagnostics by name, and waits."""

    def __init__(self) -> None:
        super().__init__('watcher')
        self.health: dict[str, DiagnosticStatus] = {}
        self.subscribe(topics.DIAGNOSTICS, self._take, [])

    def _take(self, message: DiagnosticArray) -> None:
        self.health.update({status.name: status for status in message.status})

    def until(self, condition: Callable[[], bool], failure: str) -> None:
        """Wait for a condition with a deadline."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, failure
            time.sleep(0.01)

    def said(self, name: str) -> str:
        return self.health[name].message if name in self.health else ''

    def call(self, service: topics.Service, request: Any) -> Any:
        """Ask until answered; only for requests that may be repeated."""
        client = self.node.create_client(service.type, service.name)
        self.until(client.service_is_ready, f'{service.name} is not offered')
        futures = [client.call_async(request)]
        asked = time.monotonic()

        def answered() -> bool:
            nonlocal asked
            if time.monotonic() > asked + 1.0:  # DDS may lose answers to a client just discovered
                futures.append(client.call_async(request))
                asked = time.monotonic()
            return any(future.done() for future in futures)

        self.until(answered, f'{service.name} was not answered')
        self.node.destroy_client(client)
        return next(future.result() for future in futures if future.done())


@contextmanager
def running_nodes(cell: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Run nodes of the package, each with its parameters; their output is shown on a failure."""
    children = [
        Child(['-m', f'robo_dopamine_ros.nodes.{node}'], *given) for node, given in cell.items()
    ]
    yield
    for child in children:
        child.popen.kill()
        print(child.wait()[1])
