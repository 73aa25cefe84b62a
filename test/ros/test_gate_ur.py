"""The gate in front of a UR that starts again by itself after a protective stop."""

from collections.abc import Iterator

import numpy as np
import pytest
from arms.descriptions import ARMS, URDF
from processes import HERE, Child
from std_msgs.msg import Float64MultiArray
from test_gate_node import GATE, TIMEOUTS, UP, Cell

from robo_dopamine_ros.ros import topics
from robo_dopamine_ros.types import Mode

UR5E = ARMS['ur5e']
DRIVER = [str(HERE.parent / 'drivers' / 'position_controller_driver.py'), 'ur5e', 'ur']
PARAMETERS = {
    **{f'limits.{name}': wait for name, wait in TIMEOUTS.items() if name != 'force'},
    'simulated': 'true',
    'armed': 'true',
    'stop_lock': 'false',
    'enable': 'none',
    'limits.low': '[-1.0, -1.0, 0.0]',
    'limits.high': '[1.0, 1.0, 1.0]',
    'driver.arm': 'position_controller',
    'driver.tool_frame': UR5E.tool,
    'driver.joints': f'[{", ".join(UR5E.joints)}]',
    'driver.gripper.kind': 'none',
    'driver.position_controller.manager': '""',
    'driver.position_controller.kinematics.urdf': str(URDF / 'ur5e.urdf'),
    'driver.position_controller.ur.enabled': 'true',
    'driver.position_controller.ur.headless': 'true',
    'driver.position_controller.ur.unlock_delay': 0.4,
}


@pytest.fixture
def children(domain: int) -> Iterator[list[Child]]:
    words = [f'{key}:={value}' for key, value in PARAMETERS.items()]
    children = [Child(DRIVER), Child(GATE, *words)]
    yield children
    for child in children:
        child.kill()


def test_nothing_goes_on_by_itself_after_a_protective_stop(children: list[Child]) -> None:
    driver, _ = children
    with Cell() as cell:
        sent: list[np.ndarray] = []
        commands = 'forward_position_controller/commands'
        cell.node.create_subscription(
            Float64MultiArray, commands, lambda message: sent.append(np.array(message.data)), 10
        )
        cell.wait_for_mode(Mode.HOLD)
        cell.command_human(UP)
        cell.wait_for_mode(Mode.HUMAN)
        home = UR5E.kinematics.pose(np.array(UR5E.home)).position[2]
        cell.until(lambda: cell.states[-1].pose.position[2] > home + 0.01, 'it does not move')
        driver.say('blip')  # the controller is active again before anybody looks
        cell.wait_for_mode(Mode.STOPPED, 'the program External Control does not run')
        count = len(sent)
        stopped = cell.states[-1].joints
        cell.until(lambda: not cell.states[-1].fault, 'the fault stays')
        cell.until(lambda: len(sent) > count + 10, 'a hold is sent too')
        assert cell.control.mode is Mode.STOPPED, 'the person still wants to move'
        for command in sent[count + 5 :]:
            assert command == pytest.approx(stopped, abs=0.02)

        driver.say('stop')
        cell.wait_for_mode(Mode.STOPPED, 'speed scaling is 0.0 %')
        assert 'does not run' in cell.rearm().message
        done = cell.call(topics.RECOVER, topics.RECOVER.type.Request())
        assert done.recovered, done.reason
        assert list(done.steps) == [
            'unlock the protective stop: done',
            'send the program again: done',
        ]
        assert cell.control.mode is Mode.STOPPED
        cell.until(lambda: cell.rearm().success, 'it cannot be rearmed')
        cell.wait_for_mode(Mode.HOLD, 'let go of the dead-man first')
        cell.command_human(None)
        cell.until(lambda: 'dead-man' not in cell.control.reason, 'letting go is not heeded')
        cell.command_human(UP)
        cell.wait_for_mode(Mode.HUMAN)
        there = cell.states[-1].pose.position[2]
        cell.until(lambda: cell.states[-1].pose.position[2] > there + 0.01, 'it does not move')
