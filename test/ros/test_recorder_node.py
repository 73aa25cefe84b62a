"""The recorder as a process: what it announced is on disk, whatever happens to it or the disk."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import CONDUCTOR, HERE, Child, Watcher
from small_run import SIZES, make_run

from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.learning.intake import reopen_experience
from robo_dopamine_ros.learning.outbox import Outbox
from robo_dopamine_ros.learning.steps import Frame, Key, Step
from robo_dopamine_ros.nodes.step_message import step_to_msg
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import episode_to_msg, kept_from_msg, progress_to_msg
from robo_dopamine_ros.types import SECOND, Episode, Kept, Mode, Outcome, Phase, Progress

RECORDER = ['-m', 'robo_dopamine_ros.nodes.recorder']
KEYS = (
    'SELECT epoch, sequence FROM steps JOIN actors ON actors.id = actor '
    "WHERE run = 'live' ORDER BY steps.id"
)
DAWN = 1_700_000_000 * SECOND
TICK = 0.02  # [s] between two steps: five times as fast as a real one


def step(number: int, epoch: int, episode: str = 'e0') -> Step:
    begin, end = (
        Frame(
            DAWN + (number + i) * SECOND // 10,
            np.full(SIZES.features, number + i, np.float16),
            np.full(SIZES.state, number + i, np.float32),
        )
        for i in (0, 1)
    )
    twist = np.array([number, 0, 0, 0, 0, 0]) / 64
    return Step(Key('live', epoch, number), episode, begin, end, Mode.POLICY, twist, 0.0, 0.0, 1)


class Cell(Watcher):
    """What a recorder hears; the policy makes steps while `made` grows towards `wanted`."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Kept] = []
        self.wanted = self.made = 0
        self._start(1)
        self._words: dict[str, Any] = {
            topic.name: self.node.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (topics.STEP, topics.PROGRESS, topics.EPISODE)
        }
        self.word: Episode | None = None
        self.keep(topics.KEPT, kept_from_msg, self.kept)
        self.keep(topics.KEPT, lambda m: self.outbox.hear(kept_from_msg(m), self._now()), [])
        self.node.create_timer(TICK, self._tick)
        self.node.create_timer(0.2, self._beat)

    def _start(self, epoch: int) -> None:
        self.epoch, self.made, self.outbox = epoch, 0, Outbox(epoch)

    def _now(self) -> float:
        return self.node.get_clock().now().nanoseconds / SECOND

    def _tick(self) -> None:
        if self.made < self.wanted:
            self.outbox.put(step(self.made, self.epoch))
            self.made += 1
        for due in self.outbox.due(self._now()):
            self._words[topics.STEP.name].publish(step_to_msg(due, 'base'))

    def _beat(self) -> None:
        if self.word is not None:
            self._words[topics.EPISODE.name].publish(episode_to_msg(self.word))

    def say(self, noun: Episode | Progress) -> None:
        if isinstance(noun, Episode):
            self.word = noun
            self._beat()
        else:
            self._words[topics.PROGRESS.name].publish(progress_to_msg(noun))

    @property
    def last(self) -> Kept:
        return self.kept[-1] if self.kept else Kept(0)

    def until_kept(self, sequence: int) -> None:
        self.until(lambda: self.announced == (self.epoch, sequence), f'{self.last}')

    @property
    def announced(self) -> tuple[int, int]:
        return self.last.epoch, self.last.sequence


@pytest.fixture
def cell(domain: int) -> Iterator[Cell]:
    with Cell() as cell:
        yield cell


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return make_run(tmp_path / 'run')


@pytest.fixture
def start(folder: Folder, domain: int) -> Iterator[Callable[..., Child]]:
    """Start a recorder of the folder; each is killed in the end."""
    children: list[Child] = []

    def start(*parameters: str, program: list[str] = RECORDER) -> Child:
        children.append(Child(program, f'run:={folder.path}', *parameters))
        return children[-1]

    yield start
    for child in children:
        child.kill()


def rows(folder: Folder, query: str = KEYS) -> list[tuple]:
    with closing(sqlite3.connect(folder.store)) as db:
        return db.execute(query).fetchall()


def ended(name: str = 'e0') -> Episode:
    word = Episode(name, 0, 'insert', Phase.ENDED, Outcome.SUCCESS, 'Ada')
    return replace(word, stamp=DAWN + SECOND)


def test_what_is_told_is_kept_and_then_announced(cell, folder, start) -> None:
    recorder = start('episodes:=none')
    cell.wanted = 10
    cell.until_kept(9)
    reading = Progress(DAWN + 2 * SECOND, 'e0', progress=0.75, valid=True)
    cell.say(reading)
    cell.say(replace(reading, valid=False, stamp=DAWN + 3 * SECOND))
    cell.say(ended())
    cell.until(lambda: cell.last.ended == 'e0', 'its end was not kept')
    sealed = (
        'SELECT count(*) FROM transitions JOIN steps ON id = step WHERE actor = '
        "(SELECT id FROM actors WHERE run = 'live')"
    )
    cell.until(lambda: rows(folder, sealed) == [(10,)], 'what ended was not sealed')
    cell.until(lambda: cell.said('recorder: experience') == 'ok', 'no diagnostics')
    code, said = recorder.interrupt()
    assert (code, said) == (0, '')
    assert rows(folder) == [(1, number) for number in range(10)]
    told = rows(folder, "SELECT outcome, decided_by, task FROM episodes WHERE name = 'e0'")
    assert told == [(Outcome.SUCCESS, 'Ada', 'insert')]
    readings = 'SELECT progress FROM readings JOIN episodes e ON e.id = episode '
    assert rows(folder, readings + "WHERE name = 'e0'") == [(0.75,)]
    reopen_experience(folder).close()  # nobody holds it


