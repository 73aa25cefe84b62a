"""The box of a cell: recorded from an arm that is led by hand, told by a fake gate."""

import itertools
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from test_replay import environment as shell

from robo_dopamine_ros.cli import record_workspace
from robo_dopamine_ros.cli.dds_domain import VARIABLE, free_domain
from robo_dopamine_ros.cli.record_workspace import EMPTY_BOX, WorkspaceBox, WorkspaceError
from robo_dopamine_ros.ros import environment

environment.activate()

from robo_dopamine_ros.nodes.cell_client import CellClient  # noqa: E402 (need the environment)
from robo_dopamine_ros.ros.convert import to_msg  # noqa: E402
from robo_dopamine_ros.ros.topics import ARM_STATE  # noqa: E402
from robo_dopamine_ros.safety.limiter import Limits  # noqa: E402
from robo_dopamine_ros.types import ArmState, Pose  # noqa: E402

POINTS = st.lists(st.tuples(*[st.floats(-2.0, 2.0)] * 3), min_size=1, max_size=20)
CORNERS = [(0.3, -0.25, 0.02), (0.6, 0.25, 0.02), (0.6, -0.25, 0.4)]

WHOLE = 'x +0.300 .. +0.600  y -0.250 .. +0.250  z +0.020 .. +0.400'


def bare(line: str) -> str:
    """A line without where the tool is now."""
    return re.sub(r' \(now [^)]*\)', '', line)


def arm_at(point) -> ArmState:
    none = np.zeros(6)
    pose = Pose(np.array(point), np.array([1.0, 0.0, 0.0, 0.0]))
    return ArmState(0, pose, none, none, none, tuple('abcdef'), 1.0, none)


@given(POINTS)
def test_a_box_holds_all_it_was_led_through_and_nothing_more(points) -> None:
    box = EMPTY_BOX
    for point in points:
        box = box.extended(np.array(point))
    assert box.low.tolist() == np.min(points, axis=0).tolist()
    assert box.high.tolist() == np.max(points, axis=0).tolist()


@given(POINTS, st.floats(0.03, 0.5))
def test_what_is_written_is_a_limit_of_the_gate_within_the_box(points, margin) -> None:
    box = WorkspaceBox(np.min(points, axis=0), np.max(points, axis=0)).grown(margin)
    told = yaml.safe_load(record_workspace.as_yaml(box))['gate']['ros__parameters']['limits']
    limits = Limits(low=tuple(told['low']), high=tuple(told['high']))
    assert (np.array(limits.low) >= box.low - 1e-6).all()
    assert (np.array(limits.high) <= box.high + 1e-6).all()
    assert np.allclose(limits.low, box.low, atol=1.1e-3)


def test_a_line_is_no_box() -> None:
    box = WorkspaceBox(np.array([0.3, 0.0, 0.0]), np.array([0.6, 0.2, 0.01]))
    with pytest.raises(WorkspaceError, match='the tool was led too little along z 1.0 cm'):
        record_workspace.checked_box(box, '/arm/state')


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    number = str(free_domain())
    monkeypatch.setenv(VARIABLE, number)
    return {VARIABLE: number}


@pytest.fixture
def doctor(domain: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen]]:
    command = [sys.executable, '-m', 'robo_dopamine_ros.cli.main', 'doctor', '--bounds']
    started = []

    def start(*words: object) -> subprocess.Popen:
        started.append(subprocess.Popen(
            [*command, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=shell() | domain,
        ))  # fmt: skip
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_it_records_until_ctrl_c(doctor, tmp_path) -> None:
    file, lines, corners = tmp_path / 'box.yaml', [], itertools.cycle(CORNERS)
    process = doctor('--namespace', 'left', '--margin', '0.01', '--out', file)
    with CellClient('gate', 'left') as gate:
        publisher = gate.node.create_publisher(ARM_STATE.type, ARM_STATE.name, ARM_STATE.qos)
        shown = ''
        threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True).start()
        deadline = time.monotonic() + 40.0
        while WHOLE not in (shown := ''.join(map(bare, lines))):
            assert time.monotonic() < deadline, shown
            publisher.publish(to_msg(arm_at(next(corners)), 'base'))
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        told = process.stdout.read()
        process.wait(40)
    assert process.returncode == 0, shown
    assert told == file.read_text()
    limits = yaml.safe_load(told)['gate']['ros__parameters']['limits']
    assert limits == {'low': [0.29, -0.26, 0.01], 'high': [0.61, 0.26, 0.41]}
    assert 'lead the tool through every corner' in shown


def test_an_arm_that_is_silent_is_told(doctor, tmp_path) -> None:
    process = doctor()
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 2
    assert 'nothing on /arm/state within 5 s; start a cell with a gate first' in shown
    (tmp_path / 'box.yaml').write_text('')
    taken = doctor('--out', tmp_path / 'box.yaml')
    assert 'is there already; nothing is written over' in taken.communicate(timeout=60)[1]
