"""A worker thread for slow work: the newest input replaces one that still waits."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar('T')


class Worker(Generic[T]):
    """Runs `work` on the newest input in its own thread, so that callbacks never wait.

    Actions passed to `call` are never dropped and run in order, before a waiting input. The thread
    starts with the first input or action.
    """

    def __init__(self, work: Callable[[T], None], on_error: Callable[[Exception], None]):
        """`on_error` gets, in the worker's thread, exceptions that `work` did not handle."""
        self.dropped = 0  # inputs that a newer one replaced before they were processed
        self._work = work
        self._on_error = on_error
        self._calls: deque[Callable[[], None]] = deque()
        self._slot: list[T] = []
        self._open = True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name='worker', daemon=True)

    def offer(self, item: T) -> None:
        """Set the newest input; one that still waits is replaced."""
        with self._changed:
            self.dropped += len(self._slot)
            self._slot = [item]
            self._wake()

    def call(self, action: Callable[[], None]) -> None:
        """Run an action in the worker's thread, after those passed before."""
        with self._changed:
            self._calls.append(action)
            self._wake()

    @property
    def pending(self) -> int:
        """Number of actions that wait; it is not limited, so frequent callers must check it."""
        with self._changed:
            return len(self._calls)

    def discard(self) -> None:
        """Drop the input that waits, for example when its episode ended."""
        with self._changed:
            self._slot = []

    def close(self, patience: float = 5.0) -> bool:
        """Run the waiting actions, drop the waiting input and stop the thread.

        Returns False if that is not done within `patience` [s].
        """
        with self._changed:
            self._open = False
            self._slot = []
            self._wake()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _wake(self) -> None:
        if self._thread.ident is None:
            self._thread.start()
        self._changed.notify()

    def _run(self) -> None:
        while (action := self._next()) is not None:
            try:
                action()
            except Exception as error:  # the thread must survive any exception of the work
                self._on_error(error)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._calls or self._slot or not self._open)
            if self._calls:
                return self._calls.popleft()
            if not self._slot:
                return None
            item = self._slot.pop()
            return lambda: self._work(item)
