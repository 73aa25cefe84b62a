"""Keeps experience on disk: every step that was announced, once, whatever happens next."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from robo_dopamine_ros.learning import schema
from robo_dopamine_ros.learning.steps import Frame, Key, Sealed, Sizes, Step
from robo_dopamine_ros.types import Episode, Mode, Outcome, Phase, Progress

PENDING = """
SELECT a.run, a.epoch, s.sequence, e.name, s.mode, s.sent, s.policy_version, s.demonstration,
       b.stamp, b.features, b.state, f.stamp, f.features, f.state
FROM steps s JOIN actors a ON a.id = s.actor JOIN episodes e ON e.id = s.episode
JOIN frames b ON b.id = s.begin JOIN frames f ON f.id = s.end
WHERE s.id > (SELECT coalesce(max(step), 0) FROM transitions) ORDER BY s.id
"""


class Store:
    """The one writer of a store. Everything is written within `transaction`."""

    def __init__(self, path: Path, sizes: Sizes, facts: Mapping[str, Any], limit: int = 0) -> None:
        """`facts` hold for the whole store; `limit` is its largest size [bytes], 0 for none."""
        self.path = path
        self.sizes = sizes
        with schema.telling(path, 'the store cannot be opened'):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = schema.claim(path)
            try:
                self._db = schema.writable(path, facts, limit)
            except BaseException:
                self._lock.close()
                raise
        self._ids: dict[tuple[Any, ...], int] = {}  # of the actor and the episode in use
        self._last: tuple[Frame, int, int, int] | None = None  # with its actor, episode and id

    def close(self) -> None:
        """Give the store free for another writer."""
        self._db.close()
        self._lock.close()

    @contextmanager
    def transaction(self, doing: str) -> Iterator[None]:
        """All that happens within is kept, or nothing; once left, it is durable."""
        with schema.telling(self.path, doing):
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
        """Number of this start of the run's actor, 1 at the first; never given twice."""
        query = 'SELECT coalesce(max(epoch), 0) + 1 FROM actors WHERE run = ?'
        epoch = self._db.execute(query, (run,)).fetchone()[0]
        self._actor(run, epoch)
        return epoch

    def newest(self, run: str) -> Key | None:
        """Of the run's steps the one that came last: the newest of its newest epoch."""
        query = (
            'SELECT a.epoch, max(s.sequence) FROM steps s JOIN actors a ON a.id = s.actor '
            'WHERE a.run = ? GROUP BY a.epoch ORDER BY a.epoch DESC LIMIT 1'
        )
        row = self._db.execute(query, (run,)).fetchone()
        return Key(run, *row) if row else None

    def ended(self) -> str:
        """Id of the episode that ended last; empty before the first."""
        query = 'SELECT name FROM episodes WHERE ended IS NOT NULL ORDER BY ended DESC, id DESC'
        row = self._db.execute(query).fetchone()
        return row[0] if row else ''

    def add(self, step: Step) -> bool:
        """Keep a step and its frames; False if it was kept before."""
        actor, episode = self._actor(step.key.run, step.key.epoch), self._episode(step.episode)
        begin = self._frame(step.begin, actor, episode)
        end = self._frame(step.end, actor, episode)
        row = (
            *(actor, step.key.sequence, episode, begin, end, int(step.mode)),
            *(step.sent.tobytes(), step.policy_version),
            int(step.demonstration),
        )
        if self._insert('steps', row):
            return True
        query = 'SELECT * FROM steps WHERE actor = ? AND sequence = ?'
        if self._db.execute(query, (actor, step.key.sequence)).fetchone()[1:] != row:
            raise ValueError(f'step {step.key} was kept before, with other content')
        return False

    def hear(self, reading: Progress) -> bool:
        """Keep a reading; False if it is none: not valid, not within 0..1, or not newer."""
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

    def end(self, word: Episode) -> bool:
        """Keep how an episode ended; False if that was known."""
        return bool(
            self._db.execute(
                'UPDATE episodes SET number = ?, task = ?, outcome = ?, decided_by = ?, ended = ? '
                'WHERE id = ? AND ended IS NULL',
                (word.index, word.task, word.outcome, word.decided_by, word.stamp)
                + (self._episode(word.id),),
            ).rowcount
        )

    def seal(self, sealed: Sealed) -> None:
        """Keep what a step was worth."""
        key, reward = sealed.key, sealed.reward
        step, episode, begin, end = self._db.execute(
            'SELECT id, episode, begin, end FROM steps WHERE actor = ? AND sequence = ?',
            (self._actor(key.run, key.epoch), key.sequence),
        ).fetchone()
        worth = (reward.reward, reward.success, reward.discount)
        ended = (int(reward.terminated), int(reward.truncated))
        self._db.execute(
            'INSERT INTO transitions VALUES (?, ?, ?, ?, ?, ?)', (step, *worth, *ended)
        )
        potentials = [(begin, reward.previous_potential)]
        if reward.terminated:
            self._db.execute('UPDATE episodes SET borne_by = ? WHERE id = ?', (step, episode))
        else:
            potentials.append((end, reward.potential))
        self._db.executemany('INSERT OR IGNORE INTO potentials VALUES (?, ?)', potentials)

    def pending(self) -> Iterator[Step]:
        """Steps after the last one sealed, in the order they came."""
        precision = self.sizes.precision
        for row in self._db.execute(PENDING).fetchall():
            run, epoch, sequence, episode, mode, sent, version, demonstration = row[:8]
            begin, end = (
                Frame(stamp, np.frombuffer(features, precision), np.frombuffer(state, 'float32'))
                for stamp, features, state in (row[8:11], row[11:])
            )
            *twist, gripper, before = np.frombuffer(sent, 'float32').tolist()
            yield Step(
                *(Key(run, epoch, sequence), episode, begin, end, Mode(mode)),
                *(np.array(twist), gripper, before, version, bool(demonstration)),
            )

    def heard(self, episode: str) -> list[Progress | Episode]:
        """Readings of an episode, then the word that ended it, if any.

        A success or failure that a step was already sealed with comes as an abort.
        """
        id = self._episode(episode)
        query = 'SELECT stamp, progress FROM readings WHERE episode = ? ORDER BY stamp'
        heard: list[Progress | Episode] = [
            Progress(stamp, episode, progress=progress, valid=True)
            for stamp, progress in self._db.execute(query, (id,))
        ]
        query = 'SELECT outcome, ended, borne_by FROM episodes WHERE id = ? AND ended IS NOT NULL'
        for outcome, ended, borne_by in self._db.execute(query, (id,)):
            word = Outcome(outcome) if borne_by is None else Outcome.ABORTED
            heard.append(Episode(id=episode, phase=Phase.ENDED, outcome=word, stamp=ended))
        return heard

    def potentials(self, episode: str) -> dict[int, float]:
        """Potentials given to frames of an episode, by stamp [ns]."""
        query = (
            'SELECT f.stamp, p.value FROM frames f JOIN potentials p ON p.frame = f.id '
            'WHERE f.episode = ? ORDER BY f.id DESC'
        )
        return dict(self._db.execute(query, (self._episode(episode),)))

    def _actor(self, run: str, epoch: int) -> int:
        return self._named('actors', ('run', 'epoch'), (run, epoch))

    def _episode(self, name: str) -> int:
        return self._named('episodes', ('name',), (name,))

    def _named(self, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> int:
        """Number of the row with these values, made where there is none."""
        key = (table, *values)
        if key not in self._ids:
            if len(self._ids) > 100:
                self._ids.clear()
            names, marks = ', '.join(columns), ', '.join('?' * len(columns))
            self._db.execute(f'INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})', values)
            query = f'SELECT id FROM {table} WHERE ({names}) = ({marks})'
            self._ids[key] = self._db.execute(query, values).fetchone()[0]
        return self._ids[key]

    def _frame(self, frame: Frame, actor: int, episode: int) -> int:
        if self._last is not None and self._last[:1] == (frame,):
            _, known_actor, known_episode, id = self._last
            if (known_actor, known_episode) == (actor, episode):
                return id
        expected = ((self.sizes.precision, self.sizes.features), ('float32', self.sizes.state))
        given = tuple((str(part.dtype), part.size) for part in (frame.features, frame.state))
        if given != expected:
            raise ValueError(f'a frame has {given}; frames of {self.path} have {expected}')
        row = (actor, episode, frame.stamp, frame.features.tobytes(), frame.state.tobytes())
        if not (id := self._insert('frames', row)):
            query = 'SELECT * FROM frames WHERE actor = ? AND episode = ? AND stamp = ?'
            id, *kept = self._db.execute(query, row[:3]).fetchone()
            if tuple(kept) != row:
                raise ValueError(
                    f'the frame at {frame.stamp} ns was kept before, with other content'
                )
        self._last = (frame, actor, episode, id)
        return id

    def _insert(self, table: str, row: tuple[Any, ...]) -> int:
        """Number of the new row; 0 if its key was there."""
        marks = ', '.join('?' * len(row))
        cursor = self._db.execute(f'INSERT OR IGNORE INTO {table} VALUES (NULL, {marks})', row)
        return (cursor.lastrowid or 0) if cursor.rowcount else 0
