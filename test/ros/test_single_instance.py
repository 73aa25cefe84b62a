"""Two nodes of one name: the second is refused, whatever became of others before."""

import os
from collections.abc import Iterator

import pytest
from processes import EPISODE_MANAGER, Child, Watcher

from robo_dopamine_ros.ros import single_instance, topics
from robo_dopamine_ros.ros.single_instance import AlreadyRunningError
from robo_dopamine_ros.types import Phase


@pytest.fixture
def episode_manager(domain: int) -> Iterator[Child]:
    child = Child(EPISODE_MANAGER)
    yield child
    child.kill()


def speaks(watcher: Watcher) -> bool:
    return watcher.episode.phase is Phase.IDLE and bool(watcher.episodes)


def test_a_second_one_is_refused_until_the_first_ends(episode_manager: Child, domain: int) -> None:
    with Watcher() as watcher:
        watcher.until(lambda: speaks(watcher), 'the first does not speak')
    second = Child(EPISODE_MANAGER)
    code, said = second.wait()
    assert code == 2
    assert said.startswith(
        'episode_manager: /episode_manager runs already on this machine '
        f'(process {episode_manager.popen.pid}): stop that cell, or give this one a namespace'
    ), said
    with pytest.raises(
        AlreadyRunningError, match=f'/episode_manager runs already .*{episode_manager.popen.pid}'
    ):
        single_instance.check_not_running(['/gate', '/episode_manager'])
    single_instance.check_not_running(['/gate', '/left/episode_manager'])
    episode_manager.kill()
    single_instance.check_not_running(['/episode_manager'])
    third = Child(EPISODE_MANAGER)
    try:
        with Watcher() as watcher:
            watcher.until(lambda: speaks(watcher), 'the third does not speak')
    finally:
        third.kill()


def test_one_beyond_this_machine_is_heard(bench, episode_manager: Child) -> None:
    bench.node.create_publisher(topics.EPISODE.type, topics.EPISODE.name, topics.EPISODE.qos)
    with Watcher() as watcher:
        watcher.until(lambda: speaks(watcher), 'it does not speak')
        watcher.until(lambda: bench.node.count_publishers('episode') == 2, 'it was not discovered')
    with pytest.raises(
        AlreadyRunningError, match='another bench speaks on /episode: stop that cell'
    ):
        single_instance.check_no_other_publisher(bench.node, topics.EPISODE)


def test_silent_names_are_no_hindrance(bench) -> None:
    topic = topics.EPISODE
    for _ in range(2):  # one of its own, one of somebody who never speaks
        bench.node.create_publisher(topic.type, topic.name, topic.qos)
    single_instance.check_no_other_publisher(bench.node, topic)


def test_where_none_can_be_reached_none_is_listened_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not single_instance.is_discovery_remote()
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    assert single_instance.is_discovery_remote()
    monkeypatch.setenv('ROS_LOCALHOST_ONLY', '1')
    assert not single_instance.is_discovery_remote()


def test_a_lock_is_of_one_domain(domain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = single_instance.acquire_lock('/left/gate')
    assert single_instance.owner_pid('/left/gate') == str(os.getpid())
    assert single_instance.owner_pid('/gate') is None
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain + 1))
    assert single_instance.owner_pid('/left/gate') is None
    monkeypatch.undo()
    os.close(lock)
