"""Ctrl-C in the verbs: quiet before a verb runs, and never lost while it does.

Python raises KeyboardInterrupt wherever it is; code of a library may turn that into another error,
or swallow it. `pressed` remembers it.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_INTERRUPTED = 130  # exit code
_presses: list[int] = []


def leave_at_once() -> None:
    """Let Ctrl-C end the process without a word; for its start, when nothing is open yet."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))


@contextmanager
def remembered() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, and remember it; for the work of a verb."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _on_interrupt)
    _presses.clear()
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is _on_interrupt:
            signal.signal(signal.SIGINT, before)


def pressed() -> bool:
    """Whether Ctrl-C was pressed since the verb began."""
    return bool(_presses)


def check() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed, and something swallowed it."""
    if _presses:
        raise KeyboardInterrupt


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    _presses.append(number)
    raise KeyboardInterrupt
