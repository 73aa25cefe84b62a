"""The whole way from a gamepad to the arm: a peg is inserted by Joy messages alone."""

import time
from collections.abc import Iterator

import pytest
from processes import Watcher, running_nodes
from std_msgs.msg import String
from std_srvs.srv import SetBool

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.ros.convert import from_msg
from robo_dopamine_ros.types import Control, Mode

TIMEOUT = 60.0  # [s] ten times what an insertion takes
GRADE = topics.Topic('sim/grade', String, topics.LATCHED, None, 'sim', 'tests', 'the truth')
DRIVE = topics.Service(
    'scripted_operator/drive', SetBool, 'scripted_operator', 'take over, or hand back'
)
CELL = {  # a loaded machine must not look like a fault
    'sim': ('width:=64', 'height:=48', 'camera_rate:=5.0', 'realtime.seed:=3'),
    'gate': (
        'simulated:=true',
        'armed:=true',
        'stop_lock:=false',
        'enable:=none',
        *(f'limits.{name}:=1.0' for name in ('arm_timeout', 'human_timeout', 'tick_timeout')),
    ),
    'teleop': ('device:=joy', 'joy.timeout:=1.0', 'person:=Ada'),
    'scripted_operator': ('trigger:=board', 'seed:=3'),
}


@pytest.fixture
def cell(domain: int) -> Iterator[None]:
    with running_nodes(CELL):
        yield


def test_a_peg_is_inserted_by_joy_messages(cell: None, watcher: Watcher) -> None:
    grades: list[str] = []
    controls: list[Control] = []
    watcher.subscribe(GRADE, lambda message: message.data, grades)
    watcher.subscribe(topics.CONTROL, from_msg, controls)
    watcher.until(lambda: any(c.mode is Mode.HUMAN for c in controls), 'nobody drives')
    deadline = time.monotonic() + TIMEOUT
    while 'success' not in grades:
        assert time.monotonic() < deadline, f'{grades}, {controls[-1]}'
        time.sleep(0.02)
    assert not any(c.latched for c in controls), [c.reason for c in controls if c.latched][:1]
    assert {c.source for c in controls if c.mode is not Mode.HOLD} == {topics.TELEOP_COMMAND.name}

    handed_back(watcher, controls)
    watcher.call(DRIVE, SetBool.Request(data=True))
    watcher.until(lambda: controls[-1].mode is Mode.HUMAN, 'nobody takes over on request')
    watcher.call(DRIVE, SetBool.Request(data=False))
    handed_back(watcher, controls)


def handed_back(watcher: Watcher, controls: list[Control]) -> None:
    watcher.until(lambda: controls[-1].mode is Mode.HOLD, 'the dead-man is held for ever')
    held = 'a person took over'
    watcher.until(lambda: held not in controls[-1].reason, 'the arm was not handed back')
