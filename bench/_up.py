"""A cell as a person starts it: `robo-dopamine up`, in a process of its own, and its nodes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

UP = 'up'  # the process that starts the others
STOP, GONE, POLL = 30.0, 20.0, 0.05  # [s]
MODULE = 'robo_dopamine_ros.nodes.'  # before the name of a node in its command line


class Up:
    """Started anew as often as need be; use it as a context, so that nothing is left behind."""

    def __init__(self, log: Path, *words: str) -> None:
        """`words` are those of `robo-dopamine up`; `log` is for what the cell says."""
        self.starts = 0
        self._command = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'up', *words]
        self._log = log
        self._popen: subprocess.Popen[bytes] | None = None
        self._nodes: set[int] = set()  # processes that were seen of the newest start

    def __enter__(self) -> 'Up':
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Run the one command."""
        self.starts += 1
        with self._log.open('ab') as log:
            self._popen = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the bench alone, which stops it in order
            )

    @property
    def alive(self) -> bool:
        """Whether the command still runs."""
        return self._popen is not None and self._popen.poll() is None

    def pids(self) -> dict[str, int]:
        """Process ids of the nodes that live, by name, and that of the command."""
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
        """End one by kill -9; gives its process id."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def last_words(self, count: int = 12) -> str:
        """The end of what the cell said."""
        lines = self._log.read_text(errors='replace').splitlines() if self._log.exists() else []
        return '\n'.join(lines[-count:])

    def wait_gone(self) -> None:
        """Wait until the command and all nodes ended; what does not is killed."""
        deadline = time.monotonic() + GONE
        while left := [pid for pid in self._nodes if _parent(Path('/proc') / str(pid)) is not None]:
            if time.monotonic() > deadline:
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL)
        if self._popen is not None:
            self._popen.wait(GONE)
        self._nodes.clear()

    def stop(self) -> None:
        """Press Ctrl-C, and wait until all has ended."""
        self.pids()
        if self._popen is not None and self.alive:
            self._popen.send_signal(signal.SIGINT)
            try:
                self._popen.wait(STOP)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self.wait_gone()


def _parent(entry: Path) -> int | None:
    """Process id of the parent; None of who has ended."""
    try:
        state, parent = (entry / 'stat').read_text().rpartition(')')[2].split()[:2]
    except OSError:
        return None
    return None if state == 'Z' else int(parent)


def _node(entry: Path) -> str:
    """Name of the node that a process is, empty if none."""
    try:
        words = (entry / 'cmdline').read_text().split('\0')
    except OSError:
        return ''
    return next((word.removeprefix(MODULE) for word in words if word.startswith(MODULE)), '')
