"""What Fast DDS leaves behind in shared memory when a process is killed, and its removal.

A participant owns a segment `fastrtps_ID` (64 MiB in our profile) and holds the lock file
`fastrtps_ID_el` while it lives. Nobody frees the memory of one that was killed, so every start of a
cell sweeps. Ports stay: they are small, many processes share them, and participants take them over
by themselves.
"""

import contextlib
import fcntl
import time
from pathlib import Path

FOLDER = Path('/dev/shm')
PORT = '_port'
YOUNG = 5.0  # a file younger than this may not be locked yet [s]


def stale(folder: Path = FOLDER, now: float | None = None) -> list[Path]:
    """Files of Fast DDS whose owner is gone."""
    now = time.time() if now is None else now
    found: list[Path] = []
    for lock in sorted(folder.glob('fastrtps_*_el')):
        segment = lock.with_name(lock.name.removesuffix('_el'))
        present = [path for path in (segment, lock) if path.exists()]
        if PORT not in lock.name and _old(present, now) and not _locked(lock):
            found += present
    return found


def sweep(folder: Path = FOLDER) -> int:
    """Remove what is stale; gives the bytes freed."""
    freed = 0
    for path in stale(folder):
        with contextlib.suppress(OSError):
            freed += path.stat().st_blocks * 512
            path.unlink()
    return freed


def _old(files: list[Path], now: float) -> bool:
    try:
        return all(now - path.stat().st_ctime > YOUNG for path in files)
    except OSError:
        return False  # it went while we looked: its owner is at work


def _locked(path: Path) -> bool:
    try:
        with path.open('rb') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False
