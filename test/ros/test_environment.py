"""Our processes find one another and their libraries without anything being sourced."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from robo_dopamine_ros.ros import environment

SMALLEST = ('PATH', 'HOME')


def bare(**more: str) -> dict[str, str]:
    """The environment of a machine on which nothing was sourced."""
    return {key: os.environ[key] for key in SMALLEST if key in os.environ} | more


def test_a_child_needs_nothing_else() -> None:
    code = 'import rclpy, robo_dopamine.msg, robo_dopamine_ros.ros.topics; print("ok")'
    env = environment.process_environment(bare())
    done = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True)
    assert done.stdout == 'ok\n', done.stderr


def test_activating_is_enough_without_a_new_process() -> None:
    code = (
        'from robo_dopamine_ros.ros import environment; environment.activate();'
        'import robo_dopamine.action; print("ok")'
    )
    env = bare(PYTHONPATH=str(environment.SOURCE_DIR))
    done = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True)
    assert done.stdout == 'ok\n', done.stderr


def test_what_the_caller_chose_is_kept() -> None:
    chosen = bare(ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET', FASTRTPS_DEFAULT_PROFILES_FILE='mine.xml')
    env = environment.process_environment(chosen)
    assert chosen.items() <= env.items()


def test_dds_stays_on_this_machine_with_room_for_images() -> None:
    env = environment.process_environment(bare())
    assert env['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    profile = Path(env['FASTRTPS_DEFAULT_PROFILES_FILE']).read_text()
    assert '<segment_size>67108864</segment_size>' in profile
    assert 'ROS_LOCALHOST_ONLY' not in env
    assert environment.process_environment(bare(ROS_DISTRO='humble'))['ROS_LOCALHOST_ONLY'] == '1'


def test_it_can_be_given_twice() -> None:
    once = environment.process_environment(bare())
    assert environment.process_environment(once) == once


def test_what_is_not_shipped_is_named() -> None:
    with pytest.raises(environment.NotBuiltError, match='no config/nothing.xml in '):
        environment.shared_path('config/nothing.xml')
