"""The doctor, on machines made up here."""

import argparse
import dataclasses
import json
from pathlib import Path

import pytest

from robo_dopamine_ros.cli import doctor, doctor_checks
from robo_dopamine_ros.cli.doctor_checks import MIB, examine
from robo_dopamine_ros.cli.system_info import (
    ABSENT,
    InstallMode,
    Probe,
    SystemInfo,
    pins,
    probe,
    segment_size,
)

ROOT = Path(__file__).parents[2]
WORKS = Probe(True, '1.0')
HEALTHY = SystemInfo(
    commands=frozenset({'g++', 'colcon', 'rosdep'}),
    versions={
        **dict.fromkeys([*doctor_checks.LIBRARIES, 'mujoco'], '1.0'),
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


def names_of_faults(system: SystemInfo, mode: InstallMode) -> list[str]:
    return [finding.name for finding in examine(system, mode) if not finding.ok]


@pytest.mark.parametrize(
    ('system', 'mode'),
    [(HEALTHY, InstallMode.PLAIN), (SOURCED, InstallMode.ROS), (HEALTHY, InstallMode.LIBRARY)],
)
def test_a_healthy_machine_has_no_faults(system: SystemInfo, mode: InstallMode) -> None:
    assert names_of_faults(system, mode) == []


@pytest.mark.parametrize(
    ('mode', 'change', 'fault'),
    [
        (InstallMode.PLAIN, {'python': (3, 13, 0)}, 'Python'),
        (InstallMode.PLAIN, {'pins': {'numpy': '2.4.6'}}, 'packages'),
        (InstallMode.PLAIN, {'pins': {}}, 'packages'),
        (InstallMode.PLAIN, {'commands': frozenset()}, 'compiler'),
        (InstallMode.PLAIN, {'segment': None}, 'image transport'),
        (InstallMode.PLAIN, {'segment': MIB // 2}, 'image transport'),
        (InstallMode.PLAIN, {'shm_free': 64_000_000}, 'shared memory'),
        (InstallMode.PLAIN, {'environment': {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF'}}, 'discovery'),
        (InstallMode.PLAIN, {'model': ''}, 'model'),
        (InstallMode.LIBRARY, {'versions': {'mujoco': '3.17.0'}}, 'packages'),
        (InstallMode.ROS, {'isolated': True}, 'environment'),
        (InstallMode.ROS, {'versions': {**HEALTHY.versions, 'ros-rclpy': '7.1.6'}}, 'rclpy'),
        (InstallMode.ROS, {'versions': {**HEALTHY.versions, 'numpy': '2.4.6'}}, 'numpy'),
    ],
)
def test_each_fault_is_found_alone_and_can_be_mended(
    mode: InstallMode, change: dict, fault: str
) -> None:
    system = dataclasses.replace(SOURCED if mode is InstallMode.ROS else HEALTHY, **change)
    assert names_of_faults(system, mode) == [fault]
    assert all(bool(finding.mend) != finding.ok for finding in examine(system, mode))


@pytest.mark.parametrize(
    ('name', 'mode', 'fault'),
    [
        ('rendering', InstallMode.LIBRARY, 'simulator'),
        ('torch', InstallMode.LIBRARY, 'engines'),
        ('robo_dopamine', InstallMode.PLAIN, 'interfaces'),
        ('rclpy', InstallMode.ROS, 'rclpy'),
        ('cv_bridge', InstallMode.ROS, 'cv_bridge'),
        ('message_filters', InstallMode.ROS, 'message_filters'),
    ],
)
def test_what_does_not_load_is_told_in_its_own_words(
    name: str, mode: InstallMode, fault: str
) -> None:
    probes = {**HEALTHY.probes, name: Probe(False, 'ImportError: libfoo.so.1')}
    system = dataclasses.replace(SOURCED if mode is InstallMode.ROS else HEALTHY, probes=probes)
    (finding,) = [finding for finding in examine(system, mode) if not finding.ok]
    assert finding.name == fault
    assert 'libfoo.so.1' in finding.detail


def test_an_installed_but_unsourced_distribution_is_to_be_sourced() -> None:
    system = dataclasses.replace(HEALTHY, ros_found=('humble', 'jazzy', 'rolling'))
    (finding,) = [finding for finding in examine(system, InstallMode.ROS) if not finding.ok]
    assert finding.mend == '. /opt/ros/jazzy/setup.bash'


def test_another_middleware_needs_no_profile() -> None:
    environment = {'ROS_DISTRO': 'jazzy', 'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}
    system = dataclasses.replace(SOURCED, environment=environment, segment=None)
    assert names_of_faults(system, InstallMode.ROS) == []


def test_the_way_in_use_is_recognised() -> None:
    assert HEALTHY.mode is InstallMode.LIBRARY
    assert SOURCED.mode is InstallMode.ROS
    versions = {**HEALTHY.versions, 'ros-rclpy': '7.1.6'}
    assert dataclasses.replace(HEALTHY, versions=versions).mode is InstallMode.PLAIN


def test_text_and_json_say_the_same() -> None:
    system = dataclasses.replace(HEALTHY, model='')
    report = {mode: examine(system, mode) for mode in InstallMode}
    said = json.loads(doctor.as_json(report, InstallMode.PLAIN))
    assert said['way'] == 'plain'
    assert not said['ways']['plain']['complete']
    text = doctor.as_text(report, InstallMode.PLAIN, system)
    assert text.endswith('ROS 2 from .venv: 1 of 10 needs mending')
    for mode in InstallMode:
        assert mode.title in text
        assert all(finding['detail'] in text for finding in said['ways'][mode.value]['findings'])


def test_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    assert parser.parse_args(['--mode', 'ros', '--json']).mode is InstallMode.ROS
    with pytest.raises(SystemExit):
        parser.parse_args(['--mode', 'cloud'])
    assert "invalid choice: 'cloud' (choose from plain, ros, library)" in capsys.readouterr().err


def test_probes_survive_what_they_try() -> None:
    assert probe('print("fine")', {}) == Probe(True, 'fine')
    assert probe('import no_such_thing', {}) == ABSENT
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
