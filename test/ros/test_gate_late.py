"""The gate whose driver comes up after it: an AgileX arm that must be enabled first."""

from collections.abc import Iterator

import pytest
from arms.descriptions import ARMS, URDF
from processes import HERE, Child
from test_gate_node import GATE, TIMEOUTS, UP, Cell

from robo_dopamine_ros.types import Mode

PIPER = ARMS['piper']
DRIVER = [str(HERE.parent / 'drivers' / 'agx_driver.py')]
PARAMETERS = {
    **{f'limits.{name}': wait for name, wait in TIMEOUTS.items() if name != 'force'},
    'simulated': 'true',
    'armed': 'true',
    'stop_lock': 'false',
    'enable': 'none',
    'limits.low': '[-1.0, -1.0, 0.0]',
    'limits.high': '[1.0, 1.0, 1.0]',
    'driver.arm': 'agx',
    'driver.base_frame': PIPER.base,
    'driver.tool_frame': PIPER.tool,
    'driver.joints': f'[{", ".join(PIPER.joints)}]',
    'driver.gripper.kind': 'none',
    'driver.agx.kinematics.urdf': str(URDF / 'piper.urdf'),
}


@pytest.fixture
def children(domain: int) -> Iterator[list[Child]]:
    words = [f'{key}:={value}' for key, value in PARAMETERS.items()]
    children = [Child(GATE, *words)]
    yield children
    for child in children:
        child.kill()


def test_a_driver_that_comes_up_late_is_started_all_the_same(children: list[Child]) -> None:
    with Cell(PIPER.base) as cell:
        cell.wait_for_mode(Mode.HOLD, 'the driver did not start')
        children.append(Child(DRIVER))
        cell.until(lambda: cell.states and not cell.states[-1].fault, 'the arm is not started')
        cell.wait_for_mode(Mode.HOLD, 'no episode runs')
        there = cell.states[-1].pose.position[2]
        cell.command_human(UP)
        cell.wait_for_mode(Mode.HUMAN)
        cell.until(lambda: cell.states[-1].pose.position[2] > there + 0.01, 'it does not move')
