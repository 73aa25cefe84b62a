"""Nodes whose ROS time stands still, goes back or leaps: limits hold, as they do not use it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from processes import EPISODE_MANAGER, Child, Watcher
from rosgraph_msgs.msg import Clock

from robo_dopamine_ros.nodes import episode_recorder
from robo_dopamine_ros.nodes.episode_recorder import EpisodeRecorder, RecorderParameters
from robo_dopamine_ros.ros import topics, view_poller
from robo_dopamine_ros.ros.cameras import CameraParameters, CameraStats, Match
from robo_dopamine_ros.ros.convert import from_time, to_msg, to_time
from robo_dopamine_ros.ros.view_poller import ViewPoller
from robo_dopamine_ros.types import (
    SECOND,
    ArmCommand,
    Control,
    Episode,
    Mode,
    Outcome,
    Phase,
    Pose,
    Progress,
    Views,
)

CODE = Path(view_poller.__file__).parents[1]
HOUR = 3600 * SECOND
NOON = 100 * HOUR


@pytest.fixture
def episode_manager(domain: int) -> Iterator[Child]:
    child = Child(EPISODE_MANAGER, 'use_sim_time:=true', 'episodes.task:=t',
                  'episodes.time_limit:=3.0', 'episodes.reward_timeout:=1.0')  # fmt: skip
    yield child
    child.kill()


class Clocked(Watcher):
    """Publishes `/clock`, and what an episode depends on."""

    def __init__(self) -> None:
        super().__init__()
        self._times: list[int] = []  # ROS time of the episode manager [ns]
        self.subscribe(
            topics.DIAGNOSTICS, lambda message: from_time(message.header.stamp), self._times
        )
        self._clock = self.node.create_publisher(Clock, '/clock', 10)
        self._topics = {
            topic.name: self.node.create_publisher(topic.type, topic.name, topic.qos)
            for topic in (topics.PROGRESS, topics.CONTROL)
        }

    def show(self, stamp: int) -> None:
        self._clock.publish(Clock(clock=to_time(stamp)))

    def start(self) -> None:
        """Start an episode at noon, of a cell with gate and reward model."""

        def clocked() -> bool:
            self.show(NOON)
            return NOON in self._times

        self.until(clocked, 'it does not read /clock')
        reply = self.call(topics.START_EPISODE, topics.StartEpisode.Request())
        assert reply.accepted or 'runs; end it first' in reply.reason, reply.reason
        self.until(lambda: self.episode.phase is Phase.RUNNING, 'no episode runs')

    def read(self, stamp: int) -> None:
        reading = Progress(stamp, self.episode.id, valid=True, step=1)
        self._topics[topics.PROGRESS.name].publish(to_msg(reading))

    def tick_gate(self, stamp: int) -> None:
        pose, still = Pose(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])), np.zeros(6)
        control = Control(
            stamp, Mode.HOLD, False, '', '', ArmCommand(stamp, still, gripper=0.0), pose, still
        )
        self._topics[topics.CONTROL.name].publish(to_msg(control, 'base'))


@pytest.mark.parametrize('now', [NOON - HOUR, NOON], ids=['set back', 'standing still'])
@pytest.mark.parametrize(
    ('silent', 'said'),
    [('', 'clock'), ('gate', 'gate: silent'), ('reward', 'silence of the reward model')],
)
def test_an_episode_ends_in_time_whatever_ros_time_does(
    episode_manager: Child, domain: int, now: int, silent: str, said: str
) -> None:
    with Clocked() as cell:
        cell.start()
        cell.tick_gate(NOON)
        cell.read(NOON)

        def ended() -> bool:
            cell.show(now)
            if silent != 'gate':
                cell.tick_gate(now)
            if silent != 'reward':
                cell.read(now)
            return cell.episode.phase is Phase.ENDED

        cell.until(ended, 'it runs on')
        assert cell.episode.decided_by == said
        timely = cell.episode.outcome is Outcome.TIME_LIMIT
        assert timely == (not silent)


class FrozenCameras:
    """Cameras that gave sets of views with these stamps, and no more."""

    def __init__(self, *stamps: int) -> None:
        self.stats = CameraStats()
        self._matches: list[Match[int]] = [Match({'front': 0}, {'front': s}, {}) for s in stamps]

    def poll(self) -> Match[int] | None:
        return self._matches.pop(0) if self._matches else None

    def convert(self, match: Match[int]) -> tuple[Views, dict[str, str]]:
        return Views({'front': np.zeros((2, 2, 3), np.uint8)}, match.stamps), {}


@pytest.mark.parametrize(
    ('ros_time', 'said'),
    [
        (NOON, 'no new views for 0.25 s'),
        (NOON - HOUR, 'the views are 3600.00 s ahead of the clock, which was set back'),
        (NOON + HOUR, 'front: '),
        (NOON + SECOND // 4, 'front: '),
    ],
)
def test_frozen_views_are_stale_at_any_ros_time(
    monkeypatch: pytest.MonkeyPatch, ros_time: int, said: str
) -> None:
    monkeypatch.setattr(view_poller, 'open_cameras', lambda node, p: FrozenCameras(NOON))
    poller = ViewPoller(None, CameraParameters(views=('front',)), 0.2)
    assert poller.stale_reason(9.9, NOON) == 'front: no picture yet'
    assert poller.poll(10.0) is not None
    assert poller.stale_reason(10.1, NOON + SECOND // 10) == ''
    assert poller.stale_reason(10.25, ros_time).startswith(said)


class Node:
    """A node of which only the clock is asked."""

    def __init__(self) -> None:
        self.nanoseconds = NOON

    def get_clock(self) -> 'Node':
        return self

    now = get_clock


class Writer:
    """Episodes that were begun."""

    fault = ''

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.begin = self.begun.append
        self.sets = 0
        self.records: list[object] = []

    def add_views(self, convert: object) -> None:
        self.sets += 1

    def finish(self, episode: str, record: object) -> None:
        self.records.append(record)


def test_a_recorder_records_after_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episode_recorder, 'open_cameras', lambda node, p: FrozenCameras(NOON))
    writer = Writer()
    recorder = EpisodeRecorder(Node(), RecorderParameters(folder='f'), writer)
    recorder.on_episode(Episode('old', phase=Phase.RUNNING, stamp=NOON - SECOND))
    assert writer.begun == [], 'it began before the recorder did'
    recorder.on_episode(
        Episode('old', phase=Phase.ENDED, outcome=Outcome.FAILURE, stamp=NOON + SECOND)
    )
    recorder.on_episode(Episode('new', phase=Phase.RUNNING, stamp=NOON - HOUR))
    assert writer.begun == ['new']


def test_what_is_recorded_ends_where_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = [NOON + SECOND, NOON + 2 * SECOND, NOON - HOUR, NOON - HOUR + SECOND]
    monkeypatch.setattr(episode_recorder, 'open_cameras', lambda node, p: FrozenCameras(*stamps))
    writer = Writer()
    recorder = EpisodeRecorder(Node(), RecorderParameters(folder='f', episodes='all'), writer)
    recorder.on_episode(Episode('a', phase=Phase.RUNNING, stamp=NOON))
    for _ in stamps:
        recorder.tick()
    ended = Episode('a', phase=Phase.ENDED, outcome=Outcome.SUCCESS, stamp=NOON - HOUR + SECOND)
    recorder.on_episode(ended)
    recorder.tick()
    assert writer.sets == 2
    (record,) = writer.records
    assert record.metadata['missing'] == 'what came after the clock was set back'
    assert record.outcome is Outcome.NONE


def test_every_timer_is_on_the_steady_clock() -> None:
    for path in [*CODE.glob('nodes/*.py'), *CODE.glob('ros/*.py')]:
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, 'attr', '') == 'create_timer':
                names = {keyword.arg for keyword in call.keywords}
                clocked = 'clock' in names or len(call.args) > 3
                assert clocked, f'{path.name}:{call.lineno}: a timer of ROS time can stand still'
