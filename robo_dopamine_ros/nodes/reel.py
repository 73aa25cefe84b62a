"""Everything slow of recording episodes: in one worker and in order, so that no callback waits."""

import os
from collections.abc import Callable
from pathlib import Path

from robo_dopamine_ros.data.recording import Account, Draft, sweep
from robo_dopamine_ros.ros.worker import Worker
from robo_dopamine_ros.types import Views

MOST = 20  # sets of pictures in memory that wait for the disk
NICE = 10  # the worker stands back behind all that moves the arm
LEAVE = 4.0  # [s] to finish what was begun when the node ends


class Reel:
    """Writes one episode after the other; methods return at once."""

    def __init__(self, folder: Path, layout: str, settled: Callable[[], object]) -> None:
        """`settled` is called in the worker's thread when `ended` or `fault` may have changed.

        Raises OSError where nothing can be written into the folder.
        """
        self.ended = ''  # id of the episode that was settled last: written, or not to be
        self.fault = ''  # why nothing can be written
        self.refusal = ''  # why the newest episode that was wanted was not written
        self.written = self.failed = 0  # episodes
        self.left = 0  # sets of pictures for which the disk was too slow
        self._folder, self._layout, self._settled = folder, layout, settled
        self._draft: Draft | None = None
        self._try()
        sweep(folder)
        self._worker: Worker[None] = Worker(lambda _: None, self._fail)
        self._worker.call(_stand_back)

    def begin(self, name: str) -> None:
        """An episode begins."""
        self._worker.call(lambda: self._begin(name))

    def shoot(self, convert: Callable[[], Views | None]) -> None:
        """One set of pictures, to be converted in the worker."""
        if self._worker.waiting < MOST:
            self._worker.call(lambda: self._shoot(convert))
        else:
            self.left += 1

    def finish(self, name: str, account: Account | None) -> None:
        """The episode is over; without an account it is not to be written."""
        self._worker.call(lambda: self._finish(name, account))

    def retry(self) -> None:
        """Try whether files can be written again."""
        self._worker.call(self._try)

    def close(self) -> None:
        """End; what was begun and not finished leaves nothing."""
        self._worker.call(self._discard)
        self._worker.close(LEAVE)

    def _begin(self, name: str) -> None:
        self._discard()
        self._draft = Draft(self._folder, name, self._layout)

    def _shoot(self, convert: Callable[[], Views | None]) -> None:
        if self._draft is not None and (views := convert()) is not None:
            self._draft.add(views)

    def _finish(self, name: str, account: Account | None) -> None:
        draft, self._draft = self._draft, None
        written = False
        try:
            if account is not None and draft is not None:
                draft.finish(account)
                written = True
                self.refusal = ''
        finally:
            if draft is not None:
                draft.discard()
            self.written, self.failed = (
                self.written + written,
                self.failed + (account is not None and not written),
            )
            self.ended = name
            self._settled()

    def _discard(self) -> None:
        if self._draft is not None:
            self._draft.discard()
        self._draft = None

    def _try(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        probe = self._folder / '.probe'
        probe.write_bytes(bytes(4096))
        probe.unlink()
        if self.fault:
            self.fault = ''
            self._settled()

    def _fail(self, error: Exception) -> None:
        """Leave the episode that could not be written, and say why."""
        if isinstance(error, OSError):
            self.fault = f'{error}; free space, or make it writable'
        else:
            self.refusal = str(error) or repr(error)
        self._discard()
        self._settled()


def _stand_back() -> None:
    """Lower the priority of this thread; Linux has one for each."""
    os.nice(NICE)
