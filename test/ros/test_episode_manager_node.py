"""The episode manager as a process: its episodes reach every subscriber, late joiners too."""

from collections.abc import Iterator

import pytest
from processes import EPISODE_MANAGER, Child, Watcher

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import to_msg
from robo_dopamine_ros.types import SECOND, Outcome, Phase, Progress


@pytest.fixture
def episode_manager(domain: int) -> Iterator[Child]:
    child = Child(
        EPISODE_MANAGER,
        'episodes.accept_candidates:=true',
        'episodes.grace_period:=0.3',
        'episodes.time_limit:=60.0',
    )
    yield child
    child.kill()


def phase(watcher: Watcher) -> Phase | None:
    return watcher.episodes[-1].phase if watcher.episodes else None


def propose(watcher: Watcher) -> None:
    """Publish a success candidate until the episode has ended."""
    topic = topics.PROGRESS
    publisher = watcher.node.create_publisher(topic.type, topic.name, topic.qos)

    def ended() -> bool:
        reading = Progress(
            stamp=SECOND, episode=watcher.episodes[-1].id, valid=True, success_candidate=True
        )
        publisher.publish(to_msg(reading))
        return phase(watcher) is Phase.ENDED

    watcher.until(ended, 'the proposal was not accepted')


def test_episodes_start_and_end_on_request_and_by_proposal(
    episode_manager: Child, watcher: Watcher
) -> None:
    watcher.until(lambda: phase(watcher) is Phase.IDLE, 'no episode said')
    started = watcher.start_episode('insert the peg', 20.0, lambda: None)
    assert (started.phase, started.index, started.task) == (Phase.RUNNING, 0, 'insert the peg')
    with Watcher() as late:
        late.until(lambda: phase(late) is Phase.RUNNING, 'a late joiner knows nothing')
    with pytest.raises(RuntimeError, match=f'episode {started.id} runs; end it first'):
        watcher.start_episode('another', 20.0, lambda: None)
    ended = watcher.end_episode(Outcome.FAILURE, 'Ada', 20.0, lambda: None)
    assert (ended.outcome, ended.decided_by) == (Outcome.FAILURE, 'Ada')
    again = watcher.start_episode('', 20.0, lambda: None)
    assert (again.index, again.task) == (1, 'insert the peg')
    propose(watcher)
    assert (watcher.episodes[-1].outcome, watcher.episodes[-1].decided_by) == (
        Outcome.SUCCESS,
        'grm',
    )
    code, said = episode_manager.interrupt()
    assert code == 0
    assert f'{again.id}: ended: success by grm' in said


def test_an_outcome_that_does_not_exist_is_refused(
    episode_manager: Child, watcher: Watcher
) -> None:
    answer = watcher.call(topics.END_EPISODE, topics.END_EPISODE.type.Request(outcome=9))
    assert not answer.accepted
    assert answer.reason == '9 is not a valid Outcome'
