"""Two nodes of one name: the second is refused, whatever became of others before."""

import os
from collections.abc import Iterator

import pytest
from processes import CONDUCTOR, Child, Watcher

from robo_dopamine_ros.ros import alone, topics
from robo_dopamine_ros.ros.alone import NotAloneError
from robo_dopamine_ros.types import Phase


@pytest.fixture
def conductor(domain: int) -> Iterator[Child]:
    child = Child(CONDUCTOR)
    yield child
    child.kill()


def speaks(watcher: Watcher) -> bool:
    return watcher.episode.phase is Phase.IDLE and bool(watcher.episodes)


def test_a_second_one_is_refused_until_the_first_is_gone(conductor: Child, domain: int) -> None:
    with Watcher() as watcher:
        watcher.until(lambda: speaks(watcher), 'the first does not speak')
    second = Child(CONDUCTOR)
    code, said = second.wait()
    assert code == 2
    assert said.startswith(
        'conductor: /conductor runs already on this machine '
        f'(process {conductor.popen.pid}): stop that cell, or give this one a namespace'
    ), said
    with pytest.raises(NotAloneError, match=f'/conductor runs already .*{conductor.popen.pid}'):
        alone.check(['/gate', '/conductor'])
    alone.check(['/gate', '/left/conductor'])
    conductor.kill()
    alone.check(['/conductor'])
    third = Child(CONDUCTOR)
    try:
        with Watcher() as watcher:
            watcher.until(lambda: speaks(watcher), 'the third does not speak')
    finally:
        third.kill()


def test_one_beyond_this_machine_is_heard(bench, conductor: Child) -> None:
    bench.node.create_publisher(topics.EPISODE.type, topics.EPISODE.name, topics.EPISODE.qos)
    with Watcher() as watcher:
        watcher.until(lambda: speaks(watcher), 'it does not speak')
        watcher.until(lambda: bench.node.count_publishers('episode') == 2, 'it was not discovered')
    with pytest.raises(NotAloneError, match='another bench speaks on /episode: stop that cell'):
        alone.listen(bench.node, topics.EPISODE)


def test_silent_names_are_no_hindrance(bench) -> None:
    topic = topics.EPISODE
    for _ in range(2):  # one of its own, one of somebody who never speaks
        bench.node.create_publisher(topic.type, topic.name, topic.qos)
    alone.listen(bench.node, topic)


def test_where_none_can_be_reached_none_is_listened_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not alone.reaches_others()
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    assert alone.reaches_others()
    monkeypatch.setenv('ROS_LOCALHOST_ONLY', '1')
    assert not alone.reaches_others()


def test_a_lock_is_of_one_domain(domain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = alone.claim('/left/gate')
    assert alone.holder('/left/gate') == str(os.getpid())
    assert alone.holder('/gate') is None
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain + 1))
    assert alone.holder('/left/gate') is None
    monkeypatch.undo()
    os.close(lock)
