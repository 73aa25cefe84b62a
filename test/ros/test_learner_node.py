"""The learner as a process: it follows a store, answers at once, and loses nothing when it dies."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Child, Watcher
from small_run import PLAN, make_run, practise
from std_srvs.srv import SetBool, Trigger

from robo_dopamine_ros.learning import checkpoint, weights
from robo_dopamine_ros.learning.folder import Folder
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import episode_to_msg, learner_status_from_msg
from robo_dopamine_ros.types import Episode, LearnerStatus, Outcome, Phase

LEARNER = ['-m', 'robo_dopamine_ros.nodes.learner']
FIRST, EACH = PLAN.practice.pretraining, PLAN.practice.updates
QUICK = ('lessons.publish:=0.1', 'nice:=0')


class Class(Watcher):
    """Also keeps what the learner says."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[LearnerStatus] = []
        self.keep(topics.LEARNER_STATUS, learner_status_from_msg, self.told)
        topic = topics.EPISODE
        self._words = self.node.create_publisher(topic.type, topic.name, topic.qos)

    def end(self, name: str, outcome: Outcome) -> None:
        self._words.publish(episode_to_msg(Episode(name, phase=Phase.ENDED, outcome=outcome)))

    def learned(self, steps: int) -> bool:
        return bool(self.told) and self.told[-1].steps == steps


@pytest.fixture
def room(domain: int) -> Iterator[Class]:
    with Class() as room:
        yield room


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return make_run(tmp_path / 'run')


@pytest.fixture
def learner(domain: int, folder: Folder) -> Iterator[Child]:
    child = Child(LEARNER, f'run:={folder.path}', *QUICK)
    yield child
    child.kill()


def test_it_follows_the_store_and_answers_meanwhile(
    learner: Child, room: Class, folder: Folder
) -> None:
    room.until(lambda: room.learned(FIRST), 'no status')
    assert math.isnan(room.told[-1].success_rate)
    practise(folder, 'a', 7)
    due = FIRST + 7 * EACH
    room.until(lambda: room.learned(due), 'it does not learn')
    room.until(lambda: room.told[-1].policy_version > 1, 'nothing is published')
    assert weights.read(folder.weights).version == room.told[-1].policy_version
    assert (room.told[-1].demonstrations, room.told[-1].replay) == (6, 7)
    assert all(math.isfinite(value) for value in room.told[-1].losses.values())
    assert room.call(topics.LEARNER_PAUSE, SetBool.Request(data=True)).success
    room.until(lambda: room.told[-1].paused, 'no pause told')
    practise(folder, 'b', 100)
    room.until(lambda: room.told[-1].replay == 107, 'it does not look while it pauses')
    assert room.told[-1].steps == due
    room.call(topics.LEARNER_PAUSE, SetBool.Request(data=False))
    saved = room.call(topics.LEARNER_SAVE, Trigger.Request())
    assert saved.success, saved.message
    kept = int(checkpoint.load(folder.checkpoint).tensors['updates'])
    assert due <= kept
    room.until(lambda: room.learned(due + 100 * EACH), 'it does not catch up')
    assert learner.interrupt()[0] == 0
    assert int(checkpoint.load(folder.checkpoint).tensors['updates']) == due + 100 * EACH


def test_a_killed_one_goes_on_and_versions_rise(
    learner: Child, room: Class, folder: Folder
) -> None:
    practise(folder, 'a', 5)
    due = FIRST + 5 * EACH
    room.until(lambda: room.learned(due), 'it does not learn')
    room.until(lambda: room.told[-1].policy_version > 1, 'nothing is published')
    version = room.told[-1].policy_version
    for name, outcome in (('x', Outcome.SUCCESS), ('y', Outcome.TIME_LIMIT)):
        room.end(name, outcome)
        room.until(lambda: not math.isnan(room.told[-1].success_rate), 'no rate')
    room.until(lambda: room.told[-1].success_rate == 0.5, 'the second end is not counted')
    room.call(topics.LEARNER_SAVE, Trigger.Request())
    learner.kill()
    room.told.clear()
    second = Child(LEARNER, f'run:={folder.path}', *QUICK)
    try:
        room.until(lambda: room.learned(due), 'it does not go on')
        assert room.told[-1].success_rate == 0.5
        practise(folder, 'b', 2)
        room.until(lambda: room.told[-1].policy_version > version, 'nothing new is published')
        assert min(one.policy_version for one in room.told) >= version
        second.popen.terminate()
        assert second.wait()[0] == 0
    finally:
        second.kill()


@pytest.mark.parametrize(
    ('harm', 'said'),
    [
        (lambda path: path.unlink(), 'without checkpoint.safetensors it is no run'),
        (lambda path: path.write_bytes(path.read_bytes()[:500]), 'cut off, damaged or no'),
    ],
)
def test_a_run_without_a_good_checkpoint_is_refused(
    domain: int, folder: Folder, harm, said: str
) -> None:
    harm(folder.checkpoint)
    code, errors = Child(LEARNER, f'run:={folder.path}').wait()
    assert code == 2
    assert said in errors
    assert 'Traceback' not in errors


def test_losses_that_are_no_numbers_are_an_error_for_all_to_see(
    domain: int, room: Class, folder: Folder
) -> None:
    kept = checkpoint.load(folder.checkpoint)
    name = next(name for name in kept.tensors if name.startswith('critic.'))
    kept.tensors[name].fill_(math.nan)
    checkpoint.save(folder.checkpoint, kept.tensors, kept.configuration, kept.facts)
    before = folder.weights.read_bytes()
    child = Child(LEARNER, f'run:={folder.path}', *QUICK)
    try:
        practise(folder, 'a', 3)
        room.until(
            lambda: 'learning stopped' in room.said('learner: learner'), 'nothing is said of it'
        )
        assert room.health['learner: learner'].level == b'\2'
        answer = room.call(topics.LEARNER_SAVE, Trigger.Request())
        assert not answer.success
        assert 'learning stopped' in answer.message
        assert child.interrupt()[0] == 0
        assert folder.weights.read_bytes() == before
    finally:
        child.kill()


def test_it_answers_while_it_learns_and_stops_in_the_middle(
    learner: Child, room: Class, folder: Folder
) -> None:
    practise(folder, 'a', 800)
    room.until(lambda: bool(room.told) and room.told[-1].steps > FIRST, 'it does not learn')
    for _ in range(5):
        assert room.call(topics.LEARNER_SAVE, Trigger.Request()).success
    assert room.told[-1].steps < FIRST + 800 * EACH, 'it was done by then'
    code, errors = learner.interrupt()
    assert code == 0
    assert 'no checkpoint' not in errors
    assert int(checkpoint.load(folder.checkpoint).tensors['updates']) >= room.told[-1].steps
