"""The recorder as a process: what it announced is on disk, whatever happens to it or the disk."""

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import EPISODE_MANAGER, HERE, Child, Watcher
from small_run import CONFIG, SPEC, make_run

from robo_dopamine_ros.experience.types import Observation, Step, StepId
from robo_dopamine_ros.nodes.step_messages import step_to_msg
from robo_dopamine_ros.policy.loop import SendBuffer
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.training.config import RunDir, reopen_experience_writer
from robo_dopamine_ros.training.workplace import Workplace
from robo_dopamine_ros.types import SECOND, Episode, Mode, Outcome, Phase, Progress, RecorderStatus

RECORDER = ['-m', 'robo_dopamine_ros.nodes.recorder']
KEYS = (
    'SELECT epoch, sequence FROM steps JOIN actors ON actors.id = actor '
    "WHERE run = 'live' ORDER BY steps.id"
)
START = 1_700_000_000 * SECOND
TICK = 0.02  # [s] between two steps: five times as fast as a real one


def step(number: int, epoch: int, episode: str = 'e0') -> Step:
    begin, end = (
        Observation(
            START + (number + i) * SECOND // 10,
            np.full(SPEC.features, number + i, np.float16),
            np.full(SPEC.state, number + i, np.float32),
        )
        for i in (0, 1)
    )
    twist = np.array([number, 0, 0, 0, 0, 0]) / 64
    return Step(StepId('live', epoch, number), episode, begin, end, Mode.POLICY, twist, 0.0, 0.0, 1)


