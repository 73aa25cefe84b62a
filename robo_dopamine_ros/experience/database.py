"""Writer of the SQLite database of experience; see schema.py for its tables."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from robo_dopamine_ros.experience import schema
from robo_dopamine_ros.experience.types import (
    Observation,
    ObservationSpec,
    Step,
    StepId,
    Transition,
)
from robo_dopamine_ros.types import Episode, Mode, Outcome, Phase, Progress

PENDING_STEPS = """
SELECT a.run, a.epoch, s.sequence, e.name, s.mode, s.sent, s.policy_version, s.demonstration,
       b.stamp, b.features, b.state, f.stamp, f.features, f.state
FROM steps s JOIN actors a ON a.id = s.actor JOIN episodes e ON e.id = s.episode
JOIN frames b ON b.id = s.begin JOIN frames f ON f.id = s.end
WHERE s.id > (SELECT coalesce(max(step), 0) FROM transitions) ORDER BY s.id
"""


class ExperienceDatabase:
    """The only writer of a database; every change is made within `transaction`."""

    def __init__(
        self, path: Path, spec: ObservationSpec, db: sqlite3.Connection, lock: IO[str]
    ) -> None:
        """Use `open` instead."""
        self.path, self.spec = path, spec
        self._db, self._lock = db, lock
        self._ids: dict[tuple[Any, ...], int] = {}  # cached row ids of actors and episodes
        self._last: tuple[Observation, int, int, int] | None = None  # actor, episode, row id

    @classmethod
    def open(
        cls, path: Path, spec: ObservationSpec, metadata: Mapping[str, Any], limit: int = 0
    ) -> 'ExperienceDatabase':
        """Open or create; `limit` is the maximum size of the file [bytes], 0 for none.

        Raises ExperienceError, also where an existing database has other `metadata`.
        """
        with schema.wrap_errors(path, 'the database cannot be opened'):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = schema.lock_for_writing(path)
            try:
                db = schema.connect_writer(path, metadata, limit)
            except BaseException:
                lock.close()
                raise
        return cls(path, spec, db, lock)

    def close(self) -> None:
        """Close the file and release the lock for another writer."""
        self._db.close()
        self._lock.close()

    @contextmanager
    def transaction(self, failure: str) -> Iterator[None]:
        """Commit everything written within, or nothing; durable once left without an error."""
        with schema.wrap_errors(self.path, failure):
            self._db.execute('BEGIN IMMEDIATE')
            try:
                yield
                self._db.execute('COMMIT')
            except BaseException:
                self._last = None
                self._ids.clear()
                if self._db.in_transaction:
                    self._db.execute('ROLLBACK')
                raise

    def next_epoch(self, run: str) -> int:
        """Reserve the next epoch of a run, 1 at the first."""
        query = 'SELECT coalesce(max(epoch), 0) + 1 FROM actors WHERE run = ?'
        epoch = self._db.execute(query, (run,)).fetchone()[0]
        self._actor(run, epoch)
        return epoch

    def newest_step(self, run: str) -> StepId | None:
        """Newest stored step of the newest epoch of a run."""
        query = (
            'SELECT a.epoch, max(s.sequence) FROM steps s JOIN actors a ON a.id = s.actor '
            'WHERE a.run = ? GROUP BY a.epoch ORDER BY a.epoch DESC LIMIT 1'
        )
        row = self._db.execute(query, (run,)).fetchone()
        return StepId(run, *row) if row else None

    def last_ended_episode(self) -> str:
        """Id of the episode that ended last; empty before the first."""
        query = 'SELECT name FROM episodes WHERE ended IS NOT NULL ORDER BY ended DESC, id DESC'
        row = self._db.execute(query).fetchone()
        return row[0] if row else ''

    def add_step(self, step: Step) -> bool:
        """Store a step and its observations; False if it is stored already.

        Raises ValueError where it is stored with other content, or does not match the spec.
        """
        actor, episode = self._actor(step.id.run, step.id.epoch), self._episode(step.episode)
        begin = self._observation(step.begin, actor, episode)
        end = self._observation(step.end, actor, episode)
        row = (
            *(actor, step.id.sequence, episode, begin, end, int(step.mode)),
            *(step.command_vector.tobytes(), step.policy_version),
            int(step.demonstration),
        )
        if self._insert('steps', row):
            return True
        query = 'SELECT * FROM steps WHERE actor = ? AND sequence = ?'
        if self._db.execute(query, (actor, step.id.sequence)).fetchone()[1:] != row:
            raise ValueError(f'step {step.id} is stored already, with other content')
        return False

    def add_progress(self, reading: Progress) -> bool:
        """Store a reading; False if it is invalid, outside 0..1 or not newer than the last."""
        if not (reading.valid and 0.0 <= reading.progress <= 1.0):
            return False
        episode = self._episode(reading.episode)
        query = 'SELECT max(stamp) FROM readings WHERE episode = ?'
        newest = self._db.execute(query, (episode,)).fetchone()[0]
        if newest is not None and not reading.stamp > newest:
            return False
        row = (episode, reading.stamp, reading.progress)
        self._db.execute('INSERT INTO readings VALUES (?, ?, ?)', row)
        return True

    def add_episode_end(self, ended: Episode) -> bool:
        """Store the end of an episode; False if it is stored already."""
        return bool(
            self._db.execute(
                'UPDATE episodes SET number = ?, task = ?, outcome = ?, decided_by = ?, ended = ? '
                'WHERE id = ? AND ended IS NULL',
                (ended.index, ended.task, ended.outcome, ended.decided_by, ended.stamp)
                + (self._episode(ended.id),),
            ).rowcount
        )

    def add_transition(self, transition: Transition) -> None:
        """Store the reward of a stored step and the potentials of its observations."""
        id, reward = transition.step_id, transition.reward
        step, episode, begin, end = self._db.execute(
            'SELECT id, episode, begin, end FROM steps WHERE actor = ? AND sequence = ?',
            (self._actor(id.run, id.epoch), id.sequence),
        ).fetchone()
        row = (
            *(step, reward.reward, reward.success, reward.discount),
            *(int(reward.terminated), int(reward.truncated)),
        )
        self._db.execute('INSERT INTO transitions VALUES (?, ?, ?, ?, ?, ?)', row)
        potentials = [(begin, reward.previous_potential)]
        if reward.terminated:
            self._db.execute('UPDATE episodes SET borne_by = ? WHERE id = ?', (step, episode))
        else:
            potentials.append((end, reward.potential))
        self._db.executemany('INSERT OR IGNORE INTO potentials VALUES (?, ?)', potentials)

    def pending_steps(self) -> Iterator[Step]:
        """Steps after the last transition, in the order of their arrival."""
        precision = self.spec.precision
        for row in self._db.execute(PENDING_STEPS).fetchall():
            run, epoch, sequence, episode, mode, sent, version, demonstration = row[:8]
            begin, end = (
                Observation(
                    stamp, np.frombuffer(features, precision), np.frombuffer(state, 'float32')
                )
                for stamp, features, state in (row[8:11], row[11:])
            )
            *twist, gripper, before = np.frombuffer(sent, 'float32').tolist()
            yield Step(
                *(StepId(run, epoch, sequence), episode, begin, end, Mode(mode)),
                *(np.array(twist), gripper, before, version, bool(demonstration)),
            )

    def episode_events(self, episode: str) -> list[Progress | Episode]:
        """Readings of an episode, then its end, if any.

        A success or failure that a transition has already consumed is returned as ABORTED.
        """
        id = self._episode(episode)
        query = 'SELECT stamp, progress FROM readings WHERE episode = ? ORDER BY stamp'
        events: list[Progress | Episode] = [
            Progress(stamp, episode, progress=progress, valid=True)
            for stamp, progress in self._db.execute(query, (id,))
        ]
        query = 'SELECT outcome, ended, borne_by FROM episodes WHERE id = ? AND ended IS NOT NULL'
        for outcome, ended, borne_by in self._db.execute(query, (id,)):
            outcome = Outcome(outcome) if borne_by is None else Outcome.ABORTED
            events.append(Episode(id=episode, phase=Phase.ENDED, outcome=outcome, stamp=ended))
        return events

    def potentials(self, episode: str) -> dict[int, float]:
        """Stored potentials of the observations of an episode, by stamp [ns]."""
        query = (
            'SELECT f.stamp, p.value FROM frames f JOIN potentials p ON p.frame = f.id '
            'WHERE f.episode = ? ORDER BY f.id DESC'
        )
        return dict(self._db.execute(query, (self._episode(episode),)))

    def _actor(self, run: str, epoch: int) -> int:
        return self._row_id('actors', ('run', 'epoch'), (run, epoch))

    def _episode(self, name: str) -> int:
        return self._row_id('episodes', ('name',), (name,))

    def _row_id(self, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        """Id of the row with these values, inserted where there is none."""
        key = (table, *values)
        if key not in self._ids:
            if len(self._ids) > 100:
                self._ids.clear()
            names, marks = ', '.join(columns), ', '.join('?' * len(columns))
            self._db.execute(f'INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})', values)
            query = f'SELECT id FROM {table} WHERE ({names}) = ({marks})'
            self._ids[key] = self._db.execute(query, values).fetchone()[0]
        return self._ids[key]

    def _observation(self, observation: Observation, actor: int, episode: int) -> int:
        """Id of the row of an observation, inserted where there is none."""
        if self._last is not None and self._last[:3] == (observation, actor, episode):
            return self._last[3]
        expected = ((self.spec.precision, self.spec.features), ('float32', self.spec.state))
        parts = (observation.features, observation.state)
        if (given := tuple((str(part.dtype), part.size) for part in parts)) != expected:
            raise ValueError(
                f'an observation has {given}; observations of {self.path} have {expected}'
            )
        row = (actor, episode, observation.stamp, *(part.tobytes() for part in parts))
        if not (id := self._insert('frames', row)):
            query = 'SELECT * FROM frames WHERE actor = ? AND episode = ? AND stamp = ?'
            id, *stored = self._db.execute(query, row[:3]).fetchone()
            if tuple(stored) != row:
                text = f'the observation at {observation.stamp} ns is stored already'
                raise ValueError(f'{text}, with other content')
        self._last = (observation, actor, episode, id)
        return id

    def _insert(self, table: str, row: tuple[Any, ...]) -> int:
        """Id of the new row; 0 if its key is present already."""
        marks = ', '.join('?' * len(row))
        cursor = self._db.execute(f'INSERT OR IGNORE INTO {table} VALUES (NULL, {marks})', row)
        return (cursor.lastrowid or 0) if cursor.rowcount else 0
