"""Follows a store from another process: what was sealed since the last look, as arrays."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robo_dopamine_ros.learning import schema
from robo_dopamine_ros.learning.schema import StoreError
from robo_dopamine_ros.learning.steps import Sizes
from robo_dopamine_ros.types import Mode

CHUNK = 4096  # rows of one look, so that the writer is never kept from tidying up for long
TRANSITIONS = """
SELECT t.step, s.begin - 1, s.end - 1, s.mode, s.demonstration, s.sent, t.reward, t.discount,
       t.terminated, t.truncated, p.value, CASE t.terminated WHEN 1 THEN 0.0 ELSE q.value END
FROM transitions t JOIN steps s ON s.id = t.step
JOIN potentials p ON p.frame = s.begin LEFT JOIN potentials q ON q.frame = s.end
WHERE t.step > ? ORDER BY t.step LIMIT ?
"""
FRAMES = 'SELECT id, features, state FROM frames WHERE id > ? AND id <= ? ORDER BY id'
PRACTISED = """
SELECT count(*) FROM episodes
WHERE ended IS NOT NULL AND id NOT IN (SELECT DISTINCT episode FROM steps WHERE demonstration)
"""
TRANSITION = np.dtype(
    [
        ('step', 'i8'),  # number in the store, rising
        ('begin', 'i8'),  # frame, counted from 0
        ('end', 'i8'),  # frame
        ('human', '?'),  # a person was in charge
        ('demonstration', '?'),  # recorded before practice
        ('sent', 'f4', (8,)),  # twist, opening, opening before
        ('reward', 'f8'),
        ('discount', 'f8'),
        ('terminated', '?'),
        ('truncated', '?'),
        ('potential', 'f8'),
        ('next_potential', 'f8'),  # 0 where terminated
    ]
)


@dataclass(frozen=True)
class News:
    """Transitions in the order they were sealed, and the frames they need beyond those known."""

    transitions: np.ndarray  # (n,) TRANSITION
    frames: np.ndarray  # (m,) Sizes.dtype


class Tail:
    """Reads what is new, at the cost of what is new; any number may follow one store."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError while there is no store."""
        self.path = path
        with schema.telling(path, 'the store cannot be read'):
            self._db = schema.readable(path)
            self.sizes = Sizes(**schema.facts_of(self._db)['sizes'])
        self._step = 0  # last one read
        self._frames = 0  # read

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @property
    def practised(self) -> int:
        """Episodes of practice that have ended; what was recorded before is none."""
        with schema.telling(self.path, 'the store cannot be read'):
            return self._db.execute(PRACTISED).fetchone()[0]

    def read(self, limit: int = CHUNK) -> News:
        """At most `limit` transitions after those read before; none when there are no more."""
        with schema.telling(self.path, 'the store cannot be read'):
            rows = self._db.execute(TRANSITIONS, (self._step, limit)).fetchall()
            transitions = np.empty(len(rows), TRANSITION)
            if not rows:
                return News(transitions, np.empty(0, self.sizes.dtype))
            columns = dict(zip(TRANSITION.names or (), zip(*rows, strict=True), strict=True))
            for name in set(columns) - {'human', 'sent'}:
                transitions[name] = columns[name]
            transitions['human'] = np.array(columns['human']) == Mode.HUMAN
            transitions['sent'] = _numbers(columns['sent'], 'f4')
            needed = 1 + int(max(transitions['begin'].max(), transitions['end'].max()))
            frames = self._read_frames(needed)
        self._step = int(transitions['step'][-1])
        self._frames += len(frames)
        return News(transitions, frames)

    def _read_frames(self, last: int) -> np.ndarray:
        """Frames not read yet, up to number `last`."""
        rows = self._db.execute(FRAMES, (self._frames, last)).fetchall()
        if [row[0] for row in rows] != list(range(self._frames + 1, last + 1)):
            raise StoreError(f'{self.path}: frames are missing; restore a copy of the file')
        frames = np.empty(len(rows), self.sizes.dtype)
        if rows:
            frames['features'] = _numbers([row[1] for row in rows], self.sizes.precision)
            frames['state'] = _numbers([row[2] for row in rows], 'f4')
        return frames


def _numbers(blobs: list[bytes] | tuple[bytes, ...], kind: str) -> np.ndarray:
    """Rows of numbers (n, m) from n blobs of one length."""
    return np.frombuffer(b''.join(blobs), kind).reshape(len(blobs), -1)
