"""The learner as a process: it follows a store, answers at once, and loses nothing when it dies."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Child, Watcher
from small_run import CONFIG, add_policy_episode, make_run
from std_srvs.srv import SetBool, Trigger

from robo_dopamine_ros import checkpoint
from robo_dopamine_ros.policy import weights
from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg, to_msg
from robo_dopamine_ros.training.config import RunDir
from robo_dopamine_ros.types import Episode, LearnerStatus, Outcome, Phase

LEARNER = ['-m', 'robo_dopamine_ros.nodes.learner']
FIRST, EACH = CONFIG.online.pretraining_steps, CONFIG.online.updates_per_step
QUICK = ('loop.publish_period:=0.1', 'nice:=0')


class LearnerClient(Watcher):
    """Also keeps the statuses of the learner."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[LearnerStatus] = []
        self.subscribe(topics.LEARNER_STATUS, from_msg, self.statuses)
        topic = topics.EPISODE
        self._episode_publisher = self.node.create_publisher(topic.type, topic.name, topic.qos)

    def end(self, name: str, outcome: Outcome) -> None:
        self._episode_publisher.publish(to_msg(Episode(name, phase=Phase.ENDED, outcome=outcome)))

    def learned(self, steps: int) -> bool:
        return bool(self.statuses) and self.statuses[-1].updates == steps


@pytest.fixture
def client(domain: int) -> Iterator[LearnerClient]:
    with LearnerClient() as client:
        yield client


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return make_run(tmp_path / 'run')


@pytest.fixture
def learner(domain: int, run_dir: RunDir) -> Iterator[Child]:
    child = Child(LEARNER, f'run:={run_dir.path}', *QUICK)
    yield child
    child.kill()


def test_it_follows_the_store_and_answers_meanwhile(
    learner: Child, client: LearnerClient, run_dir: RunDir
) -> None:
    client.until(lambda: client.learned(FIRST), 'no status')
    assert math.isnan(client.statuses[-1].success_rate)
    add_policy_episode(run_dir, 'a', 7)
    due = FIRST + 7 * EACH
    client.until(lambda: client.learned(due), 'it does not learn')
    client.until(lambda: client.statuses[-1].policy_version > 1, 'nothing is published')
    assert weights.load_policy(run_dir.weights).version == client.statuses[-1].policy_version
    assert (client.statuses[-1].demonstrations, client.statuses[-1].replay) == (6, 7)
    assert all(math.isfinite(value) for value in client.statuses[-1].losses.values())
    assert client.call(topics.LEARNER_PAUSE, SetBool.Request(data=True)).success
    client.until(lambda: client.statuses[-1].paused, 'no pause told')
    add_policy_episode(run_dir, 'b', 100)
    client.until(lambda: client.statuses[-1].replay == 107, 'it does not look while it pauses')
    assert client.statuses[-1].updates == due
    client.call(topics.LEARNER_PAUSE, SetBool.Request(data=False))
    saved = client.call(topics.LEARNER_SAVE, Trigger.Request())
    assert saved.success, saved.message
    kept = int(checkpoint.load(run_dir.checkpoint).tensors['updates'])
    assert due <= kept
    client.until(lambda: client.learned(due + 100 * EACH), 'it does not catch up')
    assert learner.interrupt()[0] == 0
    assert int(checkpoint.load(run_dir.checkpoint).tensors['updates']) == due + 100 * EACH


def test_a_killed_one_goes_on_and_versions_rise(
    learner: Child, client: LearnerClient, run_dir: RunDir
) -> None:
    add_policy_episode(run_dir, 'a', 5)
    due = FIRST + 5 * EACH
    client.until(lambda: client.learned(due), 'it does not learn')
    client.until(lambda: client.statuses[-1].policy_version > 1, 'nothing is published')
    version = client.statuses[-1].policy_version
    for name, outcome in (('x', Outcome.SUCCESS), ('y', Outcome.TIME_LIMIT)):
        client.end(name, outcome)
        client.until(lambda: not math.isnan(client.statuses[-1].success_rate), 'no rate')
    client.until(lambda: client.statuses[-1].success_rate == 0.5, 'the second end is not counted')
    client.call(topics.LEARNER_SAVE, Trigger.Request())
    learner.kill()
    client.statuses.clear()
    second = Child(LEARNER, f'run:={run_dir.path}', *QUICK)
    try:
        client.until(lambda: client.learned(due), 'it does not go on')
        assert client.statuses[-1].success_rate == 0.5
        add_policy_episode(run_dir, 'b', 2)
        client.until(
            lambda: client.statuses[-1].policy_version > version, 'nothing new is published'
        )
        assert min(one.policy_version for one in client.statuses) >= version
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
    domain: int, run_dir: RunDir, harm, said: str
) -> None:
    harm(run_dir.checkpoint)
    code, errors = Child(LEARNER, f'run:={run_dir.path}').wait()
    assert code == 2
    assert said in errors
    assert 'Traceback' not in errors


def test_losses_that_are_no_numbers_are_an_error_for_all_to_see(
    domain: int, client: LearnerClient, run_dir: RunDir
) -> None:
    kept = checkpoint.load(run_dir.checkpoint)
    name = next(name for name in kept.tensors if name.startswith('critic.'))
    kept.tensors[name].fill_(math.nan)
    checkpoint.save(run_dir.checkpoint, kept.tensors, kept.configuration, kept.metadata)
    before = run_dir.weights.read_bytes()
    child = Child(LEARNER, f'run:={run_dir.path}', *QUICK)
    try:
        add_policy_episode(run_dir, 'a', 3)
        client.until(
            lambda: 'learning stopped' in client.said('learner: learner'), 'nothing is said of it'
        )
        assert client.health['learner: learner'].level == b'\2'
        answer = client.call(topics.LEARNER_SAVE, Trigger.Request())
        assert not answer.success
        assert 'learning stopped' in answer.message
        assert child.interrupt()[0] == 0
        assert run_dir.weights.read_bytes() == before
    finally:
        child.kill()


def test_it_answers_while_it_learns_and_stops_in_the_middle(
    learner: Child, client: LearnerClient, run_dir: RunDir
) -> None:
    add_policy_episode(run_dir, 'a', 800)
    client.until(
        lambda: bool(client.statuses) and client.statuses[-1].updates > FIRST, 'it does not learn'
    )
    for _ in range(5):
        assert client.call(topics.LEARNER_SAVE, Trigger.Request()).success
    assert client.statuses[-1].updates < FIRST + 800 * EACH, 'it was done by then'
    code, errors = learner.interrupt()
    assert code == 0
    assert 'no checkpoint' not in errors
    assert (
        int(checkpoint.load(run_dir.checkpoint).tensors['updates']) >= client.statuses[-1].updates
    )
