"""The one threading pattern: slow work has one worker and a slot where the newest input wins."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar('T')


class Worker(Generic[T]):
    """Runs `work` on the newest input in a thread of its own, so that no callback ever waits.

    What is passed to `call` is never dropped and runs in order, before any waiting input.
    """

    def __init__(self, work: Callable[[T], None], failed: Callable[[Exception], None]):
        """`failed` hears, in the worker's thread, of exceptions that `work` did not handle."""
        self.replaced = 0  # inputs that a newer one replaced before they were begun
        self._work = work
        self._failed = failed
        self._calls: deque[Callable[[], None]] = deque()
        self._slot: list[T] = []
        self._open = True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name='worker', daemon=True)
        self._thread.start()

    def offer(self, item: T) -> None:
        """Leave the newest input; one that still waits is replaced."""
        with self._changed:
            self.replaced += len(self._slot)
            self._slot = [item]
            self._changed.notify()

    def call(self, action: Callable[[], None]) -> None:
        """Run an action in the worker's thread, after those passed before."""
        with self._changed:
            self._calls.append(action)
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """Actions called that were not begun; whoever calls many must look how many wait."""
        with self._changed:
            return len(self._calls)

    def forget(self) -> None:
        """Take back the input that waits, as when it belongs to an episode that ended."""
        with self._changed:
            self._slot = []

    def close(self, patience: float = 5.0) -> bool:
        """Finish what was called, drop what waits, and end; False if not done in `patience` [s]."""
        with self._changed:
            self._open = False
            self._slot = []
            self._changed.notify()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (action := self._next()) is not None:
            try:
                action()
            except Exception as error:  # the thread must outlive whatever the model throws
                self._failed(error)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._calls or self._slot or not self._open)
            if self._calls:
                return self._calls.popleft()
            if not self._slot:
                return None
            item = self._slot.pop()
            return lambda: self._work(item)
