"""Types of command-line options: numbers within bounds, and outputs that can be written.

A value is refused while the arguments are parsed, before any work; the message has the value and
what would be right.
"""

import argparse
import math
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOTDIR
from pathlib import Path

MAX_WHOLE = 2**31 - 1  # what every library behind an option can hold
INTEGER = re.compile(r'[+-]?[0-9]{1,20}')


class OutputError(ValueError):
    """An output that cannot be written."""


@dataclass(frozen=True)
class Whole:
    """A whole number within `low` .. `high`, of `unit`."""

    low: int = 0
    high: int = MAX_WHOLE
    unit: str = ''

    def __call__(self, text: str) -> int:
        """Return the number; ArgumentTypeError for anything else."""
        if INTEGER.fullmatch(text) and self.low <= int(text) <= self.high:
            return int(text)
        limit = f'{self.low} or more' if self.high == MAX_WHOLE else f'{self.low} to {self.high}'
        kind = f'whole number of {self.unit}' if self.unit else 'whole number'
        raise argparse.ArgumentTypeError(f'{text!r} is not a {kind}, {limit}')


@dataclass(frozen=True)
class Real:
    """A finite number above `above`, up to `high`, in a unit."""

    above: float = -math.inf
    high: float = math.inf
    unit: str = ''

    def __call__(self, text: str) -> float:
        """Return the number; ArgumentTypeError for anything else."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isfinite(value) and self.above < value <= self.high:
            return value
        limits = [f'above {self.above:g}'] if math.isfinite(self.above) else []
        limits += [f'up to {self.high:g}'] if math.isfinite(self.high) else []
        kind = f'number of {self.unit}' if self.unit else 'number'
        limit = f', {", ".join(limits)}' if limits else ''
        raise argparse.ArgumentTypeError(f'{text!r} is not a {kind}{limit}')


SEED = Whole(0)


def output_dir(text: str) -> Path:
    """Return the path of a folder that can be made and written; ArgumentTypeError if it cannot."""
    return _checked(Path(text), check_writable_dir)


def output_file(text: str) -> Path:
    """Return the path of a file that can be made and written; ArgumentTypeError if it cannot."""
    return _checked(Path(text), check_writable_file)


def check_writable_dir(folder: Path) -> None:
    """Raise OutputError unless files can be made in a folder, which need not exist yet."""
    with _refusing(folder):
        _make_file_below(folder)


def check_writable_file(path: Path) -> None:
    """Raise OutputError unless a file can be made, or changed where it exists."""
    with _refusing(path):
        if path.exists():
            path.open('ab').close()
        else:
            _make_file_below(path.parent)


def _make_file_below(folder: Path) -> None:
    """Make a file without a name, of which nothing is left, in a folder or where it would be."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(ENOTDIR, f'{existing} is no folder')
    with tempfile.TemporaryFile(dir=existing) as file:
        file.write(bytes(4096))


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f'{path} cannot be written: {error.strerror}; name another') from None


def _checked(path: Path, check: Callable[[Path], None]) -> Path:
    try:
        check(path)
    except OutputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return path
