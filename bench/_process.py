"""A child process for the duration of a context."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def process(*arguments: str, **options: Any) -> Iterator[subprocess.Popen]:
    """Start this interpreter with `arguments`; `options` are those of Popen."""
    popen = subprocess.Popen([sys.executable, *arguments], env=os.environ, **options)
    try:
        yield popen
    finally:
        popen.send_signal(signal.SIGINT)
        try:
            popen.wait(10)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
