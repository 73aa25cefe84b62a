"""Every launch file under launch_testing: up, active, speaking, reward started again, a clean end.

Drivers are the fakes of `drivers/`, as processes of their own; `driver:=false` leaves the real ones
alone.
"""

import os
import signal
import sys
import unittest
from pathlib import Path
from typing import Any

import pytest
from launched import Listener, missing, until

if missing():
    pytest.skip(missing(), allow_module_level=True)

import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from launch import LaunchDescription  # noqa: E402
from launch.actions import ExecuteProcess, IncludeLaunchDescription  # noqa: E402

from robo_dopamine_ros.cli.dds_domain import free_domain  # noqa: E402

TESTS = Path(__file__).parents[1]
LAUNCH = TESTS.parent / 'launch'
NO_MANAGER = 'gate.driver.position_controller.manager=""'  # the fakes have none
NO_GRIPPER = 'gate.driver.gripper.kind=none'
OTHERS = {'driver': 'false'}
CASES = {  # case, whose first word is the launch file: fake driver, arguments
    'reward': ([], {}),
    'sim': ([], {}),
    'franka': (['drivers/crisp_driver.py', 'franka'], {**OTHERS, 'set': NO_GRIPPER}),
    'ur': (
        ['drivers/position_controller_driver.py', 'ur5e', 'ur'],
        {**OTHERS, 'set': f"'{NO_MANAGER}'"},
    ),
    'ur servo': (
        ['drivers/servo_driver.py'],
        {**OTHERS, 'arm': 'servo', 'set': 'gate.driver.servo.ur.enabled=false'},
    ),
    'piper': (['drivers/agx_driver.py'], OTHERS),
    'gazebo': (
        ['launch/gazebo_driver.py'],
        {**OTHERS, 'set': f"'{NO_MANAGER}'"},
    ),
}


@pytest.mark.launch_test
@pytest.mark.timeout(900)
@launch_testing.parametrize('case', list(CASES))
def generate_test_description(case: str) -> LaunchDescription:
    os.environ['ROS_DOMAIN_ID'] = str(free_domain())
    fake, arguments = CASES[case]
    path = {'PYTHONPATH': f'{TESTS}{os.pathsep}{os.environ["PYTHONPATH"]}'}
    words = [sys.executable, *(str(TESTS / word) if '/' in word else word for word in fake)]
    fakes = [ExecuteProcess(cmd=words, name='fake', additional_env=path)] if fake else []
    cell = IncludeLaunchDescription(
        str(LAUNCH / f'{case.split()[0]}.launch.py'), launch_arguments=arguments.items()
    )
    return LaunchDescription([*fakes, cell, launch_testing.actions.ReadyToTest()])


class TestRunning(unittest.TestCase):
    def test_it_speaks_and_starts_reward_again(
        self, case: str, proc_info: Any, proc_output: Any
    ) -> None:
        def said() -> str:
            return '\n'.join(event.text.decode() for event in proc_output)

        with Listener() as client:
            until(client.active, said)
            until(lambda: client.episodes, said)
            if case != 'reward':
                until(lambda: client.controls and client.arms, said)
                assert 'did not start' not in client.controls[-1].reason
            (reward,) = (p for p in proc_info.process_names() if p.startswith('reward'))
            before = proc_info[reward].pid
            os.kill(before, signal.SIGKILL)
            until(lambda: proc_info[reward].pid != before, said)
            until(client.active, said)


@launch_testing.post_shutdown_test()
class TestEnded(unittest.TestCase):
    def test_all_ended_well(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
