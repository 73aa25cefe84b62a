"""Episodes start and end once each, though the network loses requests, answers and words."""

from collections.abc import Iterator

import pytest
from processes import CONDUCTOR, HERE, Child, Watcher

from robo_dopamine_ros.ros.episode_client import RefusedError
from robo_dopamine_ros.types import Episode, Outcome, Phase

LOSSY = str(HERE / 'lossy_conductor.py')
PATIENCE = 30.0  # [s]


@pytest.fixture
def watcher(domain: int) -> Iterator[Watcher]:
    with Watcher() as watcher:
        yield watcher


@pytest.fixture
def conductor(domain: int, request: pytest.FixtureRequest) -> Iterator[Child]:
    child = Child([LOSSY, request.param])
    yield child
    child.kill()


def start(watcher: Watcher, task: str) -> Episode:
    return watcher.start_episode(task, PATIENCE, lambda: None)


def end(watcher: Watcher, outcome: Outcome, by: str) -> Episode:
    return watcher.end_episode(outcome, by, PATIENCE, lambda: None)


@pytest.mark.parametrize('conductor', ['request', 'answer', 'answers and word'], indirect=True)
def test_what_is_lost_is_neither_missed_nor_done_twice(conductor: Child, watcher: Watcher) -> None:
    started = start(watcher, 'insert')
    assert (started.index, started.task, started.phase) == (0, 'insert', Phase.RUNNING)
    with pytest.raises(RefusedError, match=f'episode {started.id} runs; end it first'):
        start(watcher, 'another')
    ended = end(watcher, Outcome.SUCCESS, 'Ada')
    assert (ended.id, ended.outcome, ended.decided_by) == (started.id, Outcome.SUCCESS, 'Ada')
    assert start(watcher, '').index == 1
    watcher.until(lambda: watcher.episode.index == 1, 'the conductor did not tell')
    assert [e.index for e in watcher.episodes if e.phase is Phase.RUNNING] == [0, 1]


@pytest.mark.parametrize('conductor', ['answers'], indirect=True)
def test_the_episode_of_another_is_no_answer(conductor: Child, watcher: Watcher) -> None:
    with Watcher() as other:
        running = start(other, 'insert')
        watcher.until(lambda: watcher.episode == running, 'the conductor did not tell')
        with pytest.raises(RefusedError, match=f'episode {running.id} runs; end it first'):
            start(watcher, 'insert')
        end(other, Outcome.FAILURE, 'Ada')
        watcher.until(lambda: watcher.episode.phase is Phase.ENDED, 'the conductor did not tell')
        with pytest.raises(RefusedError, match=f'{running.id} has ended: FAILURE by Ada'):
            end(watcher, Outcome.FAILURE, 'Ada')


def test_silence_is_named(domain: int, watcher: Watcher) -> None:
    with pytest.raises(RefusedError, match='start_episode is not offered in time'):
        watcher.start_episode('insert', 0.1, lambda: None)


def test_the_check_ends_the_waiting(watcher: Watcher) -> None:
    def dead() -> None:
        raise ChildProcessError('conductor died')

    with pytest.raises(ChildProcessError, match='conductor died'):
        watcher.start_episode('insert', PATIENCE, dead)


def test_a_conductor_that_comes_later_is_waited_for(domain: int, watcher: Watcher) -> None:
    late: list[Child] = []

    def come() -> None:
        if not late:
            late.append(Child(CONDUCTOR))

    try:
        assert watcher.start_episode('insert', PATIENCE, come).index == 0
    finally:
        for child in late:
            child.kill()