class Cell(Watcher):
    """All inputs of a recorder; the policy makes steps while `made` grows towards `wanted`."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: list[RecorderStatus] = []
        self.wanted = self.made = 0
        self._start(1)
        self._publishers_of: dict[str, Any] = {
            topic.name: self.node.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (topics.STEP, topics.PROGRESS, topics.EPISODE)
        }
        self.ended: Episode | None = None
        self.subscribe(topics.RECORDER_STATUS, from_msg, self.stored)
        self.subscribe(
            topics.RECORDER_STATUS,
            lambda m: self.buffer.on_status(from_msg(m), self._now()),
            [],
        )
        self.node.create_timer(TICK, self._tick)
        self.node.create_timer(0.2, self._heartbeat)

    def _start(self, epoch: int) -> None:
        self.epoch, self.made, self.buffer = epoch, 0, SendBuffer(epoch)

    def _now(self) -> float:
        return self.node.get_clock().now().nanoseconds / SECOND

    def _tick(self) -> None:
        if self.made < self.wanted:
            self.buffer.add(step(self.made, self.epoch))
            self.made += 1
        for due in self.buffer.steps_to_send(self._now()):
            self._publishers_of[topics.STEP.name].publish(step_to_msg(due, 'base'))

    def _heartbeat(self) -> None:
        if self.ended is not None:
            self._publishers_of[topics.EPISODE.name].publish(to_msg(self.ended))

    def say(self, noun: Episode | Progress) -> None:
        if isinstance(noun, Episode):
            self.ended = noun
            self._heartbeat()
        else:
            self._publishers_of[topics.PROGRESS.name].publish(to_msg(noun))

    @property
    def last(self) -> RecorderStatus:
        return self.stored[-1] if self.stored else RecorderStatus(0)

    def until_stored(self, sequence: int) -> None:
        self.until(lambda: self.announced == (self.epoch, sequence), f'{self.last}')

    @property
    def announced(self) -> tuple[int, int]:
        return self.last.epoch, self.last.sequence


@pytest.fixture
def cell(domain: int) -> Iterator[Cell]:
    with Cell() as cell:
        yield cell


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return make_run(tmp_path / 'run')


@pytest.fixture
def start(run_dir: RunDir, domain: int) -> Iterator[Callable[..., Child]]:
    """Start a recorder of the run_dir; each is killed in the end."""
    children: list[Child] = []

    def start(*parameters: str, program: list[str] = RECORDER) -> Child:
        children.append(Child(program, f'run:={run_dir.path}', *parameters))
        return children[-1]

    yield start
    for child in children:
        child.kill()


def rows(run_dir: RunDir, query: str = KEYS) -> list[tuple]:
    with closing(sqlite3.connect(run_dir.database)) as db:
        return db.execute(query).fetchall()


def ended(name: str = 'e0') -> Episode:
    word = Episode(name, 0, 'insert', Phase.ENDED, Outcome.SUCCESS, 'Ada')
    return replace(word, stamp=START + SECOND)


def test_what_is_told_is_kept_and_then_announced(cell, run_dir, start) -> None:
    recorder = start('episodes:=none')
    cell.wanted = 10
    cell.until_stored(9)
    reading = Progress(START + 2 * SECOND, 'e0', progress=0.75, valid=True)
    cell.say(reading)
    cell.say(replace(reading, valid=False, stamp=START + 3 * SECOND))
    cell.say(ended())
    cell.until(lambda: cell.last.ended_episode == 'e0', 'its end was not stored')
    sealed = (
        'SELECT count(*) FROM transitions JOIN steps ON id = step WHERE actor = '
        "(SELECT id FROM actors WHERE run = 'live')"
    )
    cell.until(lambda: rows(run_dir, sealed) == [(10,)], 'what ended was not sealed')
    cell.until(lambda: cell.said('recorder: experience') == 'ok', 'no diagnostics')
    code, said = recorder.interrupt()
    assert (code, said) == (0, '')
    assert rows(run_dir) == [(1, number) for number in range(10)]
    told = rows(run_dir, "SELECT outcome, decided_by, task FROM episodes WHERE name = 'e0'")
    assert told == [(Outcome.SUCCESS, 'Ada', 'insert')]
    readings = 'SELECT progress FROM readings JOIN episodes e ON e.id = episode '
    assert rows(run_dir, readings + "WHERE name = 'e0'") == [(0.75,)]
    reopen_experience_writer(run_dir).close()  # nobody holds it


def test_killed_at_any_moment_nothing_announced_is_lost_and_nothing_is_there_twice(
    cell, run_dir, start
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
        stored = rows(run_dir)
        assert stored == sorted(set(stored)), 'twice, or not in order'
        epoch, sequence = announced[-1]
        assert (epoch, sequence) in stored
        assert [n for e, n in stored if e == epoch][: sequence + 1] == list(range(sequence + 1))
    start('episodes:=none')
    cell.wanted = cell.made
    cell.until_stored(cell.made - 1)
    assert [n for e, n in rows(run_dir) if e == 2] == list(range(cell.made))
    assert len(cell.buffer) == 0


def test_a_full_disk_is_told_keeps_what_was_kept_and_is_used_again(cell, run_dir, start) -> None:
    limit = run_dir.path / 'limit'
    limit.write_text(str(run_dir.database.stat().st_size + 50_000))
    start('episodes:=none', program=[str(HERE / 'recorder_process.py')])
    cell.wanted = 3000
    cell.until(lambda: 'disk is full' in cell.last.reason, f'{cell.last}')
    full = cell.announced
    assert rows(run_dir) == [(1, number) for number in range(full[1] + 1)]
    cell.until(lambda: 'disk is full' in cell.said('recorder: experience'), 'no diagnostics')
    cell.wanted = cell.made
    limit.unlink()
    cell.until(lambda: cell.last.reason == '', f'{cell.last}')
    cell.until_stored(cell.made - 1)
    assert rows(run_dir) == [(1, number) for number in range(cell.made)]


def test_a_disk_that_is_stuck_stops_no_sign_of_life_and_loses_nothing(cell, run_dir, start) -> None:
    start('episodes:=none', program=[str(HERE / 'recorder_process.py')])
    cell.wanted = 5
    cell.until_stored(4)
    stuck = run_dir.path / 'stuck'
    stuck.touch()
    cell.wanted = 105
    cell.until(lambda: cell.made == 105, 'no steps')
    cell.say(ended())
    seen = len(cell.stored)
    cell.until(lambda: len(cell.stored) > seen + 5, 'it does not beat')
    assert cell.last.sequence <= 5
    assert cell.last.ended_episode != 'e0'
    stuck.unlink()
    cell.until_stored(104)
    cell.until(lambda: cell.last.ended_episode == 'e0', 'its end was not stored')
    assert rows(run_dir) == [(1, number) for number in range(105)]


def test_what_cannot_be_opened_is_said_at_the_start(run_dir, start, tmp_path) -> None:
    damaged = make_run(tmp_path / 'damaged')
    damaged.database.write_bytes(b'SQLite format 3\0' + bytes(range(256)) * 40)
    (tmp_path / 'file').touch()
    with reopen_experience_writer(run_dir):
        children = [
            start(),
            start(f'run:={damaged.path}'),
            start(f'run:={tmp_path}', f'folder:={tmp_path / "file" / "below"}'),
        ]
        codes, said = zip(*(child.wait() for child in children), strict=True)
    assert codes == (2, 2, 2)
    assert 'another process writes it; a database has one writer' in said[0]
    assert 'damaged/experience.db: ' in said[1]
    assert 'robo-dopamine train --rollouts 0' in said[2]
    assert all(words.startswith('parameters: cannot record: ') for words in said), said


UR = Workplace('cell', 'position_controller', ('elbow_joint',), 'base', 'tool0')
PIPER = replace(UR, arm='agx', base_frame='base_link')


@pytest.mark.parametrize('node', ['recorder', 'policy'])
def test_a_run_of_another_arm_is_refused_by_the_node_itself(domain, tmp_path, node: str) -> None:
    run = make_run(tmp_path / 'run', replace(CONFIG, workplace=UR)).path
    place = f'workplace:={json.dumps(PIPER.to_json())}'  # as a cell passes it
    child = Child(['-m', f'robo_dopamine_ros.nodes.{node}'], f'run:={run}', place)
    try:
        code, said = child.wait()
    finally:
        child.kill()
    assert code == 2
    assert f'{run} belongs to a cell (arm position_controller, joints elbow_joint' in said
    assert 'arm is position_controller there, agx here' in said


def test_a_series_goes_on_by_itself_when_the_recorder_is_back(cell, run_dir, start) -> None:
    episode_manager = Child(
        EPISODE_MANAGER,
        *('episodes.require_recorder:=true', 'episodes.auto_start:=true', 'episodes.interval:=0.1'),
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
        cell.until(lambda: cell.last.ended_episode == first.id, f'{cell.last}')
    finally:
        episode_manager.kill()
