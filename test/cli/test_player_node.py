"""The player as a process of its own, refusing what it cannot play."""

import subprocess

from robo_dopamine_ros.cli.dds_domain import free_domain
from robo_dopamine_ros.nodes.cell import Process
from robo_dopamine_ros.ros.environment import process_environment


def player(**parameters):
    command = Process('player', parameters=parameters).command()
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60,
        env=process_environment() | {'ROS_DOMAIN_ID': str(free_domain())}, check=False,
    )  # fmt: skip


def test_an_episode_that_is_broken_is_named(tmp_path):
    (tmp_path / 'cam_high.mp4').write_bytes(b'')
    done = player(episode=str(tmp_path))
    assert done.returncode == 2
    assert 'cam_high.mp4: not a video that can be decoded' in done.stderr
    assert 'Traceback' not in done.stderr


def test_no_episode_and_strange_speeds_are_refused(episode):
    assert 'episode is empty' in player().stderr
    done = player(episode=str(episode), speed=0.0)
    assert done.returncode == 2
    assert 'speed = 0.0; it must be above 0' in done.stderr
