"""Removal of Fast DDS shared-memory segments whose process was killed.

A participant owns a segment `fastrtps_ID` (64 MiB in our profile) and locks the file
`fastrtps_ID_el` while it runs. The segment of a killed process is never freed, so stale ones are
removed whenever a cell starts. Port files stay: they are small and shared by many processes.
"""

import contextlib
import fcntl
import time
from pathlib import Path

SHM_DIR = Path('/dev/shm')
PORT = '_port'
MIN_AGE = 5.0  # [s] a younger file may not be locked yet


def stale_files(folder: Path = SHM_DIR, now: float | None = None) -> list[Path]:
    """Return the files of participants that no longer run."""
    now = time.time() if now is None else now
    found: list[Path] = []
    for lock in sorted(folder.glob('fastrtps_*_el')):
        segment = lock.with_name(lock.name.removesuffix('_el'))
        present = [path for path in (segment, lock) if path.exists()]
        if PORT not in lock.name and _old(present, now) and not _locked(lock):
            found += present
    return found


def remove_stale(folder: Path = SHM_DIR) -> int:
    """Remove stale files; returns the bytes freed."""
    freed = 0
    for path in stale_files(folder):
        with contextlib.suppress(OSError):
            freed += path.stat().st_blocks * 512
            path.unlink()
    return freed


def _old(files: list[Path], now: float) -> bool:
    try:
        return all(now - path.stat().st_ctime > MIN_AGE for path in files)
    except OSError:
        return False  # removed meanwhile by its owner


def _locked(path: Path) -> bool:
    try:
        with path.open('rb') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False