def test_killed_at_any_moment_nothing_announced_is_lost_and_nothing_is_there_twice(
    cell, folder, start
) -> None:
    chance = random.Random(7)
    announced = []
    for life in range(4):
        if life == 2:
            cell._start(2)  # the policy was killed as well
        recorder = start('episodes:=none')
        cell.wanted = cell.made + 200
        goal = cell.made + chance.randrange(1, 40)
        cell.until(lambda goal=goal: cell.announced >= (cell.epoch, goal), f'{cell.last}')
        recorder.kill()
        announced.append(cell.announced)
        kept = rows(folder)
        assert kept == sorted(set(kept)), 'twice, or not in order'
        epoch, sequence = announced[-1]
        assert (epoch, sequence) in kept
        assert [n for e, n in kept if e == epoch][: sequence + 1] == list(range(sequence + 1))
    start('episodes:=none')
    cell.wanted = cell.made
    cell.until_kept(cell.made - 1)
    assert [n for e, n in rows(folder) if e == 2] == list(range(cell.made))
    assert len(cell.outbox) == 0


def test_a_full_disk_is_told_keeps_what_was_kept_and_is_used_again(cell, folder, start) -> None:
    limit = folder.path / 'limit'
    limit.write_text(str(folder.store.stat().st_size + 50_000))
    start('episodes:=none', program=[str(HERE / 'recorder_process.py')])
    cell.wanted = 3000
    cell.until(lambda: 'disk is full' in cell.last.reason, f'{cell.last}')
    full = cell.announced
    assert rows(folder) == [(1, number) for number in range(full[1] + 1)]
    cell.until(lambda: 'disk is full' in cell.said('recorder: experience'), 'no diagnostics')
    cell.wanted = cell.made
    limit.unlink()
    cell.until(lambda: cell.last.reason == '', f'{cell.last}')
    cell.until_kept(cell.made - 1)
    assert rows(folder) == [(1, number) for number in range(cell.made)]


def test_a_disk_that_is_stuck_stops_no_sign_of_life_and_loses_nothing(cell, folder, start) -> None:
    start('episodes:=none', program=[str(HERE / 'recorder_process.py')])
    cell.wanted = 5
    cell.until_kept(4)
    stuck = folder.path / 'stuck'
    stuck.touch()
    cell.wanted = 105
    cell.until(lambda: cell.made == 105, 'no steps')
    cell.say(ended())
    seen = len(cell.kept)
    cell.until(lambda: len(cell.kept) > seen + 5, 'it does not beat')
    assert cell.last.sequence <= 5
    assert cell.last.ended != 'e0'
    stuck.unlink()
    cell.until_kept(104)
    cell.until(lambda: cell.last.ended == 'e0', 'its end was not kept')
    assert rows(folder) == [(1, number) for number in range(105)]


def test_what_cannot_be_opened_is_said_at_the_start(folder, start, tmp_path) -> None:
    damaged = make_run(tmp_path / 'damaged')
    damaged.store.write_bytes(b'SQLite format 3\0' + bytes(range(256)) * 40)
    (tmp_path / 'file').touch()
    with reopen_experience(folder):
        children = [
            start(),
            start(f'run:={damaged.path}'),
            start(f'run:={tmp_path}', f'folder:={tmp_path / "file" / "below"}'),
        ]
        codes, said = zip(*(child.wait() for child in children), strict=True)
    assert codes == (2, 2, 2)
    assert 'another process writes it; a store has one writer' in said[0]
    assert 'damaged/experience.db: ' in said[1]
    assert 'robo-dopamine train --rollouts 0' in said[2]
    assert all(words.startswith('parameters: cannot record: ') for words in said), said


def test_a_series_goes_on_by_itself_when_the_recorder_is_back(cell, folder, start) -> None:
    conductor = Child(
        CONDUCTOR,
        *('episodes.recorded:=true', 'episodes.auto:=true', 'episodes.interval:=0.1'),
        *('episodes.task:=insert', 'episodes.time_limit:=60.0'),
    )
    try:
        request = topics.START_EPISODE.type.Request()
        refused = cell.call(topics.START_EPISODE, request)
        assert (refused.accepted, refused.reason) == (False, 'the recorder is silent')
        recorder = start('episodes:=none')
        cell.until(lambda: cell.call(topics.START_EPISODE, request).episode.id != '', 'no start')
        first = cell.episode
        recorder.kill()
        cell.until(lambda: cell.episode.phase is Phase.ENDED, 'it runs on unrecorded')
        assert (cell.episode.id, cell.episode.outcome) == (first.id, Outcome.ABORTED)
        assert cell.episode.decided_by == 'recorder: silent'
        start('episodes:=none')
        cell.until(lambda: cell.episode.phase is Phase.RUNNING, 'it does not go on')
        assert cell.episode.index == first.index + 1
        cell.until(lambda: cell.last.ended == first.id, f'{cell.last}')
    finally:
        conductor.kill()
