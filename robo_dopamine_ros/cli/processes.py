"""Starts the processes of a cell, gathers what they say, and stops them all."""

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

from robo_dopamine_ros.cli.screen import Screen
from robo_dopamine_ros.nodes.system import Process
from robo_dopamine_ros.ros import shared_memory

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None)
PATIENCE = {signal.SIGINT: 5.0, signal.SIGTERM: 2.0, signal.SIGKILL: 5.0}  # [s] after each
QUIET = ('[INFO]', '[DEBUG]')
STAMP = re.compile(r'^\[\w+\] \[[\d.]+\] \[[^\]]+\]: ')  # level, time and node, as ROS logs them
MENDABLE = 2  # exit code of a node that a person must mend first, see ros/run.py
SHORT, FEW = 5.0, 3  # who lives no longer [s] so many times in a row is not started again
PALETTE = ('blue', 'magenta', 'green', 'yellow', 'cyan')

Log = Callable[[str, str], None]  # process title, line


def screen_log(screen: Screen, verbose: bool) -> Log:
    """Show what processes say, each in its colour; unless `verbose`, what only informs is left out.

    All of it stands in the log files.
    """
    colours: dict[str, str] = {}

    def log(title: str, line: str) -> None:
        if verbose or not line.startswith(QUIET):
            colour = colours.setdefault(title, PALETTE[len(colours) % len(PALETTE)])
            screen.line(f'{screen.paint(title, colour)}: {STAMP.sub("", line)}')

    return log


class ProcessDiedError(RuntimeError):
    """A process of the cell ended though it should not have."""


class Cell:
    """Running processes; use it as a context, so that none is left behind."""

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
        self._short: Counter[str] = Counter()  # short lives in a row, by title

    def __enter__(self) -> 'Cell':
        shared_memory.sweep()  # what killed processes left would add up until memory is full
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with _interrupts_held():
                for process in self._processes:
                    self._start(process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def check(self) -> None:
        """Start again what may be; raise ProcessDiedError when another process ended."""
        for process in self._processes:
            child = self._running[process.title]
            code = child.popen.poll()
            if code is None:
                continue
            child.join()
            if not self._may_live_again(process, child, code):
                raise ProcessDiedError(f'{process.title} {_ended(code)}{child.last_words}')
            self._log(process.title, f'{_ended(code)}; starting it again')
            self._start(process)

    def _may_live_again(self, process: Process, child: '_Child', code: int) -> bool:
        short = time.monotonic() - child.born < SHORT
        self._short[process.title] = self._short[process.title] + 1 if short else 0
        return process.respawn and code != MENDABLE and self._short[process.title] < FEW

    def pids(self) -> dict[str, int]:
        """Process ids by title."""
        return {title: child.popen.pid for title, child in self._running.items()}

    def stop(self) -> None:
        """Ask all to stop, wait, and end those that do not."""
        for number, patience in PATIENCE.items():
            alive = [c for c in self._running.values() if c.popen.poll() is None]
            for child in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.popen.pid, number)
            deadline = time.monotonic() + patience
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
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop them in order
            preexec_fn=_die_with_parent,
        )
        file = self._folder / f'{process.title}.log' if self._folder else None
        self._running[process.title] = _Child(popen, process.title, self._log, file)


class _Child:
    """A process and the thread that reads what it prints."""

    def __init__(self, popen: subprocess.Popen[str], title: str, log: Log, file: Path | None):
        self.popen = popen
        self.born = time.monotonic()
        self._title = title
        self._log = log
        self._file = file
        self._last = ''
        self._thread = threading.Thread(target=self._read, daemon=True, name=f'log of {title}')
        self._thread.start()

    def join(self) -> None:
        """Wait until everything it printed has been read."""
        self._thread.join(timeout=2.0)

    @property
    def last_words(self) -> str:
        """Its last line, and where the others are."""
        said = f': {STAMP.sub("", self._last)}' if self._last else ' without a word'
        return f'{said} (all of it in {self._file})' if self._file else said

    def _read(self) -> None:
        with _opened(self._file) as write:
            assert self.popen.stdout is not None
            for line in self.popen.stdout:
                self._last = line.strip() or self._last
                write(line)
                self._log(self._title, line.rstrip('\n'))


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[Callable[[str], object]]:
    if path is None:
        yield lambda line: None
        return
    with path.open('a', encoding='utf-8', buffering=1) as file:
        yield file.write


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait until every process that was started is also known."""
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


def _die_with_parent() -> None:
    """Ask Linux to interrupt the child when we are gone, however we went."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _ended(code: int) -> str:
    if code < 0:
        return f'was ended by {signal.Signals(-code).name}'
    return f'ended with exit code {code}'
