"""Schema of the database of experience, connections to it, and its errors.

An SQLite file in WAL mode: one process writes while others read. Rows are only appended, with
rising ids, so a reader pays only for new ones. An actor is an epoch of a run (a start of the
policy), a row of `frames` an observation; `borne_by` is the step that terminated with the outcome.
"""

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

APPLICATION_ID, SCHEMA_VERSION = (
    0x446F7061,
    1,
)  # 'Dopa' in the header of the file; version of the tables
LOCK_TIMEOUT = 10.0  # [s]
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
REMEDIES = {  # part of an SQLite message -> remedy
    'full': 'free space, then start again',
    'disk I/O': 'look after the disk, then start again',
    'readonly': 'make the file and its folder writable',
    'read-only': 'make the file and its folder writable',
    'unable to open': 'its folder must exist and be writable',
    'locked': 'another process holds it; end that one',
    'not a database': 'it is another kind of file; name another path',
    'malformed': 'the file is damaged; restore a copy',
}


class ExperienceError(RuntimeError):
    """The database cannot be read or written; the text names file, reason and remedy."""


@contextmanager
def wrap_errors(path: Path, failure: str) -> Iterator[None]:
    """Raise errors of SQLite and the system as ExperienceError; `failure` says what failed."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        text = str(error)
        remedies = (remedy for part, remedy in REMEDIES.items() if part in text)
        raise ExperienceError(
            f'{path}: {failure}: {text}; everything announced before is stored; '
            f'{next(remedies, "see the reason")}'
        ) from error


def lock_for_writing(path: Path) -> IO[str]:
    """Lock the database for one writer, until the returned file is closed or the process ends."""
    lock = path.with_name(path.name + '.lock').open('a')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ExperienceError(
            f'{path}: another process writes it; a database has one writer'
        ) from None
    return lock


def connect_writer(path: Path, metadata: Mapping[str, Any], limit: int) -> sqlite3.Connection:
    """Open for writing, created where there is none; commits survive a loss of power.

    One thread at a time may use it. `limit` is the maximum size of the file [bytes], 0 for none.
    """
    db = sqlite3.connect(path, timeout=LOCK_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        db.execute('PRAGMA journal_mode = WAL')
        db.execute('PRAGMA synchronous = FULL')
        if not db.execute('SELECT count(*) FROM sqlite_master').fetchone()[0]:
            _create(db, metadata)
        check_metadata(db, path, metadata)
        if limit:
            page = db.execute('PRAGMA page_size').fetchone()[0]
            db.execute(f'PRAGMA max_page_count = {max(1, limit // page)}')
    except BaseException:
        db.close()
        raise
    return db


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open for reading beside the writer; one thread at a time may use it."""
    if not path.is_file():
        raise ExperienceError(f'{path}: there is no experience; it is made by what records it')
    uri = f'{path.absolute().as_uri()}?mode=ro'
    db = sqlite3.connect(uri, timeout=LOCK_TIMEOUT, uri=True, check_same_thread=False)
    try:
        check_metadata(db, path, {})
    except BaseException:
        db.close()
        raise
    return db


def read_metadata(db: sqlite3.Connection) -> dict[str, Any]:
    """Metadata of the database by name."""
    return {name: json.loads(value) for name, value in db.execute('SELECT * FROM facts')}


def check_metadata(db: sqlite3.Connection, path: Path, expected: Mapping[str, Any]) -> None:
    """Raise ExperienceError for another kind of file, another version or other metadata."""
    application = db.execute('PRAGMA application_id').fetchone()[0]
    version = db.execute('PRAGMA user_version').fetchone()[0]
    if application != APPLICATION_ID:
        raise ExperienceError(f'{path}: no experience of robo_dopamine_ros; name another path')
    if version != SCHEMA_VERSION:
        raise ExperienceError(
            f'{path}: experience of format {version}; this version reads format {SCHEMA_VERSION}'
        )
    stored = read_metadata(db)
    differences = [
        f'{name} = {stored.get(name)}, not {value}'
        for name, value in expected.items()
        if stored.get(name) != value
    ]
    if differences:
        raise ExperienceError(
            f'{path}: was made with {"; ".join(differences)}; start a new database instead'
        )


def _create(db: sqlite3.Connection, metadata: Mapping[str, Any]) -> None:
    rows = ((name, json.dumps(value)) for name, value in metadata.items())
    db.execute('BEGIN IMMEDIATE')
    for statement in TABLES.split(';'):
        db.execute(statement)
    db.executemany('INSERT INTO facts VALUES (?, ?)', rows)
    db.execute(f'PRAGMA application_id = {APPLICATION_ID}')
    db.execute(f'PRAGMA user_version = {SCHEMA_VERSION}')
    db.execute('COMMIT')
