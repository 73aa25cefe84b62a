"""`ros2 launch robo_dopamine ...` as people use it: the same as `robo-dopamine up`."""

import pytest
from launched import CTRL_C, Launch, Listener, alive, missing, until

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.timeout(400),
    pytest.mark.usefixtures('domain'),
]
CELLS = {
    'reward': {'reward', 'episode_manager'},
    'sim': {'sim', 'gate', 'teleop', 'reward', 'episode_manager'},
}


@pytest.mark.parametrize('name', CELLS)
def test_it_comes_up_starts_reward_again_and_stops_on_ctrl_c(name: str) -> None:
    with Launch(name) as launch, Listener() as client:
        until(client.active, lambda: launch.said)
        assert set(launch.pids()) == CELLS[name]
        until(lambda: client.episodes, lambda: launch.said)
        if name == 'sim':
            until(lambda: client.controls and client.arms, lambda: launch.said)
        before = launch.pids()
        launch.kill('reward')
        until(lambda: launch.pids()['reward'] != before['reward'], lambda: launch.said)
        until(client.active, lambda: launch.said)
        after = launch.pids()
        assert {**after, 'reward': 0} == {**before, 'reward': 0}, 'others were started again too'
        launch.press(CTRL_C)
        assert launch.end() == 0, launch.said
    assert 'Traceback' not in launch.said, launch.said
    assert not any(map(alive, after.values()))


@pytest.mark.parametrize(('name', 'victim'), [('reward', 'episode_manager'), ('sim', 'gate')])
def test_the_death_of_a_node_that_must_not_die_ends_all(name: str, victim: str) -> None:
    with Launch(name) as launch, Listener() as client:
        until(client.active, lambda: launch.said)
        launch.kill(victim)
        assert launch.end() == 1, launch.said
        pids = launch.pids().values()
    assert f'{victim}-' in launch.said
    assert 'ended with exit code -9' in launch.said
    assert not any(map(alive, pids))


def test_two_robots_have_a_namespace_each() -> None:
    with Launch('sim', 'namespace:=left') as launch, Listener('left') as client:
        until(lambda: client.active() and client.controls, lambda: launch.said)
        assert '/left/gate' in client.node_names()
        with Launch('reward', 'namespace:=left') as second:
            assert second.end() == 1, second.said
        assert '/left/episode_manager' in second.said
        assert 'already' in second.said
        with Launch('reward', 'namespace:=right') as other, Listener('right') as right:
            until(right.active, lambda: other.said)
            other.press(CTRL_C)
            assert other.end() == 0
        launch.press(CTRL_C)
        assert launch.end() == 0


@pytest.mark.parametrize(
    ('argument', 'words'),
    [
        ('config:=nowhere', 'nowhere'),
        ('set:=reward.rate=fast', 'reward.rate'),
        ('set:=reward.raet=5', 'did you mean rate'),
        ('cameras:=realsense', 'serial number'),
        ('cameras:=webcam', 'webcam'),
        ('views:=front behind', 'behind'),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(argument: str, words: str) -> None:
    with Launch('reward', argument) as launch:
        assert launch.end() == 1, launch.said
    assert words in launch.said
    assert not launch.pids()
