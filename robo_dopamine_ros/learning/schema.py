"""The file that experience lies in: its tables, who may open it, and what went wrong.

An SQLite database in WAL mode: one process writes, others read meanwhile. Rows are only added,
frames and steps by number, so readers follow at the cost of what is new.
"""

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

APPLICATION, VERSION = 0x446F7061, 1  # 'Dopa' in the file's header; the tables below
BUSY = 10.0  # [s] to wait for a lock
TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE actors (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, epoch INTEGER NOT NULL, UNIQUE (run, epoch)
);
CREATE TABLE episodes (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, number INTEGER, task TEXT,
    outcome INTEGER, decided_by TEXT, ended INTEGER, borne_by INTEGER
);
CREATE TABLE frames (
    id INTEGER PRIMARY KEY, actor INTEGER NOT NULL, episode INTEGER NOT NULL,
    stamp INTEGER NOT NULL, features BLOB NOT NULL, state BLOB NOT NULL,
    UNIQUE (episode, stamp, actor)
);
CREATE TABLE steps (
    id INTEGER PRIMARY KEY, actor INTEGER NOT NULL, sequence INTEGER NOT NULL,
    episode INTEGER NOT NULL, begin INTEGER NOT NULL, end INTEGER NOT NULL,
    mode INTEGER NOT NULL, sent BLOB NOT NULL, policy_version INTEGER NOT NULL,
    demonstration INTEGER NOT NULL, UNIQUE (actor, sequence)
);
CREATE TABLE readings (
    episode INTEGER NOT NULL, stamp INTEGER NOT NULL, progress REAL NOT NULL,
    PRIMARY KEY (episode, stamp)
) WITHOUT ROWID;
CREATE TABLE potentials (frame INTEGER PRIMARY KEY, value REAL NOT NULL);
CREATE TABLE transitions (
    step INTEGER PRIMARY KEY, reward REAL NOT NULL, success REAL NOT NULL,
    discount REAL NOT NULL, terminated INTEGER NOT NULL, truncated INTEGER NOT NULL
);
"""
CURES = {  # part of what SQLite says -> what helps
    'full': 'free space, then start again',
    'disk I/O': 'look after the disk, then start again',
    'readonly': 'make the file and its folder writable',
    'read-only': 'make the file and its folder writable',
    'unable to open': 'its folder must exist and be writable',
    'locked': 'another process holds it; end that one',
    'not a database': 'it is another kind of file; name another path',
    'malformed': 'the file is damaged; restore a copy',
}


class StoreError(RuntimeError):
    """Experience that cannot be kept or read; the text names the file, the reason and the cure."""


@contextmanager
def telling(path: Path, doing: str) -> Iterator[None]:
    """Turn what SQLite and the system say into one StoreError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        text = str(error)
        cure = next((cure for part, cure in CURES.items() if part in text), 'see the reason')
        raise StoreError(
            f'{path}: {doing}: {text}; everything announced before is kept; {cure}'
        ) from error


def claim(path: Path) -> IO[str]:
    """Become the only writer, until the file given is closed or the process ends, however."""
    lock = path.with_name(path.name + '.lock').open('a')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StoreError(f'{path}: another process writes it; a store has one writer') from None
    return lock


def writable(path: Path, facts: Mapping[str, Any], limit: int) -> sqlite3.Connection:
    """Open for writing, made anew where there is none; commits survive power loss.

    Any thread may write, one at a time. `limit` is the largest size of the file [bytes], 0: none.
    """
    db = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        db.execute('PRAGMA journal_mode = WAL')
        db.execute('PRAGMA synchronous = FULL')
        if not db.execute('SELECT count(*) FROM sqlite_master').fetchone()[0]:
            _create(db, facts)
        check(db, path, facts)
        if limit:
            page = db.execute('PRAGMA page_size').fetchone()[0]
            db.execute(f'PRAGMA max_page_count = {max(1, limit // page)}')
    except BaseException:
        db.close()
        raise
    return db


def readable(path: Path) -> sqlite3.Connection:
    """Open for reading beside the writer; any thread may read, one at a time."""
    if not path.is_file():
        raise StoreError(f'{path}: there is no experience; it is made by what records it')
    place = f'{path.absolute().as_uri()}?mode=ro'
    db = sqlite3.connect(place, timeout=BUSY, uri=True, check_same_thread=False)
    try:
        check(db, path, {})
    except BaseException:
        db.close()
        raise
    return db


def facts_of(db: sqlite3.Connection) -> dict[str, Any]:
    """What holds for the whole store, by name."""
    return {name: json.loads(value) for name, value in db.execute('SELECT * FROM facts')}


def check(db: sqlite3.Connection, path: Path, facts: Mapping[str, Any]) -> None:
    """Raise StoreError unless the file is ours, of this version, and these facts hold."""
    application = db.execute('PRAGMA application_id').fetchone()[0]
    version = db.execute('PRAGMA user_version').fetchone()[0]
    if application != APPLICATION:
        raise StoreError(f'{path}: no experience of robo_dopamine_ros; name another path')
    if version != VERSION:
        raise StoreError(
            f'{path}: experience of format {version}; this version reads format {VERSION}'
        )
    kept = facts_of(db)
    other = [
        f'{name} = {kept.get(name)}, not {value}'
        for name, value in facts.items()
        if kept.get(name) != value
    ]
    if other:
        raise StoreError(f'{path}: was made with {"; ".join(other)}; start a new store instead')


def _create(db: sqlite3.Connection, facts: Mapping[str, Any]) -> None:
    rows = ((name, json.dumps(value)) for name, value in facts.items())
    db.execute('BEGIN IMMEDIATE')
    for statement in TABLES.split(';'):
        db.execute(statement)
    db.executemany('INSERT INTO facts VALUES (?, ?)', rows)
    db.execute(f'PRAGMA application_id = {APPLICATION}')
    db.execute(f'PRAGMA user_version = {VERSION}')
    db.execute('COMMIT')
