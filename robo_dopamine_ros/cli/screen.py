"""A terminal with one line that changes and lines that stay."""

import os
import re
import shutil
import sys
import threading
from typing import TextIO

RESET = '\033[0m'
COLOURS = {'red': 31, 'green': 32, 'yellow': 33, 'blue': 34, 'magenta': 35, 'cyan': 36, 'dim': 2}
COLOUR = re.compile(r'(\033\[\d+m)')
BLOCKS = ' ▏▎▍▌▋▊▉█'
ASCII_BLOCKS = ' ....####'


def cut(text: str, width: int) -> str:
    """Shorten a text to `width` visible characters; colours take no room and are ended."""
    kept, room = '', width
    for part in COLOUR.split(text):
        kept += part if COLOUR.fullmatch(part) else part[:room]
        room -= 0 if COLOUR.fullmatch(part) else len(part[:room])
    return kept


class Screen:
    """Prints from any thread; where no person watches, the changing line becomes rare lines.

    `every` is the number of calls of `status` per line printed when the stream is no terminal.
    """

    def __init__(self, stream: TextIO | None = None, every: int = 20):
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty() and os.environ.get('TERM') != 'dumb'
        self._coloured = self._live and 'NO_COLOR' not in os.environ
        self._unicode = 'utf' in (self._stream.encoding or '').lower()
        self._every = every
        self._calls = 0
        self._status = ''
        self._lock = threading.Lock()

    def line(self, text: str = '') -> None:
        """Print a line that stays."""
        with self._lock:
            self._wipe()
            self._stream.write(text + '\n')
            self._stream.write(self._status)
            self._stream.flush()

    def status(self, text: str) -> None:
        """Replace the changing line."""
        with self._lock:
            self._calls += 1
            if self._live:
                self._wipe()
                self._status = cut(text, shutil.get_terminal_size().columns - 1)
                self._stream.write(self._status)
            elif self._calls % self._every == 1:
                self._stream.write(text + '\n')
            self._stream.flush()

    def end_status(self) -> None:
        """Keep what the changing line says last and go below it."""
        with self._lock:
            if self._status:
                self._stream.write('\n')
                self._status = ''
                self._stream.flush()
            self._calls = 0

    def paint(self, text: str, colour: str) -> str:
        """Colour a text where the terminal can and wants it."""
        return f'\033[{COLOURS[colour]}m{text}{RESET}' if self._coloured else text

    def bar(self, fraction: float, width: int = 24) -> str:
        """Draw a fraction in 0..1 as a bar of `width` characters."""
        blocks = BLOCKS if self._unicode else ASCII_BLOCKS
        eighths = round(min(1.0, max(0.0, fraction)) * width * 8)
        whole, rest = divmod(eighths, 8)
        drawn = blocks[8] * whole + (blocks[rest] if whole < width else '')
        return drawn.ljust(width)[:width]

    def _wipe(self) -> None:
        if self._live and self._status:
            self._stream.write('\r\033[2K')
