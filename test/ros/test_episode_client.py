"""Episodes start and end once each, though the network loses requests and answers."""

from collections.abc import Iterator

import pytest
from processes import EPISODE_MANAGER, HERE, Child, Watcher

from robo_dopamine_ros.ros.episode_client import EpisodeRequestError
from robo_dopamine_ros.types import Episode, Outcome, Phase

LOSSY = str(HERE / 'lossy_episode_manager.py')
TIMEOUT = 30.0  # [s]


@pytest.fixture
def episode_manager(domain: int, request: pytest.FixtureRequest) -> Iterator[Child]:
    child = Child([LOSSY, request.param])
    yield child
    child.kill()


def start(watcher: Watcher, task: str) -> Episode:
    return watcher.start_episode(task, TIMEOUT, lambda: None)


def end(watcher: Watcher, outcome: Outcome, decided_by: str) -> Episode:
    return watcher.end_episode(outcome, decided_by, TIMEOUT, lambda: None)


@pytest.mark.parametrize(
    'episode_manager', ['request', 'answer', 'answers, late topic'], indirect=True
)
def test_lost_messages_do_not_repeat_or_lose_a_request(
    episode_manager: Child, watcher: Watcher
) -> None:
    started = start(watcher, 'insert')
    assert (started.index, started.task, started.phase) == (0, 'insert', Phase.RUNNING)
    with pytest.raises(EpisodeRequestError, match=f'episode {started.id} runs; end it first'):
        start(watcher, 'another')
    ended = end(watcher, Outcome.SUCCESS, 'Ada')
    assert (ended.id, ended.outcome, ended.decided_by) == (started.id, Outcome.SUCCESS, 'Ada')
    assert start(watcher, '').index == 1
    watcher.until(lambda: watcher.episode.index == 1, 'the topic episode is silent')
    assert [e.index for e in watcher.episodes if e.phase is Phase.RUNNING] == [0, 1]


@pytest.mark.parametrize('episode_manager', ['answers'], indirect=True)
def test_the_episode_of_another_client_is_no_answer(
    episode_manager: Child, watcher: Watcher
) -> None:
    with Watcher() as other:
        running = start(other, 'insert')
        watcher.until(lambda: watcher.episode == running, 'the topic episode is silent')
        with pytest.raises(EpisodeRequestError, match=f'episode {running.id} runs; end it first'):
            start(watcher, 'insert')
        end(other, Outcome.FAILURE, 'Ada')
        watcher.until(lambda: watcher.episode.phase is Phase.ENDED, 'the topic episode is silent')
        with pytest.raises(EpisodeRequestError, match=f'{running.id} has ended: FAILURE by Ada'):
            end(watcher, Outcome.FAILURE, 'Ada')


def test_a_missing_service_is_reported(domain: int, watcher: Watcher) -> None:
    with pytest.raises(EpisodeRequestError, match='start_episode is not offered in time'):
        watcher.start_episode('insert', 0.1, lambda: None)


def test_the_check_ends_the_wait(watcher: Watcher) -> None:
    def dead() -> None:
        raise ChildProcessError('episode manager died')

    with pytest.raises(ChildProcessError, match='episode manager died'):
        watcher.start_episode('insert', TIMEOUT, dead)


def test_an_episode_manager_that_starts_later_is_awaited(domain: int, watcher: Watcher) -> None:
    late: list[Child] = []

    def start_late() -> None:
        if not late:
            late.append(Child(EPISODE_MANAGER))

    try:
        assert watcher.start_episode('insert', TIMEOUT, start_late).index == 0
    finally:
        for child in late:
            child.kill()
