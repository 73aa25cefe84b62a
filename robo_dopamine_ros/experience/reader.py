"""Incremental reader of the database of experience: new transitions as arrays."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robo_dopamine_ros.experience import schema
from robo_dopamine_ros.experience.schema import ExperienceError
from robo_dopamine_ros.experience.types import ObservationSpec
from robo_dopamine_ros.types import Mode

CHUNK_SIZE = 4096  # rows per read, short enough not to delay checkpoints of the WAL
TRANSITIONS = """
SELECT t.step, s.begin - 1, s.end - 1, s.mode, s.demonstration, s.sent, t.reward, t.discount,
       t.terminated, t.truncated, p.value, CASE t.terminated WHEN 1 THEN 0.0 ELSE q.value END
FROM transitions t JOIN steps s ON s.id = t.step
JOIN potentials p ON p.frame = s.begin LEFT JOIN potentials q ON q.frame = s.end
WHERE t.step > ? ORDER BY t.step LIMIT ?
"""
OBSERVATIONS = 'SELECT id, features, state FROM frames WHERE id > ? AND id <= ? ORDER BY id'
ONLINE_EPISODES = """
SELECT count(*) FROM episodes
WHERE ended IS NOT NULL AND id NOT IN (SELECT DISTINCT episode FROM steps WHERE demonstration)
"""
TRANSITION_DTYPE = np.dtype(
    [
        ('step', 'i8'),  # row id of the step, rising
        ('begin', 'i8'),  # index of the observation, from 0
        ('end', 'i8'),  # index of the observation
        ('human', '?'),  # in mode HUMAN
        ('demonstration', '?'),  # recorded before online training
        ('command', 'f4', (8,)),  # twist, opening, opening before
        ('reward', 'f8'),
        ('discount', 'f8'),
        ('terminated', '?'),
        ('truncated', '?'),
        ('potential', 'f8'),
        ('next_potential', 'f8'),  # 0 where terminated
    ]
)


@dataclass(frozen=True)
class TransitionChunk:
    """New transitions in order, and the observations they need beyond those read before."""

    transitions: np.ndarray  # (n,) TRANSITION_DTYPE
    observations: np.ndarray  # (m,) ObservationSpec.dtype


class ExperienceReader:
    """Reads what was added since the last read; any number of readers may use one database."""

    def __init__(self, path: Path) -> None:
        """Raises ExperienceError where there is no database."""
        self.path = path
        with schema.wrap_errors(path, 'the database cannot be read'):
            self._db = schema.connect_reader(path)
            self.spec = ObservationSpec(**schema.read_metadata(self._db)['sizes'])
        self._last_step = 0  # row id
        self._observations = 0  # read so far

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def online_episodes(self) -> int:
        """Number of ended episodes, demonstrations recorded before online training excluded."""
        with schema.wrap_errors(self.path, 'the database cannot be read'):
            return self._db.execute(ONLINE_EPISODES).fetchone()[0]

    def read(self, limit: int = CHUNK_SIZE) -> TransitionChunk:
        """The next transitions, at most `limit`; an empty chunk if there is none."""
        with schema.wrap_errors(self.path, 'the database cannot be read'):
            rows = self._db.execute(TRANSITIONS, (self._last_step, limit)).fetchall()
            transitions = np.empty(len(rows), TRANSITION_DTYPE)
            if not rows:
                return TransitionChunk(transitions, np.empty(0, self.spec.dtype))
            columns = dict(zip(TRANSITION_DTYPE.names or (), zip(*rows, strict=True), strict=True))
            for name in set(columns) - {'human', 'command'}:
                transitions[name] = columns[name]
            transitions['human'] = np.array(columns['human']) == Mode.HUMAN
            transitions['command'] = _array(columns['command'], 'f4')
            needed = 1 + int(max(transitions['begin'].max(), transitions['end'].max()))
            observations = self._read_observations(needed)
        self._last_step = int(transitions['step'][-1])
        self._observations += len(observations)
        return TransitionChunk(transitions, observations)

    def _read_observations(self, last: int) -> np.ndarray:
        """Observations not read yet, up to row id `last`."""
        rows = self._db.execute(OBSERVATIONS, (self._observations, last)).fetchall()
        if [row[0] for row in rows] != list(range(self._observations + 1, last + 1)):
            raise ExperienceError(
                f'{self.path}: observations are missing; restore a copy of the file'
            )
        observations = np.empty(len(rows), self.spec.dtype)
        if rows:
            observations['features'] = _array([row[1] for row in rows], self.spec.precision)
            observations['state'] = _array([row[2] for row in rows], 'f4')
        return observations


def _array(blobs: list[bytes] | tuple[bytes, ...], kind: str) -> np.ndarray:
    """Array (n, m) of n blobs of equal length."""
    return np.frombuffer(b''.join(blobs), kind).reshape(len(blobs), -1)
