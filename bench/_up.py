"""`robo-dopamine up` in a process of its own, and the processes of its nodes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

UP = 'up'  # key of the command's own process
STOP_TIMEOUT, NODES_TIMEOUT, POLL_PERIOD = 30.0, 20.0, 0.05  # [s]
MODULE = 'robo_dopamine_ros.nodes.'  # before the name of a node in its command line


class UpCommand:
    """One call of the command, repeatable; as a context manager it stops all at the end."""

    def __init__(self, log: Path, *words: str) -> None:
        """`words` are the arguments of the command; `log` receives its output."""
        self.starts = 0
        self._command = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'up', *words]
        self._log = log
        self._popen: subprocess.Popen[bytes] | None = None
        self._nodes: set[int] = set()  # process ids of the newest start

    def __enter__(self) -> 'UpCommand':
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the command."""
        self.starts += 1
        with self._log.open('ab') as log:
            self._popen = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the bench only, which stops it
            )

    @property
    def alive(self) -> bool:
        """Whether the command runs."""
        return self._popen is not None and self._popen.poll() is None

    def pids(self) -> dict[str, int]:
        """Return the process ids of the running nodes by name, and of the command as UP."""
        if self._popen is None or not self.alive:
            return {}
        found = {UP: self._popen.pid}
        for entry in Path('/proc').iterdir():
            if entry.name.isdecimal() and _parent(entry) == self._popen.pid:
                name = _node(entry)
                if name:
                    found[name] = int(entry.name)
        self._nodes |= {*found.values()} - {self._popen.pid}
        return found

    def kill(self, name: str) -> int:
        """Kill one with SIGKILL; returns its process id."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def log_tail(self, count: int = 12) -> str:
        """Return the last lines of the output."""
        lines = self._log.read_text(errors='replace').splitlines() if self._log.exists() else []
        return '\n'.join(lines[-count:])

    def wait_stopped(self) -> None:
        """Wait until the command and all nodes ended; kill those that do not."""
        deadline = time.monotonic() + NODES_TIMEOUT
        while left := [pid for pid in self._nodes if _parent(Path('/proc') / str(pid)) is not None]:
            if time.monotonic() > deadline:
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_PERIOD)
        if self._popen is not None:
            self._popen.wait(NODES_TIMEOUT)
        self._nodes.clear()

    def stop(self) -> None:
        """Send Ctrl-C and wait until all processes ended."""
        self.pids()
        if self._popen is not None and self.alive:
            self._popen.send_signal(signal.SIGINT)
            try:
                self._popen.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self.wait_stopped()


def _parent(entry: Path) -> int | None:
    """Return the process id of the parent; None if the process has ended."""
    try:
        state, parent = (entry / 'stat').read_text().rpartition(')')[2].split()[:2]
    except OSError:
        return None
    return None if state == 'Z' else int(parent)


def _node(entry: Path) -> str:
    """Return the name of the node that a process runs; empty: none."""
    try:
        words = (entry / 'cmdline').read_text().split('\0')
    except OSError:
        return ''
    return next((word.removeprefix(MODULE) for word in words if word.startswith(MODULE)), '')
