"""Supervises the processes of a cell: starts, logs, restarts and stops them."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.text import Text

from robo_dopamine_ros.cli.console import StatusConsole
from robo_dopamine_ros.nodes.cell import Process
from robo_dopamine_ros.ros import shared_memory

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None)
STOP_TIMEOUTS = {signal.SIGINT: 5.0, signal.SIGTERM: 2.0, signal.SIGKILL: 5.0}  # [s] after each
HIDDEN_LEVELS = ('[INFO]', '[DEBUG]')
STAMP = re.compile(r'^\[\w+\] \[[\d.]+\] \[[^\]]+\]: ')  # level, time and node, as ROS logs them
EXIT_CONFIGURATION = 2  # exit code of a node with a wrong configuration, see ros/spin.py
MIN_LIFETIME = 5.0  # [s]
MAX_SHORT_LIVES = 3  # in a row; after them a process is not restarted
PALETTE = ('blue', 'magenta', 'green', 'yellow', 'cyan')

Log = Callable[[str, str], None]  # called with the title of a process and a line


def console_log(console: StatusConsole, verbose: bool) -> Log:
    """Return a log that prints the lines of every process in a colour of its own.

    Unless `verbose`, messages of HIDDEN_LEVELS are left out; the log files have all of them.
    """
    colours: dict[str, str] = {}

    def log(title: str, line: str) -> None:
        if verbose or not line.startswith(HIDDEN_LEVELS):
            colour = colours.setdefault(title, PALETTE[len(colours) % len(PALETTE)])
            console.print(Text.assemble((title, colour), f': {STAMP.sub("", line)}'))

    return log


class ProcessDiedError(RuntimeError):
    """A process of the cell ended and is not restarted; the text names it and its last line."""


class Supervisor:
    """Running processes; as a context manager it stops all of them at the end."""

    def __init__(
        self,
        processes: Sequence[Process],
        environment: Mapping[str, str],
        log: Log,
        folder: Path | None = None,
    ):
        """`folder` receives one log file per process."""
        self._processes = list(processes)
        self._environment = dict(environment) | {'PYTHONUNBUFFERED': '1'}
        self._log = log
        self._folder = folder
        self._running: dict[str, _Child] = {}
        self._short_lives: Counter[str] = Counter()  # in a row, by title

    def __enter__(self) -> 'Supervisor':
        shared_memory.remove_stale()  # segments of killed processes would fill the memory
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with _interrupts_deferred():
                for process in self._processes:
                    self._start(process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def check(self) -> None:
        """Restart processes that ended and may be; raises ProcessDiedError for any other."""
        for process in self._processes:
            child = self._running[process.title]
            code = child.popen.poll()
            if code is None:
                continue
            child.join()
            if not self._may_restart(process, child, code):
                raise ProcessDiedError(f'{process.title} {_ended(code)}{child.last_line}')
            self._log(process.title, f'{_ended(code)}; starting it again')
            self._start(process)

    def _may_restart(self, process: Process, child: '_Child', code: int) -> bool:
        short = time.monotonic() - child.started < MIN_LIFETIME
        self._short_lives[process.title] = self._short_lives[process.title] + 1 if short else 0
        lives = self._short_lives[process.title]
        return process.respawn and code != EXIT_CONFIGURATION and lives < MAX_SHORT_LIVES

    def pids(self) -> dict[str, int]:
        """Return the process ids by title."""
        return {title: child.popen.pid for title, child in self._running.items()}

    def stop(self) -> None:
        """Send SIGINT, SIGTERM and SIGKILL in turn to all processes that still run."""
        for number, timeout in STOP_TIMEOUTS.items():
            alive = [c for c in self._running.values() if c.popen.poll() is None]
            for child in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.popen.pid, number)
            deadline = time.monotonic() + timeout
            for child in alive:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.popen.wait(max(0.0, deadline - time.monotonic()))
        for child in self._running.values():
            child.join()

    def _start(self, process: Process) -> None:
        popen = subprocess.Popen(
            process.command(),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops them
            preexec_fn=_end_with_parent,
        )
        file = self._folder / f'{process.title}.log' if self._folder else None
        self._running[process.title] = child = _Child(popen, process.title, self._log, file)
        child.start()


class _Child:
    """A process and the thread that reads its output."""

    def __init__(self, popen: subprocess.Popen[str], title: str, log: Log, file: Path | None):
        self.popen = popen
        self.started = time.monotonic()
        self._title = title
        self._log = log
        self._file = file
        self._last = ''
        self._thread = threading.Thread(target=self._read, daemon=True, name=f'log of {title}')

    def start(self) -> None:
        """Start reading the output."""
        self._thread.start()

    def join(self) -> None:
        """Wait until the whole output has been read."""
        self._thread.join(timeout=2.0)

    @property
    def last_line(self) -> str:
        """The last line of output, and the log file."""
        line = f': {STAMP.sub("", self._last)}' if self._last else ' without a word'
        return f'{line} (all of it in {self._file})' if self._file else line

    def _read(self) -> None:
        path, output = self._file or Path(os.devnull), self.popen.stdout
        assert output is not None
        with path.open('a', encoding='utf-8', buffering=1) as file, output:
            for line in output:
                self._last = line.strip() or self._last
                file.write(line)
                self._log(self._title, line.rstrip('\n'))


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Defer Ctrl-C, so that every process that was started is also recorded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def _end_with_parent() -> None:
    """Have Linux send SIGTERM to the child when the supervisor ends, however it ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _ended(code: int) -> str:
    if code < 0:
        return f'was ended by {signal.Signals(-code).name}'
    return f'ended with exit code {code}'
