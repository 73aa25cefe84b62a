"""The doctor, on machines made up here."""

import argparse
import dataclasses
import json
from pathlib import Path

import pytest

from robo_dopamine_ros.cli import checks, doctor
from robo_dopamine_ros.cli.checks import MIB, Machine, Probe, Way, examine
from robo_dopamine_ros.cli.machine import pins, probe, segment_size

ROOT = Path(__file__).parents[2]
WORKS = Probe(True, '1.0')
HEALTHY = Machine(
    commands=frozenset({'g++', 'colcon', 'rosdep'}),
    versions={
        **dict.fromkeys([*checks.LIBRARIES, 'mujoco'], '1.0'),
        'numpy': '1.26.4',
    },
    pins={'numpy': '1.26.4'},
    probes=dict.fromkeys(
        ['rendering', 'torch', 'onnxruntime', 'robo_dopamine', 'rclpy', 'cv_bridge',
         'message_filters', 'launch_ros'],
        WORKS,
    ),
    profile='fastdds.xml',
    segment=64 * MIB,
    shm_free=1024 * MIB,
    model='models/grm',
)  # fmt: skip
SOURCED = dataclasses.replace(HEALTHY, environment={'ROS_DISTRO': 'jazzy'})


def names_of_faults(machine: Machine, way: Way) -> list[str]:
    return [finding.name for finding in examine(machine, way) if not finding.ok]


@pytest.mark.parametrize(
    ('machine', 'way'), [(HEALTHY, Way.PLAIN), (SOURCED, Way.ROS), (HEALTHY, Way.LIBRARY)]
)
def test_a_healthy_machine_has_no_faults(machine: Machine, way: Way) -> None:
    assert names_of_faults(machine, way) == []


@pytest.mark.parametrize(
    ('way', 'change', 'fault'),
    [
        (Way.PLAIN, {'python': (3, 13, 0)}, 'Python'),
        (Way.PLAIN, {'pins': {'numpy': '2.4.6'}}, 'packages'),
        (Way.PLAIN, {'pins': {}}, 'packages'),
        (Way.PLAIN, {'commands': frozenset()}, 'compiler'),
        (Way.PLAIN, {'segment': None}, 'image transport'),
        (Way.PLAIN, {'segment': MIB // 2}, 'image transport'),
        (Way.PLAIN, {'shm_free': 64_000_000}, 'shared memory'),
        (Way.PLAIN, {'environment': {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF'}}, 'discovery'),
        (Way.PLAIN, {'model': ''}, 'model'),
        (Way.LIBRARY, {'versions': {'mujoco': '3.17.0'}}, 'packages'),
        (Way.ROS, {'isolated': True}, 'environment'),
        (Way.ROS, {'versions': {**HEALTHY.versions, 'ros-rclpy': '7.1.6'}}, 'rclpy'),
        (Way.ROS, {'versions': {**HEALTHY.versions, 'numpy': '2.4.6'}}, 'numpy'),
    ],
)
def test_each_fault_is_found_alone_and_can_be_mended(way: Way, change: dict, fault: str) -> None:
    machine = dataclasses.replace(SOURCED if way is Way.ROS else HEALTHY, **change)
    assert names_of_faults(machine, way) == [fault]
    assert all(bool(finding.mend) != finding.ok for finding in examine(machine, way))


@pytest.mark.parametrize(
    ('name', 'way', 'fault'),
    [
        ('rendering', Way.LIBRARY, 'simulator'),
        ('torch', Way.LIBRARY, 'engines'),
        ('robo_dopamine', Way.PLAIN, 'interfaces'),
        ('rclpy', Way.ROS, 'rclpy'),
        ('cv_bridge', Way.ROS, 'cv_bridge'),
        ('message_filters', Way.ROS, 'message_filters'),
    ],
)
def test_what_does_not_load_is_told_in_its_own_words(name: str, way: Way, fault: str) -> None:
    probes = {**HEALTHY.probes, name: Probe(False, 'ImportError: libfoo.so.1')}
    machine = dataclasses.replace(SOURCED if way is Way.ROS else HEALTHY, probes=probes)
    (finding,) = [finding for finding in examine(machine, way) if not finding.ok]
    assert finding.name == fault
    assert 'libfoo.so.1' in finding.detail


def test_an_installed_but_unsourced_distribution_is_to_be_sourced() -> None:
    machine = dataclasses.replace(HEALTHY, ros_found=('humble', 'jazzy', 'rolling'))
    (finding,) = [finding for finding in examine(machine, Way.ROS) if not finding.ok]
    assert finding.mend == '. /opt/ros/jazzy/setup.bash'


def test_another_middleware_needs_no_profile() -> None:
    environment = {'ROS_DISTRO': 'jazzy', 'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}
    machine = dataclasses.replace(SOURCED, environment=environment, segment=None)
    assert names_of_faults(machine, Way.ROS) == []


def test_the_way_in_use_is_recognised() -> None:
    assert HEALTHY.way is Way.LIBRARY
    assert SOURCED.way is Way.ROS
    versions = {**HEALTHY.versions, 'ros-rclpy': '7.1.6'}
    assert dataclasses.replace(HEALTHY, versions=versions).way is Way.PLAIN


def test_text_and_json_say_the_same() -> None:
    machine = dataclasses.replace(HEALTHY, model='')
    report = {way: examine(machine, way) for way in Way}
    said = json.loads(doctor.as_json(report, Way.PLAIN))
    assert said['way'] == 'plain'
    assert not said['ways']['plain']['complete']
    text = doctor.as_text(report, Way.PLAIN, machine)
    assert text.endswith('ROS 2 from .venv: 1 of 10 needs mending')
    for way in Way:
        assert way.title in text
        assert all(finding['detail'] in text for finding in said['ways'][way.value]['findings'])


def test_arguments() -> None:
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    assert parser.parse_args(['--way', 'ros', '--json']).way is Way.ROS
    with pytest.raises(SystemExit):
        parser.parse_args(['--way', 'cloud'])


def test_probes_survive_what_they_try() -> None:
    assert probe('print("fine")', {}) == Probe(True, 'fine')
    assert probe('import no_such_thing', {}) == checks.ABSENT
    assert probe('import os; os.abort()', {}) == Probe(False, 'ended with -6')
    assert probe('import math; math.nothing', {}).detail.startswith('AttributeError')


def test_segment_is_read_from_the_profile(tmp_path: Path) -> None:
    assert segment_size(ROOT / 'config' / 'fastdds.xml') == 64 * MIB
    assert segment_size(tmp_path / 'absent.xml') is None
    broken = tmp_path / 'broken.xml'
    broken.write_text('<profiles>')
    assert segment_size(broken) is None


def test_pins_are_those_of_the_running_python(tmp_path: Path) -> None:
    file = tmp_path / 'some.txt'
    file.write_text(
        '# words\nPyYAML==6.0.3\nros-rclpy[fastrtps]==7.1.6\n'
        "numpy==2.4.6; python_version >= '3.11'\nnumpy==2.2.6; python_version < '3.11'\n"
    )
    found = pins([file])
    assert found.pop('numpy') in ('2.4.6', '2.2.6')
    assert found == {'pyyaml': '6.0.3', 'ros-rclpy': '7.1.6'}
