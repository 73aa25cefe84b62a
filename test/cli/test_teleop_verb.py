"""The verb teleop in a terminal of its own."""

import io
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from robo_dopamine_ros.cli.console import StatusConsole
from robo_dopamine_ros.cli.dds_domain import free_domain
from robo_dopamine_ros.cli.teleop import TeleopScreen

PATIENCE = 30.0  # [s]
VERB = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'teleop']


class Typist:
    """A terminal, the verb in it, and what it showed."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self.before = termios.tcgetattr(self.theirs)
        self.shown = ''
        env = dict(os.environ, ROS_DOMAIN_ID=str(free_domain()), COLUMNS='120')
        self.process = subprocess.Popen(
            VERB,
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            env=env,
            preexec_fn=self._own,
        )

    def _own(self) -> None:
        """Make it the terminal of the process, so that Ctrl-C reaches it."""
        os.setsid()
        os.close(os.open(os.ttyname(self.theirs), os.O_RDWR))

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def until(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, f'no {text!r} in {self.shown[-500:]!r}'
            if select.select([self._ours], [], [], 0.05)[0]:
                self.shown += os.read(self._ours, 4096).decode(errors='replace')


@pytest.fixture
def typist() -> Iterator[Typist]:
    typist = Typist()
    yield typist
    typist.process.kill()
    typist.process.wait()


def test_it_shows_keys_and_who_is_in_charge_and_gives_the_terminal_back(typist: Typist) -> None:
    typist.until('shift Z  rearm')
    typist.until('the gate is silent')
    typist.until('type a key once')
    typist.type('?')
    typist.until('dead-man released')
    typist.type('w')
    typist.until('nothing heard of the gate')
    typist.type(' ')
    typist.until('stop: nobody offers stop; the gate does not run')
    typist.type('\x03')
    assert typist.process.wait(PATIENCE) == 0
    assert termios.tcgetattr(typist.theirs) == typist.before


class Terminal(io.StringIO):
    """A terminal of a test, which keeps what was written."""

    def isatty(self) -> bool:
        return True


def test_messages_never_scroll_the_keys_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setenv('LINES', '24')
    monkeypatch.setenv('COLUMNS', '100')
    terminal = Terminal()
    console = StatusConsole(terminal)
    screen = TeleopScreen(console, ['w / s  forward / back', 'Z  rearm'])
    for number in range(40):
        screen.log(f'message {number}')
        screen.show(f'HOLD {number}')
    last = terminal.getvalue().rpartition('w / s')[2]
    assert 'Z  rearm' in last
    assert [f'message {n}' in last for n in (35, 36, 39)] == [False, True, True]
    assert 'HOLD 39' in last
    ups = terminal.getvalue().count('\x1b[1A')
    assert ups >= 39 * 6, 'every state is drawn over the one before'


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (['--set', 'joy.dead=1'], 'teleop.joy.dead: no such parameter'),
        (['--set', 'motion.limits.speed=-1'], 'motion.limits: speed = -1.0; it must be above 0'),
        ([], 'no terminal to read keys from'),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words: list[str], text: str) -> None:
    done = subprocess.run(
        [*VERB, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
