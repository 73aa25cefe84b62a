"""A terminal that gives every key at once, and is itself again afterwards."""

import atexit
import os
import select
import termios
import tty
from typing import TextIO


class NoTerminalError(RuntimeError):
    """The keyboard was asked for where there is none."""


class Terminal:
    """Reads keys without waiting; Ctrl-C still interrupts."""

    def __init__(self, stream: TextIO):
        if not stream.isatty():
            raise NoTerminalError('device = keyboard, but no terminal to read keys from')
        self._number = stream.fileno()
        self._before = termios.tcgetattr(self._number)
        atexit.register(self.close)
        tty.setcbreak(self._number)

    def read(self) -> str:
        """What was typed since the last call."""
        if not select.select([self._number], [], [], 0)[0]:
            return ''
        return os.read(self._number, 4096).decode(errors='ignore')

    def close(self) -> None:
        """Give the terminal back as it was."""
        atexit.unregister(self.close)
        termios.tcsetattr(self._number, termios.TCSADRAIN, self._before)
